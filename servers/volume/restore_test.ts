import assert from "node:assert/strict";
import { type Call, type Creation, O, S, type User } from "../../9p/mod.ts";
import { verify, VolumeStore } from "../../state/worker/mod.ts";
import { snapshots, volume } from "./mod.ts";

const owner: User = { name: "me", groups: new Set(["us"]), standing: "owner" };
const call: Call = { user: owner, signal: new AbortController().signal };
const file: Creation = { mode: S.IFREG | 0o644, uid: "me" };

type Server = ReturnType<typeof volume>;
type Place = Parameters<Server["getattr"]>[0];

const now = <T>(value: T | Promise<T>): T => {
  assert.ok(!(value instanceof Promise), "the volume answers at once");
  return value;
};
const fail = (message: string) => {
  throw new Error(message);
};

async function withVolume(
  act: (server: Server, root: Place, store: VolumeStore) => Promise<void>,
  then: (server: Server, root: Place, store: VolumeStore) => void = () => {},
): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "lux9-restore-" });
  try {
    for (const part of [act, then]) {
      const store = await VolumeStore.open(folder, { onTrouble: fail });
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

function walk(server: Server, root: Place, path: string): Place {
  return path.split("/").filter((name) => name !== "")
    .reduce((dir, name) => now(server.walk(dir, name, call)), root);
}

function mkdir(server: Server, dir: Place, name: string): Place {
  return now(server.make(dir, name, { mode: S.IFDIR | 0o755, uid: "me" }, call));
}

function put(server: Server, dir: Place, name: string, text: string): Place {
  const { node, handle } = now(server.create(dir, name, file, O.WRONLY, call));
  server.hold(node);
  now(server.write(node, handle, 0, new TextEncoder().encode(text), call));
  now(server.close(node, handle, call));
  server.drop(node);
  return node;
}

function rewrite(server: Server, node: Place, text: string): void {
  const handle = now(server.open(node, O.WRONLY | O.TRUNC, call));
  now(server.write(node, handle, 0, new TextEncoder().encode(text), call));
  now(server.close(node, handle, call));
}

function get(server: Server, node: Place): string {
  const into = new Uint8Array(100_000);
  const count = server.read(node, now(server.open(node, O.RDONLY, call)), 0, into, call) as number;
  return new TextDecoder().decode(into.subarray(0, count));
}

/** All there is, one line a name, with all that a restoring brings back; names of one file have one number. */
function dump(server: Server, dir: Place, path = "", numbers = new Map<unknown, number>()): string[] {
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

/** Whole numbers below `n`, the same for the same seed. */
function numbers(seed: number): (n: number) => number {
  let state = seed;
  return (n) => {
    state = Math.imul(state ^ state >>> 15, 0x2c1b3c6d) + 0x9e3779b9 | 0;
    return ((state ^ state >>> 13) >>> 0) % n;
  };
}

/** All directories and files there are. */
function places(server: Server, root: Place): Place[] {
  const found = [root];
  for (const dir of found) {
    if ((now(server.getattr(dir, undefined, call)).mode & S.IFMT) !== S.IFDIR) continue;
    const entries = now(server.list(dir, now(server.open(dir, O.RDONLY, call)), 0, 10_000, false, call));
    for (const { name } of entries) found.push(now(server.walk(dir, name, call)));
  }
  return found;
}

function change(server: Server, root: Place, below: (n: number) => number, held: Place[]): void {
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

Deno.test("restore after anything: the tree is as it was, and so is the tree before it when taken back", async () => {
  const seed = Number(Deno.env.get("LUX9_SEED") ?? Math.floor(Math.random() * 1e9));
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
