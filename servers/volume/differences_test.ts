import assert from "node:assert/strict";
import { O, type User } from "../../9p/mod.ts";
import type { Difference } from "../../state/store/mod.ts";
import type { VolumeStore } from "../../state/volume/mod.ts";
import {
  call,
  change,
  dump,
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
import { snapshots, withDifferences } from "./mod.ts";

const owned = { uid: "me", gid: "us" };

async function diff(store: VolumeStore, a: string, b: string): Promise<Difference[]> {
  const server = withDifferences(snapshots(store, owned), store, owned) as unknown as Server;
  const node = walk(server, now(server.attach("", call)), `@diff/${a}/${b}`);
  const handle = await server.open(node, O.RDONLY, call);
  const parts: string[] = [];
  const into = new Uint8Array(1000);
  const decoder = new TextDecoder();
  for (let at = 0;;) {
    const count = server.read(node, handle, at, into, call) as number;
    if (count === 0) break;
    parts.push(decoder.decode(into.subarray(0, count), { stream: true }));
    at += count;
  }
  return parts.join("").split("\n").filter((line) => line !== "").map((line) => JSON.parse(line));
}

Deno.test("differences: what was added, removed, moved and changed, in the order of paths", async () => {
  await withVolume(async (server, root, store) => {
    const docs = mkdir(server, root, "docs");
    put(server, docs, "plan", "plan");
    put(server, docs, "same", "same");
    put(server, docs, "saved", "old");
    put(server, mkdir(server, docs, "sub"), "deep", "deep");
    put(server, root, "gone", "gone");
    await store.snapshot("a", "me");
    rewrite(server, walk(server, root, "docs/plan"), "other");
    server.setattr(walk(server, root, "docs/plan"), { mode: 0o600 }, undefined, call);
    // As editors save: a new file takes the name of the old one.
    put(server, docs, "saved~", "new");
    server.rename(walk(server, root, "docs/saved~"), docs, "saved", false, call);
    server.rename(walk(server, root, "docs/sub"), root, "moved", false, call);
    server.setxattr(walk(server, root, "moved/deep"), "user.a", new Uint8Array([1]), 0, call);
    server.remove(walk(server, root, "gone"), call);
    server.rename(walk(server, root, "docs/same"), docs, "away", false, call);
    server.rename(walk(server, root, "docs/away"), docs, "same", false, call);
    put(server, mkdir(server, mkdir(server, root, "new"), "newer"), "file", "file");
    await store.snapshot("b", "me");
    const expected: Difference[] = [
      { kind: "changed", path: "/docs/plan", what: ["contents", "mode"] },
      { kind: "changed", path: "/docs/saved", what: ["contents"] },
      { kind: "removed", path: "/gone" },
      { kind: "moved", from: "/docs/sub", path: "/moved" },
      { kind: "changed", path: "/moved/deep", what: ["attributes"] },
      { kind: "added", path: "/new" },
      { kind: "added", path: "/new/newer" },
      { kind: "added", path: "/new/newer/file" },
    ];
    assert.deepEqual(await diff(store, "a", "b"), expected);
    assert.deepEqual(await diff(store, "a", "@now"), expected);
    assert.deepEqual(await diff(store, "b", "@now"), []);
    server.remove(walk(server, root, "new/newer/file"), call);
    assert.deepEqual(await diff(store, "a", "b"), expected);
    assert.deepEqual(await diff(store, "b", "@now"), [{ kind: "removed", path: "/new/newer/file" }]);
    await assert.rejects(diff(store, "b", "a"), { code: "EINVAL" });
    await assert.rejects(diff(store, "a", "c"), { code: "ENOENT" });
    const stranger: User = { name: "bob", groups: new Set(), standing: "claimed" };
    const past = withDifferences(snapshots(store, owned), store, owned) as unknown as Server;
    assert.throws(() => past.walk(now(past.attach("", call)), "@diff", { ...call, user: stranger }), {
      code: "EACCES",
    });
  });
});

interface Seen {
  readonly ino: number;
  readonly parent: number;
  readonly about: string;
}

/** What is at each path, by the tree itself. */
function see(server: Server, root: Place): Map<string, Seen> {
  const seen = new Map<string, Seen>();
  for (const line of dump(server, root)) {
    const path = line.slice(0, line.indexOf(" "));
    const place = walk(server, root, path);
    const { inode } = place;
    // A directory's time and count of names are told by its names, and a file's count of names by these.
    const about = line.slice(path.length).replace(/ #\d*/, "").replace(/^( \S+ \S+ \d+) \d+ \d+/, "$1")
      .replace(inode.isDirectory ? /^( \S+ \S+) \d+ \S+/ : /$^/, "$1");
    seen.set(path, { ino: inode.ino, parent: place.parent.inode.ino, about });
  }
  return seen;
}

Deno.test("differences of anything are what the two trees say", async () => {
  const seed = Number(Deno.env.get("LUX9_SEED") ?? 1);
  console.log(`seed ${seed}`);
  const below = numbers(seed);
  await withVolume(async (server, root, store) => {
    const held: Place[] = [];
    for (let round = 0; round < 15; round++) {
      const what = `seed ${seed}, round ${round}`;
      for (let i = below(60); i > 0; i--) change(server, root, below, held);
      const a = see(server, root);
      await store.snapshot(`a ${round}`, "me");
      for (let i = below(60); i > 0; i--) {
        change(server, root, below, held);
        if (below(10) === 0) await store.caughtUp();
      }
      const b = see(server, root);
      await store.snapshot(`b ${round}`, "me");
      for (let i = below(20); i > 0; i--) change(server, root, below, held);
      const found = await diff(store, `a ${round}`, `b ${round}`);
      check(a, b, found, what);
    }
    for (const place of held) server.drop(place);
  });
});

function check(a: Map<string, Seen>, b: Map<string, Seen>, found: Difference[], what: string): void {
  const edges = (tree: Map<string, Seen>) =>
    new Set(
      [...tree].map(([path, { ino, parent }]) => `${parent}/${ino}${path.slice(path.lastIndexOf("/"))}`),
    );
  const [edgesA, edgesB] = [edges(a), edges(b)];
  const without = (tree: Map<string, Seen>, other: Set<string>) =>
    [...tree].flatMap(([path, { ino, parent }]) =>
      other.has(`${parent}/${ino}${path.slice(path.lastIndexOf("/"))}`) ? [] : [path]
    );
  const gone = new Set(without(a, edgesB));
  const come = new Set(without(b, edgesA));
  const changed = new Set<string>();
  for (const one of found) {
    if (one.kind === "removed") assert.ok(gone.delete(one.path), `${what}: ${one.path} is not gone`);
    else if (one.kind === "added") assert.ok(come.delete(one.path), `${what}: ${one.path} has not come`);
    else if (one.kind === "moved") {
      assert.ok(gone.delete(one.from), `${what}: ${one.from} has not left`);
      assert.ok(come.delete(one.path), `${what}: ${one.path} has not arrived`);
      assert.equal(a.get(one.from)!.ino, b.get(one.path)!.ino, what);
    } else changed.add(one.path);
  }
  // What is left are names that lead to another file.
  assert.deepEqual([...gone].sort(), [...come].sort(), what);
  for (const path of gone) {
    assert.equal(changed.delete(path), a.get(path)!.about !== b.get(path)!.about, `${what}: ${path}`);
  }
  const before = new Map([...a.values()].map(({ ino, about }) => [ino, about]));
  const other = new Set<number>();
  for (const { ino, about } of b.values()) {
    if (before.has(ino) && before.get(ino) !== about) other.add(ino);
  }
  changed.delete("/");
  assert.deepEqual(
    [...changed].map((path) => b.get(path)!.ino).sort(),
    [...other].sort(),
    `${what}: ${[...changed]}`,
  );
}
