import { O, S } from "../../9p/mod.ts";
import {
  call,
  file,
  mkdir,
  now,
  type Place,
  put,
  rewrite,
  type Server,
  walk,
} from "../../servers/volume/_fixture.ts";
import { volume } from "../../servers/volume/mod.ts";
import { VolumeStore, type VolumeStoreOptions } from "../../state/volume/mod.ts";

/** How a volume was left: closed, or by a killed process, with some of it in no file but the logs. */
export type Left = "closed" | "killed";

const OPTIONS: VolumeStoreOptions = { gatherMs: 0, checkpointOperations: 60 };
const FILES = 24;

/** Bytes that no two files share. */
export function bytesOf(seed: number, length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => Math.imul(i + seed * 7919, 0x9e3779b1) >>> 23);
}

/** Makes a volume in `folder` with a history of everything that there is, and leaves it. */
export async function makeVolume(folder: string, left: Left): Promise<void> {
  const made = left === "closed" ? folder : `${folder}-living`;
  {
    const store = await VolumeStore.open(made, OPTIONS);
    const server = volume(store);
    await build(server, now(server.attach("", call)), store);
    await store.close();
  }
  if (left === "closed") return;
  const options = { ...OPTIONS, gatherMs: 0 };
  const store = await VolumeStore.open(made, options);
  const server = volume(store);
  const root = now(server.attach("", call));
  // The last rows are in the database's own log, and what comes after is in the log of operations alone.
  for (let i = 0; i < 12; i++) put(server, walk(server, root, "later"), `late ${i}`, `written late, ${i}`);
  await store.caughtUp();
  options.gatherMs = 1e9;
  put(server, root, "last", "written last");
  rewrite(server, walk(server, root, "text 3"), "changed last");
  now(server.remove(walk(server, root, "text 4"), call));
  const open = now(server.create(root, "open", file, O.RDWR, call));
  server.hold(open.node);
  now(server.write(open.node, open.handle, 0, bytesOf(77, 60_000), call));
  // Of what is durable the log tells damage from an end that power took; the last write it does not.
  await store.log.sync();
  now(server.write(open.node, open.handle, 90_000, bytesOf(78, 3000), call));
  copy(made, folder);
  options.gatherMs = 0;
  await store.close();
  await Deno.remove(made, { recursive: true });
}

async function build(server: Server, root: Place, store: VolumeStore): Promise<void> {
  const long = (dir: Place, name: string, length: number, seed: number) => {
    const { node, handle } = now(server.create(dir, name, file, O.RDWR, call));
    server.hold(node);
    for (let at = 0; at < length; at += 500_000) {
      now(server.write(node, handle, at, bytesOf(seed + at, Math.min(500_000, length - at)), call));
    }
    now(server.close(node, handle, call));
    server.drop(node);
    return node;
  };
  for (let i = 0; i < FILES; i++) put(server, root, `text ${i}`, `some text, number ${i}\n`.repeat(i + 1));
  for (const name of ["plans", "photos", "later"]) mkdir(server, root, name);
  const deep = mkdir(server, mkdir(server, walk(server, root, "plans"), "spring"), "garden");
  long(deep, "large", 1_700_000, 1);
  long(walk(server, root, "photos"), "one", 90_000, 2);
  long(walk(server, root, "photos"), "two", 300_000, 3);
  for (let i = 0; i < 120; i++) put(server, walk(server, root, "photos"), `thumb ${i}`, `thumb ${i}`);
  now(server.link(walk(server, root, "text 1"), deep, "linked", call));
  now(server.make(root, "leads", { mode: S.IFLNK | 0o777, uid: "me", target: "plans/spring" }, call));
  now(server.make(root, "pipe", { mode: S.IFIFO | 0o600, uid: "me" }, call));
  for (let i = 0; i < 8; i++) {
    now(server.setxattr(walk(server, root, `text ${i}`), `user.note ${i}`, bytesOf(i, 40 + i), 0, call));
  }
  await store.caughtUp();
  await store.snapshot("one", "me");
  for (let i = 8; i < 16; i++) rewrite(server, walk(server, root, `text ${i}`), `another text, ${i}`);
  for (let i = 0; i < 40; i++) now(server.remove(walk(server, root, `photos/thumb ${i}`), call));
  now(server.rename(deep, root, "moved garden", false, call));
  now(
    server.setattr(
      walk(server, root, "text 2"),
      { mode: 0o600, mtime: { sec: 1000, nsec: 3 } },
      undefined,
      call,
    ),
  );
  now(server.setxattr(walk(server, root, "text 1"), "user.note 1", null, 0, call));
  await store.caughtUp();
  await store.snapshot("two", "me");
  for (let i = 40; i < 60; i++) now(server.remove(walk(server, root, `photos/thumb ${i}`), call));
  long(root, "third", 200_000, 4);
  await store.restore("one", ["photos"], "before", "me");
  await store.caughtUp();
  put(server, walk(server, root, "photos"), "after", "after restoring");
  await store.caughtUp();
}

/** What a killed process would leave, of a volume in which nothing is being written. */
export function copy(from: string, to: string): void {
  Deno.mkdirSync(to);
  for (const { name, isDirectory } of Deno.readDirSync(from)) {
    if (isDirectory) copy(`${from}/${name}`, `${to}/${name}`);
    else Deno.copyFileSync(`${from}/${name}`, `${to}/${name}`);
  }
}
