import { type FileServer, NineError } from "../../9p/mod.ts";
import type { Retention, VolumeStore } from "../../state/volume/mod.ts";
import { join } from "node:path";

type Server = FileServer<object>;

export const VOLUME_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
export const VOLUME_NAME_PROBLEM =
  "must be up to 64 letters, digits, dots, underscores and dashes, a letter or digit first";

export interface VolumesOptions {
  readonly home: string;
  /** Who has a new volume's root directory. */
  readonly owned: { readonly uid: string; readonly gid: string };
  /** How long history is kept; as the store has it if not given. */
  readonly retention: Retention | undefined;
  /** Globs of the files that merge as text; as the tree has them if not given. */
  readonly merge?: readonly string[];
  /** Those in which what was written is durable when the file is closed. */
  readonly durableAtClunk?: ReadonlySet<string>;
  readonly onTrouble: (volume: string, message: string) => void;
}

interface Open {
  readonly server: Server;
  /** The same as it was. */
  readonly past: Server;
  readonly store: VolumeStore;
}

/** The volumes of a home, in its folder `volumes`. Each is opened once, when it is first asked for. */
export class Volumes {
  readonly #open = new Map<string, Promise<Open>>();

  constructor(readonly options: VolumesOptions) {}

  get folder(): string {
    return join(this.options.home, "volumes");
  }

  /** Those that there are, by name. */
  names(): string[] {
    try {
      return [...Deno.readDirSync(this.folder)]
        // Other names are no volumes, as those of what is left of one that was removed.
        .filter(({ isDirectory, name }) => isDirectory && VOLUME_NAME.test(name)).map(({ name }) => name)
        .sort();
    } catch (thrown) {
      if (thrown instanceof Deno.errors.NotFound) return [];
      throw thrown;
    }
  }

  /** The server of a volume, which is made where there is none. */
  async server(name: string): Promise<Server> {
    return (await this.#opened(name)).server;
  }

  /** The volume as it was, a directory for each snapshot. */
  async past(name: string): Promise<Server> {
    return (await this.#opened(name)).past;
  }

  /** The store of a volume that is open; ENOENT where there is none. */
  async store(name: string): Promise<VolumeStore> {
    const open = this.#open.get(name);
    if (open === undefined) throw new NineError("ENOENT", `The node has no volume ${JSON.stringify(name)}`);
    return (await open).store;
  }

  /** EEXIST where it is there. */
  async create(name: string): Promise<Server> {
    if (this.names().includes(name)) throw new NineError("EEXIST", `There is a volume ${name} already`);
    return await this.server(name);
  }

  /** Removes a volume that is open, with its history. `hide` takes away its past from the tree. */
  async remove(name: string, hide: () => void): Promise<void> {
    const store = await this.store(name);
    this.#open.delete(name);
    hide();
    await store.close();
    removeVolume(this.options.home, name);
  }

  /** Those that are open. */
  opened(): string[] {
    return [...this.#open.keys()].sort();
  }

  /** What is known of each volume that is open. */
  async status(): Promise<Record<string, unknown>[]> {
    const all = await Promise.all(
      [...this.#open].map(async ([name, open]) => ({ name, ...(await open).store.status() })),
    );
    return all.sort((a, b) => a.name < b.name ? -1 : 1);
  }

  async close(): Promise<void> {
    for (const open of this.#open.values()) await (await open).store.close();
    this.#open.clear();
  }

  #opened(name: string): Promise<Open> {
    let open = this.#open.get(name);
    if (open === undefined) {
      open = this.#start(name);
      this.#open.set(name, open);
      open.catch(() => this.#open.delete(name));
    }
    return open;
  }

  async #start(name: string): Promise<Open> {
    const { owned, retention, merge, onTrouble, durableAtClunk } = this.options;
    // A node without volumes does without all that they need, some 15 MB of memory.
    const { VolumeStore } = await import("../../state/volume/mod.ts");
    const { snapshots, volume, withDifferences } = await import("../../servers/volume/mod.ts");
    const store = await VolumeStore.open(volumeFolder(this.options.home, name), {
      owned,
      retention,
      merge,
      onTrouble: (message) => onTrouble(name, message),
    });
    return {
      store,
      server: volume(store, {
        name,
        durable: durableAtClunk?.has(name) ? "clunk" : undefined,
      }) as unknown as Server,
      past: withDifferences(snapshots(store, owned), store, owned) as unknown as Server,
    };
  }
}

/** Where a home has a volume. */
export function volumeFolder(home: string, name: string): string {
  checkVolumeName(name);
  return join(home, "volumes", name);
}

/** Removes a volume that nobody has open. It is gone at once, even if not all of its files are. */
export function removeVolume(home: string, name: string): void {
  const gone = join(home, "volumes", `.removed-${name}-${crypto.randomUUID().slice(0, 8)}`);
  try {
    Deno.renameSync(volumeFolder(home, name), gone);
  } catch (thrown) {
    if (!(thrown instanceof Deno.errors.NotFound)) throw thrown;
    throw new NineError("ENOENT", `The home ${home} has no volume ${JSON.stringify(name)}`);
  }
  // Also what is left of those whose removal was cut short.
  for (const { name } of Deno.readDirSync(join(home, "volumes"))) {
    if (name.startsWith(".removed-")) Deno.removeSync(join(home, "volumes", name), { recursive: true });
  }
}

/** EINVAL for what cannot be a volume's name. */
export function checkVolumeName(name: string): void {
  if (VOLUME_NAME.test(name)) return;
  throw new NineError("EINVAL", `${JSON.stringify(name)} is no name for a volume: it ${VOLUME_NAME_PROBLEM}`);
}
