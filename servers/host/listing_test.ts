import assert from "node:assert/strict";
import { type Entry, Qt, type U64 } from "../../9p/mod.ts";
import { Fixture, isRoot, owner, sleep } from "./fixture.ts";
import type { Handle } from "./handle.ts";
import type { Place } from "./place.ts";

function list(f: Fixture, dir: Place, max?: number, withAttr?: boolean, handle?: Handle): Entry[] {
  const open = handle ?? f.open(dir, 0);
  const all: Entry[] = [];
  for (let cookie: U64 = 0;; cookie = all.at(-1)!.cookie) {
    const entries = f.server.list(dir, open, cookie, max ?? 100, withAttr ?? false, owner) as Entry[];
    if (entries.length === 0) break;
    all.push(...entries);
  }
  if (handle === undefined) f.close(dir, open);
  return all;
}

const names = (entries: Entry[]) => entries.map((entry) => entry.name).sort();

Deno.test("list gives each entry once with the qid that a walk gives, cached or not, in pieces of any size", async () => {
  using f = new Fixture();
  const expected = Array.from({ length: 3000 }, (_, i) => `file ${i} ß`).sort();
  for (const name of expected) Deno.writeTextFileSync(f.at(name), "");
  Deno.mkdirSync(f.at("dir"));
  Deno.symlinkSync("nowhere", f.at("link"));
  expected.push("dir", "link");
  expected.sort();
  await sleep(30);
  for (const max of [7, 1000, 100_000]) {
    for (const withAttr of [false, true]) assert.deepEqual(names(list(f, f.root, max, withAttr)), expected);
  }
  for (const entry of list(f, f.root, 1000, true)) {
    const place = f.server.walk(f.root, entry.name, owner) as Place;
    assert.deepEqual(entry.qid, f.server.qid(place));
    assert.deepEqual(entry.attr, f.server.getattr(place, undefined, owner));
    assert.notEqual(entry.cookie, 0);
  }
  const types = new Map(list(f, f.root).map((entry) => [entry.name, entry.qid.type]));
  assert.deepEqual([types.get("dir"), types.get("link")], [Qt.DIR, Qt.SYMLINK]);
  // Any cookie may be gone on from, on any handle.
  const all = list(f, f.root);
  const handle = f.open(f.root, 0);
  for (const i of [1500, 3, 2999, 0]) {
    const rest = f.server.list(f.root, handle, all[i].cookie, 5, false, owner) as Entry[];
    assert.deepEqual(names(rest), names(all.slice(i + 1, i + 6)));
  }
  f.close(f.root, handle);
});

Deno.test("list shows at once what we or other programs change", async () => {
  using f = new Fixture();
  for (let round = 0; round < 20; round++) {
    Deno.writeTextFileSync(f.at(`by another ${round}`), "");
    f.drop(f.create(f.root, `by us ${round}`));
    if (round % 2 === 0) await sleep(30);
    assert.equal(list(f, f.root).length, 2 * round + 2);
    assert.equal(list(f, f.root).length, 2 * round + 2);
  }
  const by = f.walk("by us 3");
  f.server.rename(by, f.root, "renamed", false, owner);
  assert.ok(names(list(f, f.root)).includes("renamed"));
  f.server.remove(by, owner);
  assert.equal(list(f, f.root).length, 39);
});

Deno.test("R29 cookies stay valid while the directory changes", async () => {
  for (const quiet of [false, true]) {
    using f = new Fixture();
    for (let i = 0; i < 2000; i++) Deno.writeTextFileSync(f.at(`stays ${i}`), "");
    if (quiet) await sleep(30);
    if (quiet) list(f, f.root);
    const handle = f.open(f.root, 0);
    const seen: string[] = [];
    let cookie: U64 = 0;
    for (let round = 0;; round++) {
      const entries = f.server.list(f.root, handle, cookie, 50, false, owner) as Entry[];
      if (entries.length === 0) break;
      seen.push(...names(entries).filter((name) => name.startsWith("stays")));
      cookie = entries.at(-1)!.cookie;
      // By us, which drops the cached listing, and by another program, which does not.
      if (round % 2 === 0) f.drop(f.create(f.root, `comes ${round}`));
      else if (round > 2) Deno.removeSync(f.at(`comes ${round - 1}`));
    }
    f.close(f.root, handle);
    assert.equal(seen.length, 2000);
    assert.equal(new Set(seen).size, 2000);
  }
});

Deno.test("a directory is emptied as rm -r does, and may be removed while it is open", () => {
  using f = new Fixture();
  const dir = f.mkdir(f.root, "dir");
  for (let i = 0; i < 1000; i++) Deno.writeTextFileSync(f.at(`dir/${i}`), "");
  const handle = f.open(dir, 0);
  for (let cookie: U64 = 0;;) {
    const entries = f.server.list(dir, handle, cookie, 60, false, owner) as Entry[];
    if (entries.length === 0) break;
    for (const { name } of entries) {
      const place = f.walk(`dir/${name}`);
      f.server.remove(place, owner);
      f.drop(place);
    }
    cookie = entries.at(-1)!.cookie;
  }
  f.server.remove(dir, owner);
  assert.deepEqual(f.server.list(dir, handle, 0, 10, false, owner), []);
  f.close(dir, handle);
});

Deno.test("listings beyond the bound are read in pieces and not kept", async () => {
  using f = new Fixture({ listedMax: 3000 });
  for (const dir of ["small", "large"]) Deno.mkdirSync(f.at(dir));
  for (let i = 0; i < 2500; i++) Deno.writeTextFileSync(f.at(`small/${i}`), "");
  for (let i = 0; i < 7000; i++) Deno.writeTextFileSync(f.at(`large/${i}`), "");
  await sleep(30);
  const [small, large] = [f.walk("small"), f.walk("large")];
  const handles = [f.open(large, 0), f.open(large, 0), f.open(small, 0)];
  for (let round = 0; round < 3; round++) {
    assert.equal(new Set(names(list(f, large, 999, false, handles[0]))).size, 7000);
    assert.equal(new Set(names(list(f, large, 10, false, handles[1]))).size, 7000);
    assert.equal(new Set(names(list(f, small, 100, false, handles[2]))).size, 2500);
  }
  f.close(large, handles[0]);
  f.close(large, handles[1]);
  f.close(small, handles[2]);
});

Deno.test("names that are not valid UTF-8 are left out and told of", () => {
  const hidden: string[] = [];
  using f = new Fixture({ onHidden: (directory) => hidden.push(directory) });
  Deno.writeTextFileSync(f.at("good"), "");
  const made = new Deno.Command("sh", { args: ["-c", `: > "$(printf '%s/bad\\377' "$0")"`, f.served] });
  assert.ok(made.outputSync().success);
  assert.deepEqual(names(list(f, f.root)), ["good"]);
  assert.deepEqual(hidden, [f.served]);
  new Deno.Command("sh", { args: ["-c", 'rm -f "$0"/bad*', f.served] }).outputSync();
});

Deno.test("a directory that may only be read shows its names", () => {
  if (isRoot) return console.log("  skipped: root may search every directory");
  using f = new Fixture();
  const dir = f.mkdir(f.root, "dir");
  Deno.writeTextFileSync(f.at("dir/file"), "");
  f.server.setattr(dir, { mode: 0o400 }, undefined, owner);
  assert.deepEqual(names(list(f, dir)), ["file"]);
  f.server.setattr(dir, { mode: 0o700 }, undefined, owner);
});
