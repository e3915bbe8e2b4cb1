/** A volume, and what is done to it, for the tests beside this: named as one so that it may open a store. */
import assert from "node:assert/strict";
import { type Call, type Creation, O, S, type User } from "../../9p/mod.ts";
import { VolumeStore, type VolumeStoreOptions } from "../../state/volume/mod.ts";
import { verify } from "../../state/worker/mod.ts";
import { volume } from "./mod.ts";

const owner: User = { name: "me", groups: new Set(["us"]), standing: "owner" };
export const call: Call = { user: owner, signal: new AbortController().signal };
export const file: Creation = { mode: S.IFREG | 0o644, uid: "me" };

export type Server = ReturnType<typeof volume>;
export type Place = Parameters<Server["getattr"]>[0];

export const now = <T>(value: T | Promise<T>): T => {
  assert.ok(!(value instanceof Promise), "the volume answers at once");
  return value;
};
const fail = (message: string) => {
  throw new Error(message);
};

/** Acts on a volume, then on the same one opened again; what is kept of it must be sound after each. */
export async function withVolume(
  act: (server: Server, root: Place, store: VolumeStore) => Promise<void>,
  then: (server: Server, root: Place, store: VolumeStore) => void = () => {},
  options: VolumeStoreOptions = {},
): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "lux9-restore-" });
  try {
    for (const part of [act, then]) {
      const store = await VolumeStore.open(folder, { onTrouble: fail, ...options });
      try {
        const server = volume(store);
        await part(server, now(server.attach("", call)), store);
      } finally {
        await store.close();
      }
      assert.deepEqual(verify(folder).problems, []);
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

export function walk(server: Server, root: Place, path: string): Place {
  return path.split("/").filter((name) => name !== "")
    .reduce((dir, name) => now(server.walk(dir, name, call)), root);
}

export function mkdir(server: Server, dir: Place, name: string): Place {
  return now(server.make(dir, name, { mode: S.IFDIR | 0o755, uid: "me" }, call));
}

export function put(server: Server, dir: Place, name: string, text: string): Place {
  const { node, handle } = now(server.create(dir, name, file, O.WRONLY, call));
  server.hold(node);
  now(server.write(node, handle, 0, new TextEncoder().encode(text), call));
  now(server.close(node, handle, call));
  server.drop(node);
  return node;
}

export function rewrite(server: Server, node: Place, text: string): void {
  const handle = now(server.open(node, O.WRONLY | O.TRUNC, call));
  now(server.write(node, handle, 0, new TextEncoder().encode(text), call));
  now(server.close(node, handle, call));
}

export function get(server: Server, node: Place): string {
  const into = new Uint8Array(100_000);
  const count = server.read(node, now(server.open(node, O.RDONLY, call)), 0, into, call) as number;
  return new TextDecoder().decode(into.subarray(0, count));
}

/** All there is, one line a name, with all that a restoring brings back; names of one file have one number. */
export function dump(server: Server, dir: Place, path = "", numbers = new Map<unknown, number>()): string[] {
  const lines: string[] = [];
  const handle = now(server.open(dir, O.RDONLY, call));
  const entries = now(server.list(dir, handle, 0, 10_000, true, call));
  for (const { name, attr } of entries.sort((a, b) => a.name < b.name ? -1 : 1)) {
    const node = now(server.walk(dir, name, call));
    assert.deepEqual(
      now(server.getattr(node, undefined, call)),
      attr,
      `${path}/${name} listed and asked for`,
    );
    const { qid, mode, uid, gid, size, nlink, atimeSec, mtimeSec, mtimeNsec } = attr!;
    if (!numbers.has(qid.path)) numbers.set(qid.path, numbers.size);
    const isFile = (mode & S.IFMT) === S.IFREG;
    const what = isFile ? get(server, node) : (mode & S.IFMT) === S.IFLNK ? server.readlink(node, call) : "";
    const attributes = now(server.listxattr(node, call)).sort().map((name) =>
      `${name}=${now(server.getxattr(node, name, call))}`
    );
    const number = isFile ? numbers.get(qid.path) : "";
    lines.push(
      `${path}/${name} #${number} ${mode.toString(8)} ${uid}:${gid} ${size} ${nlink} ${atimeSec} ` +
        `${mtimeSec}.${mtimeNsec} [${attributes}] ${what}`,
    );
    if (qid.type & 0x80) lines.push(...dump(server, node, `${path}/${name}`, numbers));
  }
  return lines;
}

/** Whole numbers below `n`, the same for the same seed. */
export function numbers(seed: number): (n: number) => number {
  let state = seed;
  return (n) => {
    state = Math.imul(state ^ state >>> 15, 0x2c1b3c6d) + 0x9e3779b9 | 0;
    return ((state ^ state >>> 13) >>> 0) % n;
  };
}

/** All directories and files there are. */
export function places(server: Server, root: Place): Place[] {
  const found = [root];
  for (const dir of found) {
    if ((now(server.getattr(dir, undefined, call)).mode & S.IFMT) !== S.IFDIR) continue;
    const entries = now(server.list(dir, now(server.open(dir, O.RDONLY, call)), 0, 10_000, false, call));
    for (const { name } of entries) found.push(now(server.walk(dir, name, call)));
  }
  return found;
}

export function change(server: Server, root: Place, below: (n: number) => number, held: Place[]): void {
  const all = places(server, root);
  const dirs = all.filter(({ inode }) => inode.isDirectory);
  const [dir, any] = [dirs[below(dirs.length)], all[below(all.length)]];
  const name = `n${below(12)}`;
  try {
    switch (below(10)) {
      case 0:
        return void mkdir(server, dir, name);
      case 1:
      case 2:
        return void put(server, dir, name, `text ${below(1000)}`);
      case 3:
        return void now(server.remove(any, call));
      case 4:
      case 5:
        return void now(server.rename(any, dir, name, false, call));
      case 6:
        return void (any.inode.isDirectory || now(server.link(any, dir, name, call)));
      case 7:
        return void (any.inode.contents && rewrite(server, any, `text ${below(1000)}`));
      case 8:
        now(
          server.setattr(any, { mode: below(0o777), mtime: { sec: below(1e9), nsec: 7 } }, undefined, call),
        );
        return void now(server.setxattr(any, `user.${below(3)}`, new Uint8Array([below(9)]), 0, call));
      case 9:
        server.hold(any);
        held.push(any);
        if (held.length > 8) server.drop(held.shift()!);
    }
  } catch (thrown) {
    if (
      !/EEXIST|ENOTEMPTY|EINVAL|EBUSY|EISDIR|ENOTDIR|ENOENT/.test(String((thrown as { code?: string }).code))
    ) {
      throw thrown;
    }
  }
}
