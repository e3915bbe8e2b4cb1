import {
  type Call,
  Errno,
  errnoName,
  errnoOf,
  type ErrorReport,
  escapeJson,
  escapeText,
  type FileServer,
  NineError,
  parseAddress,
  reasonOf,
} from "../../9p/mod.ts";
import { type MountOptions, Namespace, type Order } from "../../namespace/mod.ts";
import { ctl, quoteWord, splitWords } from "../../servers/ctl/mod.ts";
import { host } from "../../servers/host/mod.ts";
import { log } from "../../servers/log/mod.ts";
import { mem } from "../../servers/mem/mod.ts";
import { existsSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import type { Config, MountConfig } from "./config.ts";
import { modulesFolder, translators } from "./translators.ts";
import type { Users } from "./users.ts";
import { exchangeServer } from "../../servers/sync/mod.ts";
import { volumeControl } from "./volume_control.ts";
import { Volumes } from "./volumes.ts";

export interface Tree {
  /** What clients see. */
  readonly server: FileServer<object, unknown>;
  /** Keeps a failed request for `/log/errors`. */
  onError(report: ErrorReport): void;
  /** What `/data` is, unless lux9.yaml says so: a volume, or the folder that the home has had from before. */
  readonly data: { readonly volume: string } | { readonly folder: string } | undefined;
  /** Syncs what was written to host folders and lets everything go. */
  close(): Promise<void>;
}

export interface TreeOptions {
  readonly home: string;
  readonly config: Config;
  readonly users: Users;
  /** What `/status.json` says. */
  status(): Record<string, unknown>;
  /** Told when the Worker of a volume has ended, as there was nothing to do. */
  readonly onRested?: () => void;
  /** After so long with nothing to do it does; 30 s if not given. */
  readonly restMs?: number;
}

/** The volume that is at `/data`. */
const DATA = "data";

type Server = FileServer<object>;

/** Puts the tree of a node together: `/data`, `/log`, `/ctl` and what `lux9.yaml` lists. */
export async function buildTree(
  { home, config, users, status, onRested, restMs }: TreeOptions,
): Promise<Tree> {
  const closing = new Map<Server, () => void | Promise<void>>();
  const call: Call = { user: users.owner, signal: new AbortController().signal };
  const owned = { uid: users.owner.name, gid: [...users.owner.groups][0] ?? users.owner.name };
  const namespace = new Namespace(owned, async (server) => {
    await closing.get(server)?.();
    closing.delete(server);
  });

  function hostServer(folder: string): Server {
    const server = host(folder, { principals: users.principals });
    closing.set(server as Server, async () => {
      await server.sync();
      server[Symbol.dispose]();
    });
    return server as Server;
  }

  const volumes = new Volumes({
    home,
    owned,
    retention: config.retention,
    copies: config.copies,
    merge: config.merge,
    durableAtClunk: new Set(
      config.mounts.flatMap((mount) => "volume" in mount && mount.durable === "clunk" ? [mount.volume] : []),
    ),
    onTrouble: (name, reason) => trouble(name, "EIO", reason),
    onConflict(name, event, path, of) {
      for (const place of placesOf(name)) {
        const at = place.replace(/\/$/, "");
        logs.event({ event, path: at + path, from: at + of, user: owned.uid });
      }
    },
    onRested,
    restMs,
  });

  function trouble(name: string, code: string, reason: string): void {
    logs.error({ user: owned.uid, request: `volume ${name}`, code, reason });
  }

  /** Mounts a volume. One that does not open is told of: all else on the node does not wait until it is mended. */
  async function mountVolume(name: string, at: string, more: Omit<MountOptions, "label">) {
    let server: Server;
    try {
      server = await volumes.server(name);
    } catch (thrown) {
      const reason = `It is not served: ${reasonOf(thrown)}`;
      return trouble(name, errnoName(errnoOf(thrown)), reason);
    }
    await namespace.mount(server, at, call, { ...more, label: volumeLabel(name) });
  }

  async function showPast(name: string): Promise<void> {
    const label = `snap:${name}`;
    await namespace.mount(await volumes.past(name), `/snap/${name}`, call, { ...quiet, label });
  }

  async function mountAtVol(name: string, server: Server, by: Call): Promise<void> {
    await namespace.mount(server, `/vol/${name}`, by, { ...quiet, label: volumeLabel(name) });
    await showPast(name);
  }

  const volumeCommand = volumeControl({
    volumes,
    placesOf,
    isServed: async (name) => namespace.uses(await volumes.server(name)),
    async show(name, by) {
      await mountAtVol(name, await volumes.create(name), by);
    },
    async serve(name, by) {
      if (!volumes.names().includes(name)) throw new NineError("ENOENT", `The home has no volume ${name}`);
      // One that is opened when it is first used has its place from the start.
      if (placesOf(name).length === 0) await mountAtVol(name, await volumes.server(name), by);
    },
    hide: (name, by) => namespace.unmount(`/snap/${name}`, by, `snap:${name}`),
    restored: (path, by) => namespace.restored(path, by),
  });

  /** Where a volume is mounted. */
  function placesOf(name: string): string[] {
    return namespace.mounts().flatMap(({ path, members }) =>
      members.some(({ label }) => label === volumeLabel(name)) ? [path] : []
    );
  }

  async function importTree(dial: string, aname: string): Promise<Server> {
    // Loaded when first needed: most nodes import nothing.
    const { remote } = await import("../../servers/remote/mod.ts");
    const { principals, owner } = users;
    const imported = await remote(parseAddress(dial), { aname, uname: owner.name, principals });
    closing.set(imported.server as Server, () => imported.close());
    return imported.server as Server;
  }

  async function bind(line: string, by: Call): Promise<void> {
    const [command, ...words] = splitWords(line);
    const flags = words.filter((word) => /^-[abc]+$/.test(word)).join("");
    const names = words.filter((word) => !/^-[abc]+$/.test(word));
    const order: Order = flags.includes("b") ? "before" : flags.includes("a") ? "after" : "replace";
    const options = { order, label: names[0], ...(flags.includes("c") ? { create: true } : {}) };
    if (command === "bind" && names.length === 2) {
      return await namespace.bind(names[0], names[1], by, options);
    }
    if (command === "import" && (names.length === 2 || names.length === 3)) {
      return await namespace.mount(await importTree(names[0], names[2] ?? ""), names[1], by, options);
    }
    if (command === "unmount" && names.length === 1) return namespace.unmount(names[0], by);
    if (command === "unmount" && names.length === 2) return namespace.unmount(names[1], by, names[0]);
    throw new NineError(
      "EINVAL",
      `${
        JSON.stringify(line)
      }: write bind [-abc] OLD NEW, import [-abc] ADDRESS NEW [ANAME] or unmount [OLD] NEW`,
    );
  }

  async function mountConfig(mount: MountConfig): Promise<void> {
    const { at, order } = mount;
    const more = mount.create === undefined ? { order } : { order, create: mount.create };
    if ("bind" in mount) return await namespace.bind(mount.bind, at, call, { ...more, label: mount.bind });
    if ("host" in mount) {
      const folder = resolve(home, mount.host);
      return await namespace.mount(hostServer(folder), at, call, { ...more, label: folder });
    }
    if ("volume" in mount) {
      return await mountVolume(mount.volume, at, more);
    }
    if ("mem" in mount) {
      const server = mem({ ...owned, ...mount.mem }) as Server;
      return await namespace.mount(server, at, call, { ...more, label: "mem" });
    }
    const server = await importTree(mount.import, mount.aname);
    return await namespace.mount(server, at, call, { ...more, label: mount.import });
  }

  const quiet = { order: "replace" as const };
  let unlisten: (() => void) | undefined;
  const logs = log({
    ...owned,
    onWatched(watched) {
      unlisten?.();
      unlisten = watched
        ? namespace.events.listen((event, view) => {
          // Exchanges change no file by what is written to them.
          if (event.path.startsWith("/sync/")) return;
          logs.event(event, view);
          for (const path of computing.staleBy(event.path)) {
            const stale = { event: "stale", path, from: event.path, user: event.user };
            // Whoever sees a folder's changes sees those of what is computed in it.
            logs.event(stale, (user) =>
              dirname(path) === dirname(event.path) && view(user) ? stale : undefined);
          }
        })
        : undefined;
    },
  });

  const control = ctl({
    ctl: {
      command: (line, by) => /^\s*(volume|snapshot)\s/.test(line) ? volumeCommand(line, by) : bind(line, by),
      mode: 0o600,
      text: () => "",
    },
    ns: { text: () => nsText(namespace) },
    "ns.json": { text: () => json(namespace.mounts()) },
    status: { text: () => statusText(status()) },
    "status.json": { text: () => json(status()) },
    volumes: { text: async () => (await volumeStatus()).map((one) => statusText(one)).join("\n") },
    "volumes.json": { text: async () => json(await volumeStatus()) },
  }, owned);

  async function volumeStatus(): Promise<Record<string, unknown>[]> {
    return (await volumes.status()).map(({ name, ...rest }) => ({
      name,
      at: placesOf(String(name)),
      ...rest,
    }));
  }

  await namespace.mount(control as Server, "/", call, { ...quiet, label: "ctl", create: false });
  await namespace.mount(logs.server, "/log", call, { ...quiet, label: "log" });
  const exchanges = exchangeServer({
    names: () => volumes.served(),
    open: async (name) => await (await volumes.store(name)).exchange(),
  }, owned);
  await namespace.mount(exchanges as Server, "/sync", call, { ...quiet, label: "sync" });
  const data = config.mounts.some(({ at, order }) => at === "/data" && order === "replace")
    ? undefined
    : dataOf(home);
  if (data !== undefined && "folder" in data) {
    await namespace.mount(hostServer(data.folder), "/data", call, { ...quiet, label: data.folder });
  } else if (data !== undefined) {
    // A node that nobody asks for files is ready sooner without them, and takes less memory.
    volumes.defer(data.volume);
    const label = volumeLabel(data.volume);
    await namespace.mount(await volumes.server(data.volume), "/data", call, { ...quiet, label });
    await showPast(data.volume);
  }
  for (const name of volumes.names()) {
    if (config.mounts.some((mount) => "volume" in mount && mount.volume === name)) continue;
    if (placesOf(name).length > 0) continue;
    await mountVolume(name, `/vol/${name}`, quiet);
  }
  const modules = modulesFolder(home);
  Deno.mkdirSync(modules, { recursive: true, mode: 0o755 });
  const computing = translators({
    home,
    owned,
    tree: namespace.server as Server,
    root: await namespace.walkPath("/", call),
    isUnion: (dir) => namespace.isUnion(dir as Parameters<typeof namespace.isUnion>[0]),
    modules: hostServer(modules),
    placesOf,
  });
  await namespace.mount(computing.modules, "/translators", call, { ...quiet, label: modules });
  await namespace.mount(computing.paths, "/x", call, { ...quiet, label: "x" });
  for (const mount of config.mounts) {
    try {
      await mountConfig(mount);
    } catch (thrown) {
      await volumes.close();
      throw new NineError(errnoOf(thrown), `${mount.place}: the mount at ${mount.at}: ${reasonOf(thrown)}`);
    }
  }
  for (const name of volumes.opened()) {
    if (data === undefined || !("volume" in data) || name !== data.volume) await showPast(name);
  }

  return {
    server: computing.server,
    data,
    onError({ user, request, path, errno, reason }) {
      // That a file lacks an attribute is an answer: Linux asks before each write, and would push out all else.
      if (request === "Txattrwalk" && errno === Errno.ENODATA) return;
      logs.error({ user: user.name, request, ...(path ? { path } : {}), code: errnoName(errno), reason });
    },
    async close() {
      unlisten?.();
      await computing.close();
      for (const close of closing.values()) await close();
      await volumes.close();
    },
  };
}

/** A home that has a folder `data` goes on with it. */
function dataOf(home: string): Tree["data"] {
  const folder = join(home, DATA);
  return existsSync(folder) ? { folder } : { volume: DATA };
}

/** How `/ns` names a volume. */
function volumeLabel(name: string): string {
  return `volume:${name}`;
}

/** Lines that `/ctl` takes, as far as it can make them. */
function nsText(namespace: Namespace): string {
  const lines = namespace.mounts().flatMap(({ path, members }) =>
    members.map(({ label, create }, i) => {
      const flags = i === 0 ? "" : create ? " -ac" : " -a";
      return `mount${flags} ${escapeText(quoteWord(label))} ${escapeText(quoteWord(path))}\n`;
    })
  );
  return lines.join("");
}

function json(value: unknown): string {
  return `${escapeJson(value, 2)}\n`;
}

function statusText(status: Record<string, unknown>): string {
  return Object.entries(status).map(([key, value]) =>
    `${key} ${typeof value === "string" ? escapeText(quoteWord(value)) : escapeJson(value)}\n`
  ).join("");
}
