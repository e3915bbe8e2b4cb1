import { type Entry, NineError } from "../../9p/mod.ts";
import type { IndexReader } from "../../state/store/mod.ts";
import { attrOf, qidOf } from "./inode.ts";
import type { Place } from "./place.ts";
import type { Tree } from "./tree.ts";

type Row = ReturnType<IndexReader["list"]>[number];

/**
 * The names after number `cookie`, oldest first: those of the index that are still there, and those that it does not have
 * yet. A name's number stays while the name does, so a listing goes on where it was whatever comes and goes (rule R29).
 */
export function list(tree: Tree, dir: Place, cookie: number, max: number, withAttr: boolean): Entry[] {
  if (!dir.inode.isDirectory) throw new NineError("ENOTDIR", `${dir.path} is no directory`);
  if (dir.removed) return [];
  for (let after = cookie;;) {
    const rows = tree.store.index.list(dir.inode.ino, after, max);
    const isEnd = rows.length < max;
    const last = isEnd ? Infinity : rows[rows.length - 1].eid;
    const entries = rows.flatMap((row) => entryOf(tree, dir, row, withAttr) ?? []);
    const stored = entries.length;
    for (const place of dir.inode.fresh) {
      if (place.eid > after && place.eid <= last) entries.push(placeEntry(place, withAttr));
    }
    if (stored > 0 && stored < entries.length) entries.sort((a, b) => Number(a.cookie) - Number(b.cookie));
    if (entries.length > 0 || isEnd) return entries.slice(0, max);
    after = last;
  }
}

/** What the index has, as it is now; undefined where the name has gone, or gone on to another file. */
function entryOf(tree: Tree, dir: Place, row: Row, withAttr: boolean): Entry | undefined {
  const known = dir.children?.get(row.name);
  if (known !== undefined) return known.eid === row.eid ? placeEntry(known, withAttr) : undefined;
  if (dir.inode.gone.has(row.name)) return undefined;
  // Another name of the file may have changed it.
  const node = tree.places.inode(row.ino) ?? row.node;
  const attr = withAttr ? attrOf(node) : undefined;
  return { name: row.name, cookie: row.eid, qid: qidOf(node), mode: node.mode, attr };
}

function placeEntry({ name, eid, inode }: Place, withAttr: boolean): Entry {
  const attr = withAttr ? attrOf(inode) : undefined;
  return { name, cookie: eid, qid: inode.qid(), mode: inode.mode, attr };
}
