import assert from "node:assert/strict";
import { O } from "../../9p/mod.ts";
import {
  call,
  dump,
  file,
  get,
  mkdir,
  now,
  type Place,
  put,
  rewrite,
  type Server,
  walk,
  withVolume,
} from "./_fixture.ts";

Deno.test("restore: everything is as it was, open files go on, and it can be taken back", async () => {
  let [then, later]: string[][] = [[], []];
  await withVolume(async (server, root, store) => {
    const docs = mkdir(server, root, "docs");
    const kept = put(server, docs, "kept", "first");
    put(server, docs, "gone", "gone");
    server.link(walk(server, root, "docs/gone"), root, "second name", call);
    server.setxattr(kept, "user.a", new Uint8Array([1]), 0, call);
    mkdir(server, docs, "empty");
    then = dump(server, root);
    await store.snapshot("monday", "me");
    const open = now(server.open(kept, O.RDWR, call));
    server.hold(kept);
    now(server.write(kept, open, 3, new TextEncoder().encode("more"), call));
    server.setattr(kept, { mode: 0o600, uid: "you" }, undefined, call);
    server.setxattr(kept, "user.a", null, 0, call);
    server.remove(walk(server, root, "docs/gone"), call);
    server.remove(walk(server, root, "second name"), call);
    server.remove(walk(server, root, "docs/empty"), call);
    const made = mkdir(server, root, "made");
    server.rename(docs, made, "docs moved", false, call);
    const since = put(server, made, "since", "since");
    server.hold(since);
    const late = dump(server, root);
    await store.restore("monday", [], "before monday", "me");
    assert.deepEqual(dump(server, root), then);
    // The place that somebody holds went where its file is.
    assert.equal(kept.path, "/docs/kept");
    assert.equal(get(server, kept), "first");
    now(server.write(kept, open, 0, new TextEncoder().encode("F"), call));
    assert.equal(get(server, walk(server, root, "docs/kept")), "First");
    assert.equal(get(server, since), "since");
    assert.throws(() => server.walk(root, "made", call), { code: "ENOENT" });
    assert.throws(() => server.rename(since, root, "again", false, call), { code: "ENOENT" });
    now(server.close(kept, open, call));
    for (const place of [since, kept]) server.drop(place);
    await store.restore("before monday", [], "after all", "me");
    later = dump(server, root);
    assert.deepEqual(later, late);
  }, (server, root) => assert.deepEqual(dump(server, root), later));
});

Deno.test("restore of a folder or a file leaves alone what is outside of it", async () => {
  await withVolume(async (server, root, store) => {
    const docs = mkdir(server, root, "docs");
    put(server, docs, "plan", "plan");
    const sub = mkdir(server, docs, "sub");
    put(server, sub, "deep", "deep");
    server.link(put(server, docs, "shared", "shared"), root, "outside", call);
    const then = dump(server, docs);
    await store.snapshot("then", "me");
    // What is moved out of the folder stays where it is, and a copy takes its old place.
    server.rename(sub, root, "moved out", false, call);
    rewrite(server, walk(server, root, "moved out/deep"), "changed outside");
    server.remove(walk(server, root, "docs/shared"), call);
    rewrite(server, walk(server, root, "docs/plan"), "changed");
    put(server, docs, "new", "new");
    await store.restore("then", ["docs", "plan"], "undo 1", "me");
    assert.equal(get(server, walk(server, root, "docs/plan")), "plan");
    assert.equal(get(server, walk(server, root, "docs/new")), "new");
    await store.restore("then", ["docs"], "undo 2", "me");
    assert.deepEqual(dump(server, walk(server, root, "docs")), then);
    assert.equal(get(server, walk(server, root, "moved out/deep")), "changed outside");
    assert.equal(now(server.getattr(walk(server, root, "outside"), undefined, call)).nlink, 2);
    // Folders above that are gone are made again, with nothing else in them.
    for (const path of ["docs/sub/deep", "docs/sub", "docs/plan", "docs/shared", "docs"]) {
      server.remove(walk(server, root, path), call);
    }
    await store.restore("then", ["docs", "sub", "deep"], "undo 3", "me");
    assert.equal(get(server, walk(server, root, "docs/sub/deep")), "deep");
    assert.equal(dump(server, walk(server, root, "docs")).length, 2);
  });
});

Deno.test("restore: what cannot be is refused, and nothing is named", async () => {
  await withVolume(async (server, root, store) => {
    put(server, mkdir(server, root, "dir"), "file", "file");
    await store.snapshot("then", "me");
    const refuses = (code: string, name: string, path: string[], before = "undo") =>
      assert.rejects(store.restore(name, path, before, "me"), { code });
    await refuses("ENOENT", "never", []);
    await refuses("ENOENT", "then", ["nothing"]);
    await refuses("ENOENT", "then", ["file"]);
    await refuses("EEXIST", "then", [], "then");
    server.rename(walk(server, root, "dir"), root, "away", false, call);
    put(server, root, "dir", "in the way");
    await refuses("ENOTDIR", "then", ["dir", "file"]);
    assert.deepEqual(store.index.past.snapshots().map(({ name }) => name), ["then"]);
    await store.restore("then", ["dir"], "undo", "me");
    assert.equal(get(server, walk(server, root, "dir/file")), "file");
    assert.deepEqual(store.index.past.snapshots().map(({ name }) => name), ["then", "undo"]);
  });
});

Deno.test("restore: changes wait until it is there, readers do not, and see all of it or nothing", async () => {
  await withVolume(async (server, root, store) => {
    for (let i = 0; i < 100; i++) put(server, root, `file ${i}`, "then");
    await store.snapshot("then", "me");
    for (let i = 0; i < 100; i++) rewrite(server, walk(server, root, `file ${i}`), "now");
    for (let i = 0; i < 30; i++) server.remove(walk(server, root, `file ${i}`), call);
    const restored = store.restore("then", [], "undo", "me");
    const [a, b] = [walk(server, root, "file 60"), walk(server, root, "file 99")];
    const made = server.create(root, "file 5", file, O.WRONLY, call);
    const removed = server.remove(walk(server, root, "file 50"), call);
    assert.ok(made instanceof Promise && removed instanceof Promise);
    const refused = assert.rejects(made, { code: "EEXIST" });
    let isDone = false;
    let polls = 0;
    restored.then(() => isDone = true);
    while (!isDone) {
      polls++;
      assert.equal(get(server, a), get(server, b));
      const isBack = get(server, a) === "then";
      const names = now(server.list(root, now(server.open(root, O.RDONLY, call)), 0, 1000, false, call));
      assert.equal(names.length, isBack ? 99 : 70, `${names.length} names after ${polls} polls`);
      await new Promise((wake) => setTimeout(wake, 0));
      if (isBack) break;
    }
    assert.ok(polls > 1);
    await refused;
    await removed;
    await restored;
    assert.equal(get(server, walk(server, root, "file 5")), "then");
  });
});

Deno.test("restore of a folder whose parent has another name now makes both anew, and what has moved stays as it is", async () => {
  await withVolume(async (server, root, store) => {
    const sub = mkdir(server, mkdir(server, root, "docs"), "sub");
    put(server, sub, "removed", "removed");
    put(server, sub, "moved", "moved");
    const then = dump(server, sub);
    await store.snapshot("then", "me");
    server.remove(walk(server, root, "docs/sub/removed"), call);
    server.rename(walk(server, root, "docs/sub/moved"), root, "moved", false, call);
    put(server, sub, "new", "new");
    server.rename(walk(server, root, "docs"), root, "other", false, call);
    const before = dump(server, walk(server, root, "other"));
    await store.restore("then", ["docs", "sub"], "undo", "me");
    assert.deepEqual(dump(server, walk(server, root, "docs/sub")), then);
    assert.deepEqual(dump(server, walk(server, root, "other")), before);
    assert.equal(get(server, walk(server, root, "moved")), "moved");
  });
});

Deno.test("restore: two names of a file lead to one again, wherever their folders went", async () => {
  const inodeAt = (server: Server, root: Place, path: string) => walk(server, root, path).inode.ino;
  /** `docs/p` and `docs/q` have a name each of a file, and what else is done moves them about. */
  const check = (names: string[], act: (server: Server, root: Place) => void) =>
    withVolume(async (server, root, store) => {
      const docs = mkdir(server, root, "docs");
      const [first, second] = names.map((name) => mkdir(server, docs, name));
      server.link(put(server, first, "f", "f"), second, "f", call);
      const then = dump(server, docs);
      await store.snapshot("then", "me");
      const file = inodeAt(server, root, "docs/q/f");
      act(server, root);
      await store.restore("then", ["docs"], "undo", "me");
      assert.equal(inodeAt(server, root, "docs/p/f"), inodeAt(server, root, "docs/q/f"));
      assert.equal(inodeAt(server, root, "docs/q/f"), file);
      assert.deepEqual(shape(dump(server, walk(server, root, "docs"))), shape(then));
    });
  for (const names of [["p", "q"], ["q", "p"]]) {
    // The folder itself is below what has its name now.
    await check(names, (server, root) => {
      server.rename(walk(server, root, "docs/p"), root, "p", false, call);
      const other = mkdir(server, root, "other");
      server.rename(walk(server, root, "docs"), other, "docs", false, call);
      server.rename(other, root, "docs", false, call);
    });
    // It is elsewhere, and a part of it is below what has its name now.
    await check(names, (server, root) => {
      const other = mkdir(server, root, "other");
      server.rename(walk(server, root, "docs/q"), other, "q", false, call);
      server.rename(walk(server, root, "docs"), root, "away", false, call);
      server.rename(other, root, "docs", false, call);
    });
  }
});

Deno.test("restore: a name that comes to the root changes its time, and one that only waits there does not", async () => {
  await withVolume(async (server, root, store) => {
    const docs = mkdir(server, root, "docs");
    put(server, docs, "a", "a");
    put(server, mkdir(server, docs, "deep"), "b", "b");
    await store.snapshot("then", "me");
    // What is exchanged has to wait.
    server.rename(walk(server, root, "docs/a"), docs, "c", false, call);
    server.rename(walk(server, root, "docs/deep/b"), docs, "a", false, call);
    const time = () => server.getattr(root, undefined, call) as { mtimeSec: number; mtimeNsec: number };
    const before = time();
    await store.restore("then", ["docs"], "undo", "me");
    assert.deepEqual([time().mtimeSec, time().mtimeNsec], [before.mtimeSec, before.mtimeNsec]);
    const other = mkdir(server, root, "other");
    server.rename(docs, other, "docs", false, call);
    server.rename(walk(server, root, "other"), root, "docs", false, call);
    const since = time();
    await store.restore("then", ["docs"], "undo 2", "me");
    assert.notDeepEqual([time().mtimeSec, time().mtimeNsec], [since.mtimeSec, since.mtimeNsec]);
    assert.equal(get(server, walk(server, root, "docs/deep/b")), "b");
  });
});

Deno.test("restore: a file that goes while somebody begins to read it is read to its end, and is not opened for writing", async () => {
  await withVolume(async (server, root, store) => {
    await store.snapshot("then", "me");
    put(server, root, "since", "since");
    const held = put(server, root, "held", "held");
    server.hold(held);
    await store.caughtUp();
    const files = store.index.counts().files;
    const restored = store.restore("then", [], "undo", "me");
    await waitUntil(() => store.log.last > store.index.applied);
    const since = walk(server, root, "since");
    server.hold(since);
    assert.equal(get(server, since), "since");
    const opened = server.open(since, O.RDWR, call);
    assert.ok(opened instanceof Promise);
    const refused = assert.rejects(opened, { code: "ENOENT" });
    // Whoever held it then does so no longer.
    server.drop(held);
    await restored;
    assert.equal(get(server, since), "since");
    await refused;
    server.drop(since);
    await store.caughtUp();
    assert.equal(store.index.counts().files, files - 2);
  });
});

Deno.test("restore of a folder with more names than are looked at together", async () => {
  await withVolume(async (server, root, store) => {
    const docs = mkdir(server, root, "docs");
    for (let i = 0; i < 1100; i++) put(server, docs, `then ${i}`, "");
    const then = dump(server, docs);
    await store.snapshot("then", "me");
    server.rename(docs, root, "away", false, call);
    const other = mkdir(server, root, "docs");
    for (let i = 0; i < 1100; i++) put(server, other, `now ${i}`, "");
    await store.restore("then", ["docs"], "undo", "me");
    assert.deepEqual(dump(server, walk(server, root, "docs")), then);
    assert.equal(dump(server, docs).length, 1100);
  });
});

Deno.test("a file that is open over a snapshot is read from what that made a version, once the log has gone on", async () => {
  await withVolume(
    async (server, root, store) => {
      const { node, handle } = now(server.create(root, "open", file, O.RDWR, call));
      server.hold(node);
      now(server.write(node, handle, 0, new TextEncoder().encode("first"), call));
      await store.snapshot("then", "me");
      const other = now(server.create(root, "other", file, O.RDWR, call));
      server.hold(other.node);
      const data = new Uint8Array(1024 * 1024);
      for (let round = 0; round < 4; round++) {
        for (let i = 0; i < 40; i++) {
          await server.write(other.node, other.handle, i * data.length, data, call);
        }
        now(server.close(other.node, other.handle, call));
        await store.caughtUp();
      }
      assert.ok(store.log.first > 20, `The log begins with ${store.log.first}`);
      assert.equal(get(server, node), "first");
      now(server.write(node, handle, 5, new TextEncoder().encode(" second"), call));
      assert.equal(get(server, node), "first second");
      for (const place of [node, other.node]) server.drop(place);
    },
    undefined,
    { checkpointOperations: 10 },
  );
});

async function waitUntil(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((wake) => setTimeout(wake, 1));
}

/** Names and what is in them, without how many names a file has. */
function shape(lines: string[]): string[] {
  return lines.map((line) => line.replace(/( \S+:\S+ \d+) \d+ /, "$1 "));
}
