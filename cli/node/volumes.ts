import { Errno, errnoOf, type FileServer, NineError, plainAttr, reasonOf, S } from "../../9p/mod.ts";
import type { Retention, VolumeStore } from "../../state/volume/mod.ts";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { deferred } from "./deferred.ts";

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
  /** How long a copy is waited for that says nothing; as the store has it if not given. */
  readonly copies?: { readonly days: number };
  /** Globs of the files that merge as text; as the tree has them if not given. */
  readonly merge?: readonly string[];
  /** Those in which what was written is durable when the file is closed. */
  readonly durableAtClunk?: ReadonlySet<string>;
  readonly onTrouble: (volume: string, message: string) => void;
  readonly onConflict?: (volume: string, what: "conflict" | "resolved", path: string, of: string) => void;
  /** Told when the Worker of a volume has ended, as there was nothing to do. */
  readonly onRested?: () => void;
  /** After so long with nothing to do it does. As the store has it if not given. */
  readonly restMs?: number;
}

/** The roots of a volume and of its past, as servers/volume has them, which costs memory and is loaded with the first volume. */
const ROOT_PATH = 0x10_0000_0000_0001;
const PAST_PATH = 1;

interface Served {
  readonly server: Server;
  /** The same as it was. */
  readonly past: Server;
}

interface Open extends Served {
  readonly store: VolumeStore;
}

/** The volumes of a home, in its folder `volumes`. Each is opened once, when it is first asked for or, if deferred, used. */
export class Volumes {
  readonly #open = new Map<string, Promise<Open>>();
  /** Those that are opened when they are first used. */
  readonly #deferred = new Map<string, Served>();
  #isClosed = false;

  constructor(readonly options: VolumesOptions) {}

  get folder(): string {
    return join(this.options.home, "volumes");
  }

  /** Those that there are, by name. */
  names(): string[] {
    return volumesIn(this.options.home);
  }

  /** The server of a volume, which is made where there is none. */
  async server(name: string): Promise<Server> {
    return this.#deferred.get(name)?.server ?? (await this.#opened(name)).server;
  }

  /** The volume as it was, a directory for each snapshot. */
  async past(name: string): Promise<Server> {
    return this.#deferred.get(name)?.past ?? (await this.#opened(name)).past;
  }

  /** From now on there is that volume. It is opened, and made where there is none, when it is first used. */
  defer(name: string): void {
    const { uid, gid } = this.options.owned;
    const startedSec = Math.floor(Date.now() / 1000);
    const opened = async () => {
      try {
        return await this.#opened(name);
      } catch (thrown) {
        this.options.onTrouble(name, `It is not served: ${reasonOf(thrown)}`);
        throw thrown;
      }
    };
    this.#deferred.set(name, {
      server: deferred(async () => (await opened()).server, {
        path: ROOT_PATH,
        attr: (qid) =>
          this.names().includes(name) ? undefined : plainAttr(qid, S.IFDIR | 0o755, uid, gid, startedSec),
      }),
      past: deferred(async () => (await opened()).past, {
        path: PAST_PATH,
        isReadOnly: true,
        attr: (qid) => plainAttr(qid, S.IFDIR | 0o555, uid, gid, startedSec),
      }),
    });
  }

  /** The store of a volume that is served; ENOENT where there is none. */
  async store(name: string): Promise<VolumeStore> {
    if (!this.#open.has(name) && !this.#deferred.has(name)) {
      throw new NineError("ENOENT", `The node has no volume ${JSON.stringify(name)}`);
    }
    return (await this.#opened(name)).store;
  }

  /** EEXIST where it is there. */
  async create(name: string): Promise<Server> {
    if (this.names().includes(name) || this.#deferred.has(name)) {
      throw new NineError("EEXIST", `There is a volume ${name} already`);
    }
    return await this.server(name);
  }

  /** Removes a volume that is open, with its history, or what is there of a clone that is not whole. `hide` takes away its past from the tree. */
  async remove(name: string, hide: () => void): Promise<void> {
    if (!this.served().includes(name) && await removeCloning(this.options.home, name)) return;
    const store = await this.store(name);
    this.#open.delete(name);
    this.#deferred.delete(name);
    hide();
    await store.close();
    await removeVolume(this.options.home, name);
  }

  /** Those that the node has, open or not. */
  served(): string[] {
    return [...new Set([...this.#open.keys(), ...this.#deferred.keys()])].sort();
  }

  /** Those that are open. */
  opened(): string[] {
    return [...this.#open.keys()].sort();
  }

  /** What is known of each volume that is served. */
  async status(): Promise<Record<string, unknown>[]> {
    // Of one that does not open there is nothing to say here.
    await Promise.allSettled([...this.#deferred.keys()].map((name) => this.#opened(name)));
    const all = await Promise.all(
      [...this.#open].map(async ([name, open]) => ({ name, ...(await open).store.status() })),
    );
    return all.sort((a, b) => a.name < b.name ? -1 : 1);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    for (const open of await Promise.allSettled(this.#open.values())) {
      if (open.status === "fulfilled") await open.value.store.close();
    }
    this.#open.clear();
  }

  #opened(name: string): Promise<Open> {
    let open = this.#open.get(name);
    if (open === undefined && this.#isClosed) {
      return Promise.reject(new NineError("EBADF", `The volume ${name} is closed: the node ends`));
    }
    if (open === undefined) {
      open = this.#start(name);
      this.#open.set(name, open);
      open.catch(() => this.#open.delete(name));
    }
    return open;
  }

  async #start(name: string): Promise<Open> {
    const { owned, retention, copies, merge, onTrouble, onRested, restMs, durableAtClunk } = this.options;
    // A node without volumes does without all that they need, some 15 MB of memory.
    const { VolumeStore } = await import("../../state/volume/mod.ts");
    const { snapshots, volume, withDifferences } = await import("../../servers/volume/mod.ts");
    const store = await VolumeStore.open(volumeFolder(this.options.home, name), {
      owned,
      retention,
      copies,
      merge,
      keyFile: keyFileOf(this.options.home),
      onConflict: (what, path, of) => this.options.onConflict?.(name, what, path, of),
      onTrouble: (message) => onTrouble(name, message),
      onRested,
      restMs,
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

/** The volumes of a home, by name. */
export function volumesIn(home: string): string[] {
  try {
    return [...Deno.readDirSync(join(home, "volumes"))]
      // Other names are no volumes, as those of what is left of one that was removed.
      .filter(({ isDirectory, name }) => isDirectory && VOLUME_NAME.test(name)).map(({ name }) => name)
      .sort();
  } catch (thrown) {
    if (thrown instanceof Deno.errors.NotFound) return [];
    throw thrown;
  }
}

/** Where a home has a volume. */
export function volumeFolder(home: string, name: string): string {
  checkVolumeName(name);
  return join(home, "volumes", name);
}

/** Where a home has the key that its copies of volumes write with. */
export function keyFileOf(home: string): string {
  return join(home, "key");
}

/** Removes a volume that nobody has open, or where there is none what is there of a clone that is not whole. It is gone at once, even if not all of its files are. */
export async function removeVolume(home: string, name: string): Promise<void> {
  const folder = volumeFolder(home, name);
  if (existsSync(folder)) return removeFolder(home, name, folder);
  if (await removeCloning(home, name)) return;
  throw new NineError("ENOENT", `The home ${home} has no volume ${JSON.stringify(name)}`);
}

/** Removes what is there of a clone that was to be that volume; whether there was something. EBUSY while it is made. */
async function removeCloning(home: string, name: string): Promise<boolean> {
  const { cloningFolder, lockFolder } = await import("../../state/volume/mod.ts");
  const folder = cloningFolder(volumeFolder(home, name));
  if (!existsSync(folder)) return false;
  let lock: Deno.FsFile;
  try {
    lock = lockFolder(folder);
  } catch (thrown) {
    if (errnoOf(thrown) !== Errno.EBUSY) throw thrown;
    throw new NineError("EBUSY", `A clone is being made that is to be the volume ${name}: stop it first`);
  }
  try {
    removeFolder(home, name, folder);
  } finally {
    lock.close();
  }
  return true;
}

function removeFolder(home: string, name: string, folder: string): void {
  const volumes = join(home, "volumes");
  Deno.renameSync(folder, join(volumes, `.removed-${name}-${crypto.randomUUID().slice(0, 8)}`));
  // Also what is left of those whose removal was cut short.
  for (const { name } of Deno.readDirSync(volumes)) {
    if (name.startsWith(".removed-")) Deno.removeSync(join(volumes, name), { recursive: true });
  }
}

/** EINVAL for what cannot be a volume's name. */
export function checkVolumeName(name: string): void {
  if (VOLUME_NAME.test(name)) return;
  throw new NineError("EINVAL", `${JSON.stringify(name)} is no name for a volume: it ${VOLUME_NAME_PROBLEM}`);
}
