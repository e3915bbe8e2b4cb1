import { hostname } from "node:os";
import { existsSync, realpathSync, statSync } from "node:fs";
import { Errno, errnoOf, NineError, type Tree } from "../../9p/mod.ts";
import type { Known } from "../../state/store/mod.ts";
import type { VolumeStore } from "../../state/volume/mod.ts";
import { Exit } from "../exit.ts";
import { checkHome, homeOf, socketOf } from "../home.ts";
import { readConfig } from "../node/node.ts";
import { takeHome } from "../node/running.ts";
import { keyFileOf, volumeFolder, volumesIn } from "../node/volumes.ts";
import { reach, type Where } from "../reach.ts";
import { volumesOf } from "../volume_status.ts";
import { type End, nodeEnd, storeEnd } from "./end.ts";
import type { Named } from "./pairs.ts";

/** How long a node may take for what is under way once it was stopped, ms: then the connection ends. */
const LAST_MS = 2000;

/** Whether what somebody wrote down for the other side is the home of the own one, or its node's socket: a copy has nothing to bring together with itself. */
export function isSameHome(where: Where, other: string): boolean {
  const written = other.replace(/^unix!/, "");
  if (where.addr !== undefined || !existsSync(written)) return false;
  const home = homeOf(where.home);
  if (!existsSync(home)) return false;
  const [own, place] = [home, written].map((path) => realpathSync(path));
  return place === own || place === socketOf(own);
}

/** The copies of one home, or of one node: one side of an exchange. */
export interface Side extends AsyncDisposable {
  /** What it is called to the other side, and in messages. */
  readonly name: string;
  /** Whether it holds its home, as no node runs there. */
  readonly isHeld: boolean;
  volumes(): Promise<Named[]>;
  end(volume: string): Promise<End>;
  /** What a copy has that can be read without opening it; undefined where that cannot be. */
  known(volume: string): Promise<Known | undefined>;
}

/** The side that the options of a command name: a node by its address, or a home, whether a node runs on it or not. `signal` ends the wait for a node. */
export function ownSide(where: Where, signal: AbortSignal): Promise<Side> {
  return where.addr !== undefined
    ? nodeSide(where, where.addr, signal)
    : homeSide(homeOf(where.home), signal);
}

/** The side that somebody wrote down: the folder of a home, a unix socket or an address. */
export function otherSide(text: string, signal: AbortSignal): Promise<Side> {
  const found = existsSync(text) ? statSync(text) : undefined;
  if (found?.isDirectory()) return homeSide(homeOf(text), signal, "an exchange writes to both homes");
  if (found?.isSocket()) return nodeSide({ addr: `unix!${text}` }, text, signal);
  if (/[!:]/.test(text)) return nodeSide({ addr: text }, text, signal);
  throw new Exit(
    "usage",
    `${JSON.stringify(text)} is no home, no socket and no address: write a folder, or tcp!HOST!PORT`,
  );
}

async function nodeSide(where: Where, name: string, signal: AbortSignal): Promise<Side> {
  const tree = await reach(where, signal);
  let timer: ReturnType<typeof setTimeout> | undefined;
  const stop = () => timer = setTimeout(() => tree.client[Symbol.asyncDispose](), LAST_MS);
  signal.addEventListener("abort", stop, { once: true });
  return {
    name,
    isHeld: false,
    volumes: () => forOwner(name, "/sync", exchanged(tree)),
    end: (volume) => forOwner(name, `/sync/${volume}`, nodeEnd(tree, volume)),
    known: () => Promise.resolve(undefined),
    async [Symbol.asyncDispose]() {
      try {
        await tree[Symbol.asyncDispose]();
      } finally {
        signal.removeEventListener("abort", stop);
        clearTimeout(timer);
      }
    },
  };
}

/** Those that whoever asks may exchange. Of one that cannot be opened the node tells nothing but its name. */
async function exchanged(tree: Tree): Promise<Named[]> {
  const names: string[] = [];
  for await (const { name } of tree.list("/sync")) names.push(name);
  const ids = new Map((await volumesOf(tree)).map(({ name, volume }) => [name, volume]));
  return names.sort().map((name) => ({ name, id: ids.get(name) }));
}

/** What the node lets only its owner do, told so to others. */
async function forOwner<T>(name: string, path: string, asked: Promise<T>): Promise<T> {
  try {
    return await asked;
  } catch (thrown) {
    if (errnoOf(thrown) !== Errno.EACCES) throw thrown;
    throw new NineError(
      "EACCES",
      `${name} does not let this user open ${path}, which is for the owner of the node alone: by its own socket, ` +
        "or by a listener with users=owner",
    );
  }
}

/** `advice`: what to do where the home may not be written. */
async function homeSide(home: string, signal: AbortSignal, advice?: string): Promise<Side> {
  const name = `${hostname()}:${home}`;
  checkHome(home);
  const taken = await takeHome(home, advice);
  if (taken.by === "command") throw taken.busy;
  // It has the volumes.
  if (taken.by === "node") return await nodeSide({ home }, name, signal);
  const { lock } = taken;
  const stores = new Map<string, Promise<VolumeStore>>();
  const open = async (volume: string) => {
    const { VolumeStore } = await import("../../state/volume/mod.ts");
    const { copies, merge, retention } = readConfig(home);
    const folder = volumeFolder(home, volume);
    if (!existsSync(folder)) throw new NineError("ENOENT", `${home} has no volume ${volume}`);
    return await VolumeStore.open(folder, { copies, merge, retention, keyFile: keyFileOf(home) });
  };
  return {
    name,
    isHeld: true,
    async volumes() {
      const { volumeIdAt } = await import("../../state/volume/mod.ts");
      return volumesIn(home).map((name) => ({ name, id: volumeIdAt(volumeFolder(home, name)) }));
    },
    async end(volume) {
      // More than one exchange may begin at a time.
      let store = stores.get(volume);
      if (store === undefined) stores.set(volume, store = open(volume));
      try {
        return await storeEnd(await store);
      } catch (thrown) {
        if ((await Promise.allSettled([store]))[0].status === "rejected") stores.delete(volume);
        throw thrown;
      }
    },
    async known(volume) {
      const folder = volumeFolder(home, volume);
      if (stores.has(volume) || !existsSync(folder)) return undefined;
      const { knownAtRest } = await import("../../state/volume/mod.ts");
      return knownAtRest(folder);
    },
    async [Symbol.asyncDispose]() {
      for (const store of stores.values()) await (await store).close();
      lock.release();
    },
  };
}
