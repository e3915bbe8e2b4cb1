import { NineError, S } from "../../9p/mod.ts";
import type { ChangeReader, Named, Span } from "./change_reader.ts";
import type { NodeRow } from "./node_row.ts";
import type { PastReader } from "./past_reader.ts";

/** What became of one name. Paths are from the root of the volume on. */
export type Difference =
  | { readonly kind: "added" | "removed"; readonly path: string }
  | { readonly kind: "moved"; readonly from: string; readonly path: string }
  | { readonly kind: "changed"; readonly path: string; readonly what: readonly Aspect[] };

/** What can be other of a file: `kind` where a name leads to something else, say a folder. */
export type Aspect = "kind" | "contents" | "target" | "mode" | "owner" | "time" | "attributes";

const ROOT_INO = 1;
/** Names that a comparison has at most. */
const NAMES_MAX = 1_000_000;
const DEPTH_MAX = 10_000;

/**
 * What is other after record `to` than it was after record `from`, which is the earlier one, in the order of paths. What
 * is in a folder that moved is not told again, what is in one that is new or gone is. It yields again and again, and
 * what it reads stays the same meanwhile.
 */
export function* differences(
  past: PastReader,
  changes: ChangeReader,
  span: Span,
): Generator<void, Difference[]> {
  return yield* new Comparison(past, changes, span).run();
}

class Comparison {
  readonly #paths = { from: new Map<number, string>(), to: new Map<number, string>() };

  constructor(readonly past: PastReader, readonly changes: ChangeReader, readonly span: Span) {}

  *run(): Generator<void, Difference[]> {
    const { from, to } = this.span;
    const come: Named[] = [];
    const stayed: { readonly ino: number; readonly before: NodeRow; readonly after: NodeRow }[] = [];
    for (const page of this.changes.files(this.span)) {
      for (const ino of page) {
        const before = this.past.node(ino, from);
        const after = this.past.node(ino, to);
        if (before === undefined || after === undefined) continue;
        if (isDirectory(after)) come.push(...this.changes.come(ino, this.span));
        stayed.push({ ino, before, after });
      }
      checkBound(come.length + stayed.length);
      yield;
    }
    yield* this.#inNewFolders(come);
    const gone = new Map<string, Named>();
    for (const page of this.changes.gone(this.span)) {
      for (const edge of page) gone.set(keyOf(edge), edge);
      checkBound(gone.size);
      yield;
    }
    const found = [...this.#names(come, gone)];
    for (const { ino, before, after } of stayed) {
      const what = aspectsOf(before, after);
      if (!sameAttributes(this.past.xattrs(ino, from), this.past.xattrs(ino, to))) what.push("attributes");
      const name = what.length > 0 ? this.#anyPath(ino) : undefined;
      if (name !== undefined) found.push({ kind: "changed", path: name, what });
    }
    yield;
    return found.sort((a, b) => a.path < b.path ? -1 : a.path > b.path ? 1 : 0);
  }

  /** Adds to the names that came those in folders that were not there before. */
  *#inNewFolders(come: Named[]): Generator<void> {
    const { from, to } = this.span;
    // The list grows while it is gone through.
    for (const { ino } of come) {
      const after = this.past.node(ino, to);
      if (after === undefined || !isDirectory(after) || this.past.node(ino, from) !== undefined) continue;
      for (let eid = 0;;) {
        const page = this.past.list(ino, to, eid, 1000);
        for (const edge of page) come.push({ ...edge, parent: ino });
        checkBound(come.length);
        yield;
        if (page.length < 1000) break;
        eid = page[page.length - 1].eid;
      }
    }
  }

  *#names(come: readonly Named[], gone: Map<string, Named>): Generator<Difference> {
    const { from, to } = this.span;
    const left = new Map<number, Named[]>();
    const arrived: Named[] = [];
    for (const edge of come) {
      // A name that went and came back is where it was.
      if (!gone.delete(keyOf(edge))) arrived.push(edge);
    }
    for (const edge of gone.values()) left.set(edge.ino, [...left.get(edge.ino) ?? [], edge]);
    const added = new Map<string, Named>();
    for (const edge of arrived) {
      const source = left.get(edge.ino)?.pop();
      const path = this.#path("to", edge);
      if (source === undefined) added.set(path, edge);
      else yield { kind: "moved", from: this.#path("from", source), path };
    }
    for (const edge of [...left.values()].flat()) {
      const path = this.#path("from", edge);
      const other = added.get(path);
      if (other === undefined) {
        yield { kind: "removed", path };
        continue;
      }
      // Many programs write a new file and put it in the place of the old one.
      added.delete(path);
      const [before, after] = [this.past.node(edge.ino, from), this.past.node(other.ino, to)];
      if (before === undefined || after === undefined) continue;
      const what = aspectsOf(before, after);
      const [old, now] = [this.past.xattrs(edge.ino, from), this.past.xattrs(other.ino, to)];
      if (!sameAttributes(old, now)) what.push("attributes");
      if (what.length > 0) yield { kind: "changed", path, what };
    }
    for (const path of added.keys()) yield { kind: "added", path };
  }

  #anyPath(ino: number): string | undefined {
    if (ino === ROOT_INO) return "/";
    const [edge] = this.changes.namesOf(ino, this.span.to);
    return edge && this.#path("to", edge);
  }

  #path(side: "from" | "to", { parent, name }: Named): string {
    const folder = this.#folder(side, parent, 0);
    return folder === "/" ? `/${name}` : `${folder}/${name}`;
  }

  #folder(side: "from" | "to", ino: number, depth: number): string {
    if (ino === ROOT_INO) return "/";
    const known = this.#paths[side].get(ino);
    if (known !== undefined) return known;
    const [edge] = this.changes.namesOf(ino, this.span[side]);
    if (edge === undefined || depth > DEPTH_MAX) return "?";
    const above = this.#folder(side, edge.parent, depth + 1);
    const path = above === "/" ? `/${edge.name}` : `${above}/${edge.name}`;
    this.#paths[side].set(ino, path);
    return path;
  }
}

function checkBound(names: number): void {
  if (names <= NAMES_MAX) return;
  throw new NineError(
    "EFBIG",
    `More than ${NAMES_MAX} names differ: compare snapshots that are nearer to each other`,
  );
}

function keyOf({ parent, name, ino }: Named): string {
  return `${parent}/${ino}/${name}`;
}

function isDirectory({ mode }: NodeRow): boolean {
  return (mode & S.IFMT) === S.IFDIR;
}

function aspectsOf(before: NodeRow, after: NodeRow): Aspect[] {
  if ((before.mode & S.IFMT) !== (after.mode & S.IFMT)) return ["kind"];
  const what: Aspect[] = [];
  if (!sameContents(before, after)) what.push("contents");
  if (before.target !== after.target || before.rdev !== after.rdev) what.push("target");
  if (before.mode !== after.mode || before.flags !== after.flags) what.push("mode");
  if (before.uid !== after.uid || before.gid !== after.gid) what.push("owner");
  const { mtime: a } = before;
  const { mtime: b } = after;
  // That names came to a directory and left it is told by their own lines, and a new content has another time anyway.
  const isTold = isDirectory(after) || what.includes("contents");
  if (!isTold && (a.sec !== b.sec || a.nsec !== b.nsec)) what.push("time");
  return what;
}

/** Whether two files have the same bytes: contents are named by their hashes. */
export function sameContents(a: NodeRow, b: NodeRow): boolean {
  return isDirectory(a) || a.size === b.size && sameBytes(a.content, b.content);
}

export function sameAttributes(
  a: ReadonlyMap<string, Uint8Array>,
  b: ReadonlyMap<string, Uint8Array>,
): boolean {
  return a.size === b.size && [...a].every(([name, value]) => sameBytes(value, b.get(name) ?? null));
}

function sameBytes(a: Uint8Array | null, b: Uint8Array | null): boolean {
  if (a === null || b === null) return a === b;
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}
