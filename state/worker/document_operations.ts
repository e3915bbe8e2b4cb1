import type { Timestamp } from "../../9p/mod.ts";
import type { Create, Operation, Rename, SetAttributes } from "../operation/mod.ts";
import type { IndexWriter, SqliteTreeIndex } from "../store/mod.ts";
import {
  type Author,
  type EdgeRow,
  type NodeId,
  nodeId,
  ROOT,
  type TreeWriter,
  versionId,
} from "../tree/mod.ts";
import { attributesOf, FLAGS_XATTR } from "./attributes.ts";
import { parseFileId, type Stands } from "./file_id.ts";
import type { Texts } from "./texts.ts";
import type { Touched } from "./touched.ts";

const ROOT_INO = 1;

export interface DocumentOperationsOptions {
  readonly author: Author;
  readonly index: IndexWriter;
  readonly tree: SqliteTreeIndex;
  readonly writer: TreeWriter;
  /** Told what the operations are about. */
  readonly touched: Touched;
  readonly texts: Texts;
  /** The node that the writer made last. */
  lastNode(): NodeId;
}

/** Does to the documents what an operation does to the index. Files of the index are numbers, and those of the documents are nodes. */
export class DocumentOperations {
  readonly #options: DocumentOperationsOptions;

  constructor(options: DocumentOperationsOptions) {
    this.#options = options;
  }

  /** To be called before the index has the operation. */
  apply(operation: Operation): void {
    const { writer, touched } = this.#options;
    switch (operation.kind) {
      case "create":
        return this.#create(operation);
      case "link": {
        const { ino, parent: parentIno, name, time } = operation;
        const [node, parent] = [this.#own(ino, time), this.#id(parentIno)];
        if (!node || !parent) return;
        touched.gave(node, parent, name);
        return writer.link({ node, parent, name }, time);
      }
      case "unlink":
        return this.#unlink(operation.parent, operation.name, operation, operation.ino);
      case "rename":
        return this.#rename(operation);
      case "attributes":
        return this.#attributes(operation);
      case "xattr": {
        const node = this.#own(operation.ino, operation.time);
        if (node) writer.setxattr(node, operation.name, operation.value?.slice(), operation.time);
        return;
      }
    }
  }

  /** To be called after the index has the file's new version. */
  version(ino: number): void {
    const { index, writer, texts } = this.#options;
    const row = index.node(ino);
    // A file without a name is nobody's but its holder's.
    if (row === undefined || row.nlink === 0) return;
    const node = this.#own(ino, row.ctime);
    if (node === undefined) return;
    const { size, mtime, content } = row;
    const descriptor = content ?? new Uint8Array(0);
    writer.content(node, { size, mtime, descriptor, text: texts.isText(row) });
    // Contents tell when they were written. What was done to the file since is later, also where it set that time back.
    if (!sameTime(row.ctime, mtime)) writer.setattr(node, {}, row.ctime);
  }

  #create(operation: Create): void {
    const { author, writer, touched } = this.#options;
    const { ino, parent: parentIno, name, mode, uid, gid, flags, rdev, target, time } = operation;
    const parent = this.#id(parentIno);
    if (!parent) return;
    const node = nodeId(author, ino);
    touched.gave(node, parent, name);
    const times = { atime: time, mtime: time, ctime: time };
    writer.create({ node, parent, name }, attributesOf({ mode, uid, gid, rdev, target, ...times }));
    if (flags !== 0) writer.setxattr(node, FLAGS_XATTR, new Uint8Array([flags]), time);
  }

  /** `ino`: what had the name when it was asked to go; its name may be another by now if it is a conflict file's. */
  #unlink(parentIno: number, name: string, { time }: Operation, ino?: number): void {
    const { index, writer, touched } = this.#options;
    const edge = index.edge(parentIno, name);
    const conflict = this.#conflict(ino ?? edge?.ino);
    if (conflict) return this.#resolve(conflict, time);
    const [parent, node] = [this.#id(parentIno), edge && this.#id(edge.ino)];
    if (!parent || !node) return;
    touched.took(node, parent, name);
    writer.unlink({ node, parent, name }, time);
  }

  #rename(operation: Rename): void {
    const { index, writer, touched } = this.#options;
    const { ino, parent: from, name, toParent, toName, time } = operation;
    const [parent, to] = [this.#id(from), this.#id(toParent)];
    const conflict = this.#conflict(ino);
    if (!parent || !to || !conflict && index.edge(from, name)?.ino !== ino) return;
    this.#unlink(toParent, toName, operation);
    if (conflict) return void this.#adopt(ino, conflict, time, { parent: to, name: toName });
    const node = this.#id(ino);
    if (!node) return;
    touched.took(node, parent, name);
    touched.gave(node, to, toName);
    writer.rename({ node, parent, name }, { parent: to, name: toName }, time);
  }

  #attributes({ ino, mode, uid, gid, flags, atime, mtime, time }: SetAttributes): void {
    const { index, writer } = this.#options;
    const row = index.node(ino);
    if (row === undefined || row.nlink === 0) return;
    const node = this.#own(ino, time);
    if (node === undefined) return;
    writer.setattr(node, {
      mode: mode !== row.mode ? mode & 0o7777 : undefined,
      uid: uid !== row.uid ? uid : undefined,
      gid: gid !== row.gid ? gid : undefined,
      atime: sameTime(atime, row.atime) ? undefined : atime,
      mtime: sameTime(mtime, row.mtime) ? undefined : mtime,
    }, time);
    if (flags !== row.flags) {
      writer.setxattr(node, FLAGS_XATTR, flags === 0 ? undefined : new Uint8Array([flags]), time);
    }
  }

  /** The node that a file is, which no conflict file is. */
  #id(ino: number): NodeId | undefined {
    if (ino === ROOT_INO) return ROOT;
    const stands = this.#stands(ino);
    return stands?.version === undefined ? stands?.node : undefined;
  }

  #stands(ino: number): Stands | undefined {
    const id = this.#options.index.id(ino);
    return id === undefined ? undefined : parseFileId(id);
  }

  #conflict(ino: number | undefined): Stands | undefined {
    const stands = ino === undefined ? undefined : this.#stands(ino);
    return stands?.version === undefined ? undefined : stands;
  }

  /** The node that a file is, and that a conflict file becomes now: what is done to it is done to a file of its own. */
  #own(ino: number, time: Timestamp): NodeId | undefined {
    const conflict = this.#conflict(ino);
    if (!conflict) return this.#id(ino);
    return (this.#options.index.node(ino)?.nlink ?? 0) > 0 ? this.#adopt(ino, conflict, time) : undefined;
  }

  /** Where a conflict file is shown; what was done in this batch may have moved it. */
  #shown({ node, version }: Stands): EdgeRow["shown"] {
    const { writer, tree } = this.#options;
    writer.refresh([]);
    return tree.edges(node).find((row) => row.version && versionId(row.version.stamp) === version)?.shown;
  }

  #resolve(conflict: Stands, time: Timestamp): void {
    const shown = this.#shown(conflict);
    if (!shown) return;
    this.#options.writer.unlink({ node: conflict.node, ...shown }, time);
    this.#options.touched.look(shown.parent);
  }

  /** Makes a conflict file a file of its own, where it is or under another name. Its number stays. */
  #adopt(ino: number, conflict: Stands, time: Timestamp, to?: EdgeRow["shown"]): NodeId | undefined {
    const { index, tree, writer, touched, lastNode } = this.#options;
    const shown = this.#shown(conflict);
    if (!shown) return undefined;
    const { node } = conflict;
    const xattrs = tree.node(node)?.xattrs;
    writer.rename({ node, ...shown }, to ?? shown, time);
    const own = lastNode();
    for (const [name, value] of xattrs ?? []) writer.setxattr(own, name, value, time);
    index.setId(ino, own);
    touched.look(shown.parent);
    return own;
  }
}

function sameTime(a: Timestamp, b: Timestamp): boolean {
  return a.sec === b.sec && a.nsec === b.nsec;
}
