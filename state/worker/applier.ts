import { Buffer } from "node:buffer";
import { Errno, errnoOf, reasonOf, S, type Timestamp } from "../../9p/mod.ts";
import type { Create, Link, Operation, Rename, Restore, SetAttributes, Unlink } from "../operation/mod.ts";
import type { IndexWriter, NodeRow } from "../store/mod.ts";
import type { DocumentKeeper } from "./documents.ts";
import type { Span } from "../volume/mod.ts";
import type { Unsettled } from "./unsettled.ts";

const NAME_BYTES_MAX = 255;

/** Where an operation was found in the log. */
export interface Place {
  readonly number: number;
  /** Of a write: where its bytes are. */
  readonly segment: number;
  readonly position: number;
}

export interface ApplierOptions {
  readonly index: IndexWriter;
  readonly unsettled: Unsettled;
  readonly documents: DocumentKeeper;
  /** Makes contents of the settled version and of what was written since, in order. */
  readonly contents: (base: NodeRow, spans: readonly Span[]) => { content: Uint8Array | null; size: number };
  /** Whether what was written may as well stay in the log where this keeps it from being settled. */
  readonly leaves: (thrown: unknown) => boolean;
  /** Told of what cannot be read, and is left as it is. */
  readonly onDamage: (reason: string) => void;
  /** Makes of it the operations that it stands for, and applies them. */
  readonly restore: (operation: Restore, place: Place) => void;
}

/**
 * Applies operations to the documents and to the index. They were checked before they were logged, so nothing is refused here: what does not
 * fit (a name that is not there) does nothing.
 */
export class Applier {
  constructor(readonly options: ApplierOptions) {}

  apply(operation: Operation, place: Place): void {
    const { index, unsettled, documents } = this.options;
    if (operation.kind === "create" || operation.kind === "link") this.#makeRoom(operation, place);
    documents.apply(operation);
    switch (operation.kind) {
      case "create":
        return this.#create(operation, place);
      case "link": {
        const { ino, parent, eid, name } = operation;
        const row = index.change(ino);
        if (row === undefined) return;
        row.ctime = operation.time;
        index.addEdge(parent, { eid, name, ino });
        return this.#entered(parent, row, operation, place);
      }
      case "unlink":
        return this.#unlink(operation.parent, operation.name, operation, place);
      case "rename":
        return this.#rename(operation, place);
      case "attributes":
        unsettled.note(operation, place);
        return this.#attributes(operation);
      case "write":
        return unsettled.note(operation, place);
      case "settle":
        return this.settle(operation.ino);
      case "forget":
        return this.forget(operation.ino);
      case "xattr": {
        const row = index.change(operation.ino);
        if (row === undefined) return;
        row.ctime = operation.time;
        return index.setXattr(operation.ino, operation.name, operation.value);
      }
      case "snapshot":
        // What was written before it was settled before it, by operations of the side that reads the log.
        return index.addSnapshot(operation.name, operation.time.sec, operation.by);
      case "unsnapshot":
        return index.removeSnapshot(operation.name);
      case "restore":
        return this.options.restore(operation, place);
      case "receive":
        return;
    }
  }

  /** The file has contents that are kept already, as a new version. */
  replace(ino: number, { content, size }: NodeRow, number: number, by: string): void {
    const row = this.options.index.changeVersion(ino);
    if (row === undefined) return;
    // What could not be settled before goes with what it was written over.
    this.options.unsettled.take(ino);
    Object.assign(row, { content, size, version: number, muid: by });
    this.options.documents.version(ino);
  }

  /**
   * What was written to the file becomes its contents. Where what it was written over is damaged, or of no size that can be changed, it stays in the log, for
   * the next time that the file is settled: it may be written over by then.
   */
  settle(ino: number): void {
    const { index, unsettled } = this.options;
    const change = unsettled.take(ino);
    if (change === undefined) return;
    let made: { content: Uint8Array | null; size: number };
    try {
      const base = index.node(ino);
      if (base === undefined) return;
      made = this.options.contents(base, change.spans);
    } catch (thrown) {
      const isBase = errnoOf(thrown) === Errno.EIO || errnoOf(thrown) === Errno.EFBIG;
      if (!isBase && !this.options.leaves(thrown)) throw thrown;
      unsettled.leave(ino, change);
      return this.options.onDamage(`What was written to file ${ino} stays in the log: ${reasonOf(thrown)}`);
    }
    const row = index.changeVersion(ino)!;
    row.content = made.content;
    row.size = made.size;
    row.version = change.version;
    row.muid = change.by;
    if (change.time !== undefined) {
      row.mtime = change.time;
      // A name or an attribute may have come to it after what was written.
      row.ctime = later(row.ctime, change.time);
    }
    this.options.documents.version(ino);
  }

  /** Nobody holds the file any longer. One that has a name stays. */
  forget(ino: number): void {
    const { index, unsettled } = this.options;
    if ((index.node(ino)?.nlink ?? 1) > 0) return;
    unsettled.take(ino);
    index.removeNode(ino);
  }

  /** What took the name away is lost, as with a record of the log that is damaged: what had it keeps another. */
  #makeRoom({ parent, name, by, time }: Create | Link, place: Place): void {
    const { index, onDamage } = this.options;
    const before = index.edge(parent, name);
    if (before === undefined) return;
    const { ino } = before;
    const toName = asideName(name, ino);
    onDamage(`What removed or renamed ${JSON.stringify(name)} is lost: it is ${JSON.stringify(toName)} now`);
    const words = { parent, name, toParent: parent, toName, eid: index.nextEid(), held: false };
    this.apply({ kind: "rename", ino, ...words, by, time }, place);
  }

  #create(operation: Create, { number }: Place): void {
    const { index, documents } = this.options;
    const { ino, parent, eid, name, mode, uid, gid, flags, rdev, target, time } = operation;
    const row: NodeRow = {
      ...{ ino, mode, uid, gid, muid: uid, flags, nlink: 0, folders: 0, rdev, target, version: number },
      size: (mode & S.IFMT) === S.IFLNK ? new TextEncoder().encode(target).byteLength : 0,
      ...{ atime: time, mtime: time, ctime: time, btime: time, content: null },
    };
    index.addNode(row, documents.idOf(ino));
    index.addEdge(parent, { eid, name, ino });
    this.#entered(parent, row, operation, { number });
  }

  #unlink(parent: number, name: string, operation: Unlink | Rename, place: Place): void {
    const { index, unsettled } = this.options;
    const edge = index.edge(parent, name);
    if (edge === undefined) return;
    index.removeEdge(parent, edge);
    const row = index.change(edge.ino);
    if (row === undefined) return;
    row.ctime = operation.time;
    this.#left(parent, row, operation, place);
    if (row.nlink > 0) return;
    if (operation.held) return index.addOrphan(edge.ino);
    unsettled.take(edge.ino);
    index.removeNode(edge.ino);
  }

  #rename(operation: Rename, place: Place): void {
    const { index } = this.options;
    const { ino, parent, name, toParent, toName, eid, time } = operation;
    const edge = index.edge(parent, name);
    const row = index.change(ino);
    if (edge === undefined || edge.ino !== ino || row === undefined) return;
    this.#unlink(toParent, toName, operation, place);
    index.removeEdge(parent, edge);
    this.#left(parent, row, operation, place);
    index.addEdge(toParent, { eid, name: toName, ino });
    this.#entered(toParent, row, operation, place);
    row.ctime = time;
  }

  #attributes({ ino, mode, uid, gid, flags, atime, mtime, time }: SetAttributes): void {
    const row = this.options.index.change(ino);
    if (row !== undefined) Object.assign(row, { mode, uid, gid, flags, atime, mtime, ctime: time });
  }

  #entered(parent: number, row: NodeRow, by: Operation, { number }: Pick<Place, "number">): void {
    row.nlink++;
    this.#touch(parent, 1, row, by, number);
  }

  #left(parent: number, row: NodeRow, by: Operation, { number }: Place): void {
    row.nlink--;
    this.#touch(parent, -1, row, by, number);
  }

  #touch(parent: number, names: number, { mode }: NodeRow, { by, time }: Operation, number: number): void {
    const dir = this.options.index.change(parent);
    if (dir === undefined) return;
    dir.size += names;
    if ((mode & S.IFMT) === S.IFDIR) dir.folders += names;
    touch(dir, number, by, time);
  }
}

/** A file has a name of this kind once at most, as its number is its own. */
function asideName(name: string, ino: number): string {
  const mark = `.lost-${ino}`;
  let kept = name;
  while (Buffer.byteLength(kept) + mark.length > NAME_BYTES_MAX) kept = [...kept].slice(0, -1).join("");
  return kept + mark;
}

function touch(row: NodeRow, number: number, by: string, time: Timestamp): void {
  row.version = number;
  row.muid = by;
  row.mtime = row.ctime = time;
}

function later(a: Timestamp, b: Timestamp): Timestamp {
  return a.sec > b.sec || a.sec === b.sec && a.nsec > b.nsec ? a : b;
}
