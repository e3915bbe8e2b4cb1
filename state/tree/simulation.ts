import { deepStrictEqual as assertEquals } from "node:assert/strict";
import { Copy, linesOf, textOf } from "./_fixture.ts";
import type { NodeId } from "./id.ts";
import { indexTree } from "./index_tree.ts";
import { isName } from "./name.ts";
import type { EdgeRow } from "./rows.ts";

/** Names are few, so that copies meet at them. */
const NAMES = ["a", "b", "c", "d.md", "e"];
const XATTRS = ["user.x", "user.y"];

/**
 * One schedule: two to four copies of one volume, random operations on each, some of which reach others early and some late, in the end a full
 * exchange. Throws where copies show different trees, where the index of one is not what its documents show, where a directory is in two places or unreachable, or
 * where something that was written is nowhere though nobody who saw it removed it. `log` hears what is done, a line an operation.
 */
export function simulate(seed: number, log: (line: string) => void = () => {}): void {
  workApart(seed, log);
}

/** A schedule, and the copies as they are after it. */
export function workApart(seed: number, log: (line: string) => void = () => {}): readonly Copy[] {
  const random = randomFrom(seed);
  const pick = <T>(things: readonly T[]): T => things[random(things.length)];
  const copies = [Copy.first(1)];
  while (copies.length < 2 + random(3)) copies.push(new Copy(copies.length + 1));
  const tokens = new Tokens();
  for (const copy of copies.slice(1)) copy.pull(copies[0]);

  for (let left = 4 + random(20); left > 0; left--) {
    const number = random(copies.length);
    const copy = copies[number];
    const batch = random(4) === 0 ? 1 + random(4) : 1;
    copy.batching = batch > 1;
    const written = new Set<NodeId>();
    for (let i = 0; i < batch; i++) {
      const line = operate(copy, random, pick, tokens, written);
      if (line) log(`${number + 1}: ${line}`);
    }
    copy.batching = false;
    copy.commit();
    if (random(3) === 0) deliver(copies, random, log);
    if (random(5) === 0) {
      log(`${number + 1} lets go of what is dead`);
      const before = linesOf(indexTree(copy.index), true);
      copy.trim(copies.filter((other) => other !== copy));
      assertEquals(linesOf(indexTree(copy.index), true), before, "trimming shows");
    }
    if (random(5) === 0) copy.reroot();
    if (random(4) === 0) compareWithDocuments(copy);
  }
  for (const copy of copies) compareWithDocuments(copy);
  const [first, ...others] = copies;
  for (const other of others) first.pull(other);
  for (const other of others) other.pull(first);
  compareWithDocuments(first);
  for (const other of others) {
    assertEquals(linesOf(indexTree(other.index), true), linesOf(indexTree(first.index), true));
  }
  assertEquals(first.shown().problems, []);
  checkShape(first);
  tokens.check(first);
  return copies;
}

export type Random = (below: number) => number;
export type Pick = <T>(things: readonly T[]) => T;

/** One copy takes in some of what another has. */
function deliver(copies: readonly Copy[], random: Random, log: (line: string) => void): void {
  const [source, target] = [random(copies.length), random(copies.length)];
  if (source === target) return;
  const count = copies[target].pull(copies[source], random(3) ? random(6) : Infinity);
  if (count > 0) log(`${target + 1} receives ${count} records of ${source + 1}`);
}

/** `written`: nodes that the open batch wrote to. What is in them is not known before it ends, so nothing removes them. */
export function operate(
  copy: Copy,
  random: Random,
  pick: Pick,
  tokens: Tokens,
  written: Set<NodeId>,
): string | undefined {
  const rows = shownRows(copy);
  const directories = ["", ...rows.filter((row) => row.directory).map((row) => row.path)];
  const files = rows.filter((row) => !row.directory);
  const fresh = () => `${pick(directories)}/${pick(NAMES)}`;
  const time = copy.now();
  switch (random(16)) {
    case 0:
    case 1: {
      const path = fresh();
      if (copy.find(path)) return;
      copy.mkdir(path);
      return `mkdir ${path}`;
    }
    case 2:
    case 3:
    case 4: {
      const path = fresh();
      const there = rows.find((row) => row.path === path);
      if (there && (there.version || copy.index.node(there.node)?.attributes?.kind !== "file")) return;
      if (there && written.has(there.node)) return;
      const mergeable = there ? copy.isText(path) : path.endsWith(".md");
      const before = there ? copy.read(path) : "";
      const token = tokens.make();
      const text = mergeable && random(2) ? (random(2) ? before + token : token + before) : token;
      written.add(copy.write(path, text, mergeable));
      tokens.replaced(before, text);
      return `write ${path} ${JSON.stringify(text)}`;
    }
    case 5: {
      const path = fresh();
      if (copy.find(path)) return;
      // A file as `cp -p` makes it: all of it in one batch, before the index knows the node.
      const batching = copy.batching;
      copy.batching = true;
      const node = copy.write(path, tokens.made("t0t\n"), path.endsWith(".md"));
      const token = tokens.make();
      copy.writer.content(node, copy.content(token, path.endsWith(".md")));
      tokens.replaced("t0t\n", token);
      copy.writer.setattr(node, { mode: 0o600 + random(8), atime: time, mtime: time }, time);
      copy.writer.setxattr(node, pick(XATTRS), new Uint8Array([random(4)]), time);
      copy.batching = batching;
      copy.commit();
      return `cp -p FILE ${path} (${JSON.stringify(token)})`;
    }
    case 6:
    case 7: {
      const row = rows.length > 0 ? pick(rows) : undefined;
      if (!row || row.directory && rows.some(({ path }) => path.startsWith(row.path + "/"))) return;
      if (written.has(row.node)) return;
      tokens.replaced(row.directory ? "" : copy.read(row.path), "");
      copy.rm(row.path);
      if (!copy.batching) {
        const left = shownRows(copy).length;
        assertEquals(left, rows.length - 1, `rm ${row.path} leaves ${left} of ${rows.length} names`);
      }
      return `rm ${row.path}`;
    }
    case 8:
    case 9:
    case 10: {
      const row = rows.length > 0 ? pick(rows) : undefined;
      const path = fresh();
      if (!row || path === row.path || path.startsWith(row.path + "/")) return;
      const there = rows.find((other) => other.path === path);
      if (there && (there.directory || row.directory || there.node === row.node)) return;
      if (there && written.has(there.node)) return;
      if (there) tokens.replaced(copy.read(path), "");
      copy.mv(row.path, path);
      return `mv ${row.path} ${path}`;
    }
    case 11: {
      const row = files.length > 0 ? pick(files) : undefined;
      const path = fresh();
      if (!row || row.version || copy.find(path)) return;
      copy.ln(row.path, path);
      if (!copy.batching) {
        assertEquals(shownRows(copy).length, rows.length + 1, `ln ${row.path} changes others`);
      }
      return `ln ${row.path} ${path}`;
    }
    case 12: {
      const row = rows.length > 0 ? pick(rows) : undefined;
      if (!row || row.version) return;
      const mode = 0o600 + random(64);
      if (random(2)) copy.chmod(row.path, mode);
      else copy.chown(row.path, pick(["alice", "bob", "carol"]));
      return `chmod or chown ${row.path}`;
    }
    case 13: {
      const row = rows.length > 0 ? pick(rows) : undefined;
      if (!row || row.version) return;
      if (random(2)) copy.touch(row.path);
      else copy.setfattr(row.path, pick(XATTRS), random(3) ? String(random(9)) : undefined);
      return `touch or setfattr ${row.path}`;
    }
    case 14: {
      const path = fresh();
      if (copy.find(path)) return;
      copy.symlink(`to${random(9)}`, path);
      return `ln -s ${path}`;
    }
    case 15: {
      const directory = pick(directories);
      if (directory === "") return;
      const inside = rows.filter(({ path }) => path === directory || path.startsWith(directory + "/"))
        .reverse();
      if (inside.some(({ node }) => written.has(node))) return;
      for (const row of inside) {
        // The same batch may have moved it away.
        if (copy.batching && !copy.find(row.path)) continue;
        tokens.replaced(row.directory ? "" : copy.read(row.path), "");
        copy.rm(row.path);
      }
      if (!copy.batching) assertEquals(copy.find(directory), undefined, `rm -r leaves ${directory}`);
      return `rm -r ${directory}`;
    }
  }
}

interface ShownRow {
  readonly path: string;
  readonly node: NodeId;
  readonly directory: boolean;
  readonly version: EdgeRow["version"];
}

/** Everything shown, each directory before what is in it. */
function shownRows(copy: Copy): ShownRow[] {
  const { directories } = indexTree(copy.index);
  const rows: ShownRow[] = [];
  const walk = (node: NodeId, path: string) => {
    for (const [name, row] of [...directories.get(node) ?? []].sort(([a], [b]) => a < b ? -1 : 1)) {
      const directory = !row.version && directories.has(row.node);
      rows.push({ path: `${path}/${name}`, node: row.node, directory, version: row.version });
      if (directory) walk(row.node, `${path}/${name}`);
    }
  };
  walk(copy.root, "");
  return rows;
}

export function compareWithDocuments(copy: Copy): void {
  assertEquals(linesOf(indexTree(copy.index), true), linesOf(copy.shown(), true));
}

/** Directories are in one place, names are names. */
export function checkShape(copy: Copy): void {
  const seen = new Set<NodeId>();
  for (const row of shownRows(copy)) {
    const name = row.path.slice(row.path.lastIndexOf("/") + 1);
    if (!isName(name) || name.endsWith(".fn") || /conflict.*conflict/.test(name)) {
      throw new Error(`Bad name ${name}`);
    }
    if (!row.directory) continue;
    if (seen.has(row.node)) throw new Error(`${row.path} is in two places`);
    seen.add(row.node);
  }
}

const TOKEN = /t\d+t/g;

/** Follows what was written: every write is a word of its own. */
export class Tokens {
  #last = 0;
  readonly #written = new Set<string>();

  make(): string {
    return this.made(`t${++this.#last}t\n`);
  }

  made(token: string): string {
    this.#written.add(token.trim());
    return token;
  }

  /** Somebody who saw `before` put `after` in its place: what is not in `after` may be gone. */
  replaced(before: string, after: string): void {
    for (const token of before.match(TOKEN) ?? []) if (!after.includes(token)) this.#written.delete(token);
  }

  /** Nobody ever saw it. */
  unmade(token: string): void {
    this.#written.delete(token.trim());
  }

  check(copy: Copy): void {
    const { directories, nodes } = indexTree(copy.index);
    const there = new Set<string>();
    for (const names of directories.values()) {
      for (const { node, version } of names.values()) {
        for (const token of textOf(version ?? nodes.get(node)?.content).match(TOKEN) ?? []) there.add(token);
      }
    }
    for (const token of this.#written) {
      if (!there.has(token)) throw new Error(`${JSON.stringify(token)} is lost`);
    }
  }
}

/** Mulberry32: numbers from 0 to below, the same for the same seed. */
export function randomFrom(seed: number): Random {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

/** Runs schedules, and says of the first that fails which it was and what led there. */
export function simulateMany(first: number, count: number): void {
  for (let seed = first; seed < first + count; seed++) {
    try {
      simulate(seed);
    } catch (thrown) {
      const script: string[] = [];
      try {
        simulate(seed, (line) => script.push(line));
      } catch {
        // It fails again, which is what the script is for.
      }
      throw new Error(`Seed ${seed}:\n${script.join("\n")}`, { cause: thrown });
    }
  }
}
