/** A tree in full, and what a restoring is to make of one: worked out from two pictures, by the words of docs/volumes.md. */
import assert from "node:assert/strict";
import { type FileServer, O, S } from "../../9p/mod.ts";
import { call, now } from "./_fixture.ts";

/** One name, and the file that it leads to. */
export interface Shot {
  readonly path: string;
  /** The number of the file, of the directory that the name is in, and of the name. */
  readonly ino: number;
  readonly parent: number;
  readonly eid: number;
  readonly isDirectory: boolean;
  readonly nlink: number;
  readonly mtime: string;
  readonly text: string;
  /** All that a restoring brings back, but for the time of modification. */
  readonly about: string;
  /** All that there is to tell. */
  readonly exact: string;
}

/** By path; that of the root is "". */
export type Picture = ReadonlyMap<string, Shot>;

const TEXT_BYTES_MAX = 1 << 20;

/** Everything below `root`, and that itself. */
export function picture<N extends object, H>(server: FileServer<N, H>, root: N): Picture {
  const shots = new Map<string, Shot>();
  const take = (node: N, path: string, eid: number, parent: number) => {
    const attr = now(server.getattr(node, undefined, call));
    const { qid, mode, uid, gid, rdev, size, nlink, atimeSec, atimeNsec, mtimeSec, mtimeNsec } = attr;
    const type = mode & S.IFMT;
    const text = type === S.IFREG
      ? textOf(server, node, size)
      : type === S.IFLNK
      ? now(server.readlink!(node, call))
      : "";
    const xattrs = now(server.listxattr!(node, call)).sort()
      .map((name) => `${name}=${now(server.getxattr!(node, name, call))}`);
    const isDirectory = type === S.IFDIR;
    const ino = Number(qid.path);
    const about = `${mode.toString(8)} ${uid}:${gid} ${qid.type} ${rdev} ${isDirectory ? "" : size} ` +
      `${atimeSec}.${atimeNsec} [${xattrs}] ${text}`;
    const exact = JSON.stringify(
      [attr, eid, xattrs, text],
      (_key, value) => typeof value === "bigint" ? String(value) : value,
    );
    const mtime = `${mtimeSec}.${mtimeNsec}`;
    shots.set(path, { path, ino, parent, eid, isDirectory, nlink, mtime, text, about, exact });
    if (!isDirectory) return;
    const handle = now(server.open!(node, O.RDONLY, call)) as H;
    for (const entry of now(server.list!(node, handle, 0, 10_000, true, call))) {
      const child = now(server.walk(node, entry.name, call));
      assert.deepEqual(
        now(server.getattr(child, undefined, call)),
        entry.attr,
        `${path}/${entry.name} listed`,
      );
      take(child, `${path}/${entry.name}`, Number(entry.cookie), ino);
    }
  };
  take(root, "", 0, 0);
  return shots;
}

function textOf<N extends object, H>(server: FileServer<N, H>, node: N, size: number): string {
  assert.ok(size < TEXT_BYTES_MAX, `A file of ${size} bytes`);
  const into = new Uint8Array(size + 1);
  const handle = now(server.open!(node, O.RDONLY, call)) as H;
  const count = now(server.read!(node, handle, 0, into, call) as number);
  assert.equal(count, size, "a file is as long as it says");
  return new TextDecoder().decode(into.subarray(0, count));
}

/** All that there is to tell, one line a name. */
export function exactly(shots: Picture): string[] {
  return [...shots.values()].map(({ path, exact }) => `${path} ${exact}`).sort();
}

/** The same without what tells files of the past from those of today: their numbers. */
export function withoutNumbers(shots: Picture): string[] {
  return [...shots.values()].map(({ path, eid, nlink, mtime, about }) =>
    `${path} ${eid} ${nlink} ${mtime} ${about}`
  ).sort();
}

/** How often each name leads to the same file as others, so that two pictures can be compared by it. */
export function sharing(shots: Picture): string[] {
  return [...groups(shots).values()].map((paths) => paths.join(" = ")).sort();
}

function groups(shots: Picture): Map<number, string[]> {
  const paths = new Map<number, string[]>();
  for (const { ino, path } of shots.values()) paths.set(ino, [...paths.get(ino) ?? [], path]);
  return paths;
}

/**
 * Fails unless `after` is what restoring `path`, "" or one that begins with a slash, makes of `before`:
 *
 * 1. Outside of the path there are the names that there were, each leading to the same file, and directories above the path that were gone.
 * 2. At the path and below it there are the names that there were then, and what led to one file leads to one file.
 * 3. A file of then is the same file if it had a name at the path or below it before, or, unless it is a directory, one outside
 *    that is the very one that it had then; else it is one that was never there.
 * 4. What is at the path or below it is as it was then, through whatever name; everything else is as it was before.
 */
export function checkRestored(
  then: Picture,
  before: Picture,
  after: Picture,
  path: string,
  what: string,
): void {
  const isBelow = (other: string) => other === path || other.startsWith(`${path}/`);
  const [thenBelow, beforeBelow, afterBelow] = [then, before, after].map((shots) =>
    [...shots.values()].filter((shot) => isBelow(shot.path))
  );
  const within = new Set(beforeBelow.map(({ ino }) => ino));
  const names = new Map([...before.values()].map((shot) => [shot.eid, shot]));
  const kept = new Map<number, Shot>();
  for (const shot of thenBelow) if (within.has(shot.ino)) kept.set(shot.ino, shot);
  const below = new Map(thenBelow.map((shot) => [shot.ino, shot]));
  for (const { ino, eid, path: outside } of then.values()) {
    const shot = below.get(ino);
    if (shot === undefined || shot.isDirectory || isBelow(outside)) continue;
    if (names.get(eid)?.ino === ino) kept.set(ino, shot);
  }

  // 1.
  const above = new Set<string>();
  for (let at = path; at !== ""; at = at.slice(0, at.lastIndexOf("/"))) {
    const folder = at.slice(0, at.lastIndexOf("/"));
    if (!before.has(folder)) above.add(folder);
  }
  const outside = (shots: Picture) => [...shots.keys()].filter((other) => !isBelow(other));
  assert.deepEqual(outside(after).sort(), [...outside(before), ...above].sort(), `${what}: names outside`);
  // 2.
  assert.deepEqual(
    afterBelow.map(({ path }) => path).sort(),
    thenBelow.map(({ path }) => path).sort(),
    `${what}: names below`,
  );
  // 2. and 3.
  const known = new Set([...then.values(), ...before.values()].map(({ ino }) => ino));
  const became = new Map<number, number>();
  const cameFrom = new Map<number, number>();
  for (const shot of thenBelow) {
    const is = after.get(shot.path)!;
    const [first, origin] = [became.get(shot.ino) ?? is.ino, cameFrom.get(is.ino) ?? shot.ino];
    assert.equal(is.ino, first, `${what}: ${shot.path} leads to the file that its other names lead to`);
    assert.equal(origin, shot.ino, `${what}: ${shot.path} leads to a file of its own`);
    became.set(shot.ino, is.ino);
    cameFrom.set(is.ino, shot.ino);
    if (kept.has(shot.ino)) assert.equal(is.ino, shot.ino, `${what}: ${shot.path} is the same file`);
    else assert.ok(!known.has(is.ino), `${what}: ${shot.path} is a file that was never there`);
  }
  // 4.
  const links = groups(after);
  for (const is of after.values()) {
    const at = `${what}: ${is.path === "" ? "/" : is.path}`;
    const folders = [...after.values()].filter((other) => other.isDirectory && other.parent === is.ino);
    assert.equal(
      is.nlink,
      is.isDirectory ? 2 + folders.length : links.get(is.ino)!.length,
      `${at}, its names`,
    );
    if (is.isDirectory) assert.equal(links.get(is.ino)!.length, 1, `${at} has one place`);
    const was = isBelow(is.path) || above.has(is.path)
      ? then.get(is.path)!
      : kept.get(is.ino) ?? before.get(is.path)!;
    assert.equal(is.about, was.about, at);
    if (!isBelow(is.path) && !above.has(is.path)) {
      assert.equal(is.ino, before.get(is.path)!.ino, `${at} leads to the same file`);
      assert.equal(is.eid, before.get(is.path)!.eid, `${at} is the same name`);
    }
    // A directory that a name came to, or left, tells so.
    const isParent = !isBelow(is.path) && is.path === parentOf(topmost(path, above));
    const isOther = after.get(topmost(path, above))!.eid !== before.get(topmost(path, above))?.eid;
    if (!isParent || !isOther) assert.equal(is.mtime, was.mtime, `${at}, its time`);
    else assert.notEqual(is.mtime, was.mtime, `${at}, its time`);
  }
  for (const shot of thenBelow) {
    const [same, folder] = [before.get(shot.path), kept.has(shot.parent)];
    if (folder && same?.eid === shot.eid) {
      assert.equal(after.get(shot.path)!.eid, shot.eid, `${what}: ${shot.path} is the same name`);
    }
  }
}

function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf("/"));
}

/** The uppermost name that restoring makes. */
function topmost(path: string, above: ReadonlySet<string>): string {
  return [...above].sort((a, b) => a.length - b.length)[0] ?? path;
}
