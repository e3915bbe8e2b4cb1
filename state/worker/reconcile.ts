import { Buffer } from "node:buffer";
import { S } from "../../9p/mod.ts";
import { type EdgeFound, type IndexWriter, type NodeRow, sameAttributes } from "../store/mod.ts";
import {
  type Attributes,
  type EdgeRow,
  type NodeId,
  type NodeRow as TreeNode,
  ROOT,
  type TreeIndex,
  type Updated,
  type Version,
} from "../tree/mod.ts";
import { FLAGS_XATTR, flagsOf, modeOf } from "./attributes.ts";
import { fileId, leftId, parseFileId } from "./file_id.ts";

export interface ReconcileOptions {
  readonly index: IndexWriter;
  readonly tree: TreeIndex;
  /** Numbers for files that come. */
  readonly nextIno: () => number;
  /** A number higher than those of all versions there are, for files that become others. */
  readonly version: number;
  /** Whether somebody goes on with a file that has no name. */
  readonly isHeld: (ino: number) => boolean;
  /** A file that has no name and that nobody holds goes. */
  readonly forget: (ino: number) => void;
}

const utf8 = new TextEncoder();
/** What the index has that it should not have is met on the way, and looked at anew; it has no more of that each time. */
const PASSES_MAX = 100;

/**
 * Makes the index, in the transaction that is open, show of these nodes exactly what the tree shows, and of all that comes or goes with them. Gives the
 * numbers of the files that are others now. It costs as much as there is to change:
 *
 * 1. With a directory that comes or goes all in it does. A directory that is shown as one with another lends it its number, if that one has none.
 * 2. All names go that are not so, before any comes: two files may have changed places.
 * 3. Files are made, and become as the tree tells. Names come.
 * 4. Files without a name go, unless somebody holds them.
 */
export function reconcile(options: ReconcileOptions, nodes: Iterable<NodeId>): Set<number> {
  const changed = new Set<number>();
  let left = new Set(nodes);
  for (let passes = 0; left.size > 0; passes++) {
    if (passes > PASSES_MAX) throw new Error(`The index does not come to show ${[...left].slice(0, 3)}`);
    left = new Pass(options, left, changed).run();
  }
  return changed;
}

/** The nodes that an update tells of. */
export function nodesOf(updates: Iterable<Updated>): Set<NodeId> {
  const nodes = new Set<NodeId>();
  for (const { rows } of updates) {
    for (const { id } of rows.nodes) nodes.add(id);
    for (const id of rows.forgotten) nodes.add(id);
    for (const { node } of rows.edges) nodes.add(node);
    for (const { node } of rows.removed) nodes.add(node);
  }
  return nodes;
}

/** A file as it is to be. */
interface Wanted {
  readonly id: string;
  readonly row: TreeNode;
  readonly attributes: Attributes;
  readonly version: Version | undefined;
  readonly names: { readonly parent: NodeId; readonly name: string }[];
}

class Pass {
  readonly #options: ReconcileOptions;
  readonly #nodes: Set<NodeId>;
  readonly #changed: Set<number>;
  readonly #edges = new Map<NodeId, readonly EdgeRow[]>();
  /** Whether a directory is in the tree. */
  readonly #there = new Map<NodeId, boolean>([[ROOT, true]]);
  readonly #wanted = new Map<string, Wanted>();
  /** Files that lost names, or have none yet. */
  readonly #nameless = new Set<number>();
  readonly #again = new Set<NodeId>();

  constructor(options: ReconcileOptions, nodes: Set<NodeId>, changed: Set<number>) {
    this.#options = options;
    this.#nodes = nodes;
    this.#changed = changed;
  }

  /** Nodes that are to be looked at once more. */
  run(): Set<NodeId> {
    for (const node of this.#nodes) this.#gather(node);
    for (const node of this.#nodes) this.#join(node);
    for (const node of this.#nodes) this.#want(node);
    for (const node of this.#nodes) this.#take(node);
    for (const wanted of this.#wanted.values()) this.#become(wanted);
    for (const wanted of this.#wanted.values()) this.#put(wanted);
    this.#end();
    return this.#again;
  }

  /** Adds to the nodes what comes or goes with one. */
  #gather(node: NodeId): void {
    const { index, tree } = this.#options;
    const ino = this.#inoOf(node);
    const was = ino !== undefined && isDirectory(index.node(ino)!);
    const is = this.#isThere(node);
    const alias = was && !is ? tree.node(node)?.alias : undefined;
    if (alias !== undefined) this.#nodes.add(alias);
    if (was && !is) {
      for (const inside of index.inside(ino)) this.#add(index.id(inside));
    } else if (is && !was) {
      for (const member of [node, ...tree.aliases(node)]) {
        for (const row of tree.inside(member)) this.#nodes.add(row.node);
      }
    }
  }

  #add(id: string | undefined): void {
    const stands = id === undefined ? undefined : parseFileId(id);
    if (stands !== undefined) this.#nodes.add(stands.node);
  }

  #join(node: NodeId): void {
    const { index, tree } = this.#options;
    const ino = this.#inoOf(node);
    if (ino === undefined || !isDirectory(index.node(ino)!)) return;
    const alias = tree.node(node)?.alias;
    if (alias === undefined || !this.#isThere(alias) || this.#inoOf(alias) !== undefined) return;
    this.#freeId(alias);
    index.setId(ino, alias);
    this.#changed.add(ino);
  }

  #want(node: NodeId): void {
    const row = this.#options.tree.node(node);
    const attributes = row?.attributes;
    if (row === undefined || attributes === undefined) return;
    if (node === ROOT) {
      this.#wanted.set(ROOT, { id: ROOT, row, attributes, version: undefined, names: [] });
      return;
    }
    for (const { version, shown } of this.#edgesOf(node)) {
      if (shown === undefined || !this.#isThere(shown.parent)) continue;
      const id = fileId(node, version);
      const known = this.#wanted.get(id);
      if (known !== undefined) known.names.push(shown);
      else this.#wanted.set(id, { id, row, attributes, version, names: [shown] });
    }
  }

  #take(node: NodeId): void {
    const { index } = this.#options;
    for (const id of [node, ...index.joinedIds(node)]) {
      const ino = this.#inoOf(id);
      if (ino === undefined || id === ROOT) continue;
      const wanted = this.#wanted.get(id);
      const fits = wanted !== undefined && isSame(index.node(ino)!, wanted.attributes);
      const names = fits ? wanted.names : [];
      for (const edge of index.namesOf(ino)) {
        const stays = names.some(({ parent, name }) =>
          name === edge.name && this.#inoOf(parent) === edge.parent
        );
        if (!stays) this.#takeName(edge.parent, edge);
      }
      // What it is never changes, so it is another file.
      if (wanted !== undefined && !fits) index.setId(ino, leftId(id, ino));
    }
  }

  #takeName(parent: number, edge: EdgeFound): void {
    const { index } = this.#options;
    index.removeEdge(parent, edge);
    const row = index.change(edge.ino);
    if (row === undefined) return;
    row.nlink--;
    this.#nameless.add(edge.ino);
    this.#changed.add(edge.ino);
    this.#touch(parent, -1, row);
  }

  #become(wanted: Wanted): void {
    const { index } = this.#options;
    let ino = this.#inoOf(wanted.id);
    if (ino === undefined) {
      this.#freeId(wanted.id);
      ino = this.#make(wanted);
    } else this.#update(index.node(ino)!, wanted);
    const xattrs = new Map(wanted.row.xattrs);
    xattrs.delete(FLAGS_XATTR);
    const before = index.xattrs(ino);
    if (sameAttributes(before, xattrs)) return;
    this.#changed.add(ino);
    for (const name of before.keys()) if (!xattrs.has(name)) index.setXattr(ino, name, null);
    for (const [name, value] of xattrs) {
      const old = before.get(name);
      if (old === undefined || Buffer.compare(old, value) !== 0) index.setXattr(ino, name, value);
    }
  }

  #make(wanted: Wanted): number {
    const { index, nextIno, version } = this.#options;
    const ino = nextIno();
    const { target, rdev, ctime } = wanted.attributes;
    const told = toldOf(wanted);
    index.addNode({
      ...{ ino, ...told, muid: told.uid, nlink: 0, folders: 0, rdev, target, version, btime: ctime },
      ...wanted.attributes.kind === "symlink" ? { size: utf8.encode(target).byteLength } : {},
    }, wanted.id);
    this.#nameless.add(ino);
    this.#changed.add(ino);
    return ino;
  }

  #update(row: NodeRow, wanted: Wanted): void {
    const { index, version } = this.#options;
    const { content, size, ...told } = toldOf(wanted);
    const isFile = wanted.attributes.kind === "file";
    const isWritten = isFile && (row.size !== size || !sameBytes(row.content, content));
    const isOther = row.mode !== told.mode || row.uid !== told.uid || row.gid !== told.gid ||
      row.flags !== told.flags || !sameTime(row.atime, told.atime) || !sameTime(row.mtime, told.mtime) ||
      !sameTime(row.ctime, told.ctime);
    if (!isOther && !isWritten) return;
    this.#changed.add(row.ino);
    if (isWritten) Object.assign(index.changeVersion(row.ino)!, { content, size, muid: told.uid });
    Object.assign(index.change(row.ino)!, told, { version });
  }

  #put({ id, names }: Wanted): void {
    const { index } = this.#options;
    const ino = this.#inoOf(id)!;
    for (const { parent, name } of names) {
      const dir = this.#inoOf(parent);
      if (dir === undefined) {
        this.#again.add(parent);
        continue;
      }
      const there = index.edge(dir, name);
      if (there?.ino === ino) continue;
      if (there !== undefined) {
        this.#takeName(dir, there);
        const stands = parseFileId(index.id(there.ino) ?? "");
        if (stands !== undefined) this.#again.add(stands.node);
      }
      index.addEdge(dir, { eid: index.nextEid(), name, ino });
      const row = index.change(ino)!;
      row.nlink++;
      this.#changed.add(ino);
      this.#touch(dir, 1, row);
    }
  }

  #end(): void {
    const { index, isHeld, forget } = this.#options;
    for (const ino of this.#nameless) {
      const row = index.node(ino);
      if (row === undefined || row.nlink > 0) continue;
      if (isHeld(ino)) index.addOrphan(ino);
      else forget(ino);
    }
  }

  #touch(parent: number, names: number, row: NodeRow): void {
    const dir = this.#options.index.change(parent);
    if (dir === undefined) return;
    this.#changed.add(parent);
    dir.size += names;
    if (isDirectory(row)) dir.folders += names;
    dir.version = this.#options.version;
  }

  /** Who holds a file without a name goes on with it; what is called so from now on is another file. */
  #freeId(id: string): void {
    const { index } = this.#options;
    const ino = index.inoOf(id);
    if (ino !== undefined) index.setId(ino, leftId(id, ino));
  }

  /** The file's number, if it has a name or is about to have one. */
  #inoOf(id: string): number | undefined {
    const { index } = this.#options;
    const ino = index.inoOf(id);
    if (ino === undefined || this.#nameless.has(ino)) return ino;
    return (index.node(ino)?.nlink ?? 0) > 0 ? ino : undefined;
  }

  /** Whether the node is a directory that a path from the root leads to. */
  #isThere(node: NodeId): boolean {
    const known = this.#there.get(node);
    if (known !== undefined) return known;
    // A tree may be deeper than calls can be.
    const way: NodeId[] = [];
    let isThere: boolean | undefined;
    for (let at = node; isThere === undefined; isThere = this.#there.get(at)) {
      way.push(at);
      // Nothing is above itself, but who knows what is in a damaged row.
      this.#there.set(at, false);
      const above = this.#above(at);
      if (above === undefined) break;
      at = above;
    }
    for (const each of way) this.#there.set(each, isThere ?? false);
    return isThere ?? false;
  }

  /** What a directory is shown in; undefined for all else. */
  #above(node: NodeId): NodeId | undefined {
    const shown = this.#edgesOf(node).find((row) => row.directory && row.version === undefined && row.shown)
      ?.shown;
    return shown && this.#options.tree.node(node)?.attributes ? shown.parent : undefined;
  }

  #edgesOf(node: NodeId): readonly EdgeRow[] {
    let edges = this.#edges.get(node);
    if (edges === undefined) this.#edges.set(node, edges = this.#options.tree.edges(node));
    return edges;
  }
}

/** What the tree tells of a file, as a row of the index has it. */
function toldOf({ row, attributes, version }: Wanted) {
  const { uid, gid, atime, mtime, ctime } = attributes;
  const held = version ?? (attributes.kind === "file" ? row.content : undefined);
  const size = held?.size ?? 0;
  return {
    ...{ mode: modeOf(attributes), uid, gid, flags: flagsOf(row.xattrs), atime, ctime, size },
    mtime: version?.mtime ?? mtime,
    content: size === 0 ? null : held!.descriptor,
  };
}

/** Whether a file of the index can be that of the tree: this never changes. */
function isSame(row: NodeRow, attributes: Attributes): boolean {
  return (row.mode & S.IFMT) === (modeOf(attributes) & S.IFMT) && row.target === attributes.target &&
    row.rdev === attributes.rdev;
}

function isDirectory({ mode }: NodeRow): boolean {
  return (mode & S.IFMT) === S.IFDIR;
}

function sameTime(a: NodeRow["mtime"], b: NodeRow["mtime"]): boolean {
  return a.sec === b.sec && a.nsec === b.nsec;
}

function sameBytes(a: Uint8Array | null, b: Uint8Array | null): boolean {
  return a === b || a !== null && b !== null && Buffer.compare(a, b) === 0;
}
