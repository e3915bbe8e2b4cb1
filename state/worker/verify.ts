import { existsSync } from "node:fs";

import { Buffer } from "node:buffer";
import { DatabaseSync, type StatementSync } from "node:sqlite";
import { NineError, reasonOf, S, type Timestamp } from "../../9p/mod.ts";
import { automerge } from "../automerge/mod.ts";
import { ChunkReader, decodeDescriptor, type Descriptor, Packs } from "../chunks/mod.ts";
import { type Disk, realDisk } from "../disk/mod.ts";
import { DATABASE, DatabaseGuard, LOG, PACKS } from "../guard/mod.ts";
import { type LogDamage, LogReader } from "../log/mod.ts";
import {
  checkJournal,
  ChunkRows,
  edgeSum,
  FORMAT,
  formatOf,
  type NodeRow,
  StoredDocuments,
  type TreeEdgeColumns,
  unpackNode,
  unpackTreeEdge,
  unpackTreeNode,
  xattrSum,
} from "../store/mod.ts";
import { type Merger, type NodeId, ROOT, type ShownNode, shownTree, type Version } from "../tree/mod.ts";
import { FLAGS_XATTR, flagsOf } from "./attributes.ts";
import { fileId } from "./file_id.ts";
import { mergedText } from "./merged_text.ts";

export interface Verified {
  readonly files: number;
  readonly names: number;
  readonly chunks: number;
  readonly bytes: number;
  /** Chunks that are not here, as no copy that was met has them or nobody read them yet: nothing of this copy is damaged by that. */
  readonly absent: number;
  /** What is wrong, and where; at most `PROBLEMS_MAX`. */
  readonly problems: readonly string[];
}

const PROBLEMS_MAX = 1000;
const ROOT_INO = 1;
const NOTHING = new Uint8Array(0);

/**
 * Checks a volume, whether a node has it open or not: every checksum of the index, every name and count, and the bytes
 * of every chunk that a version, present or past, is made of. It reads the state of one moment and changes nothing.
 * `disk` shows the folder.
 */
export function verify(
  folder: string,
  onProgress?: (files: number) => void,
  disk?: Disk,
): Verified {
  return verified(folder, disk, "everything", onProgress);
}

/** What is looked at: all rows, those that documents have nothing to do with, or whether the documents show what the index has. */
type Rows = "rows" | "rows but documents" | "documents";

/** What is wrong with the rows of the database, whatever is to be said of its pages and of what is in packs. */
export function wrongRows(folder: string, what: Rows = "rows"): readonly string[] {
  return verified(folder, undefined, what).problems;
}

function verified(
  folder: string,
  given: Disk | undefined,
  what: "everything" | Rows,
  onProgress?: (files: number) => void,
): Verified {
  if (!existsSync(folder)) throw new NineError("ENOENT", `There is no volume in ${folder}`);
  // It would make the folder.
  const disk = given ?? realDisk(folder);
  const problems: string[] = [];
  if (what === "everything") problems.push(...damagedPages(disk));
  const none = { files: 0, names: 0, chunks: 0, bytes: 0, absent: 0 };
  let db: DatabaseSync | undefined;
  try {
    db = new DatabaseSync(`${folder}/${DATABASE}`, { readOnly: true });
    db.exec("BEGIN");
    const format = formatOf(db);
    if (format !== FORMAT) {
      return {
        ...none,
        problems: [`The database has format ${format}, where ${FORMAT} was due`, ...problems],
      };
    }
    return new Verification(db, disk, what, problems, onProgress).run();
  } catch (thrown) {
    // Of a database that is damaged enough SQLite does not even say what it is.
    return { ...none, problems: [...problems, `The database ${DATABASE}: ${reasonOf(thrown)}`] };
  } finally {
    db?.close();
  }
}

function damagedPages(disk: Disk): string[] {
  using guard = new DatabaseGuard(disk);
  try {
    return [...guard.damage()].slice(0, PROBLEMS_MAX);
  } catch (thrown) {
    return [reasonOf(thrown)];
  }
}

interface Found {
  readonly row: NodeRow;
  /** Names that lead to it, names in it, directories in it. */
  links: number;
  names: number;
  folders: number;
  parent: number;
}

class Verification {
  readonly #files = new Map<number, Found>();
  readonly #chunks: ChunkReader;
  readonly #xattrRows: StatementSync;
  #withXattrs: ReadonlySet<number> | undefined;
  /** Those that were checked. */
  readonly #unsettled = new Set<number>();
  readonly #seen = new Set<string>();
  readonly #absent = new Set<string>();
  #bytes = 0;
  #names = 0;

  constructor(
    readonly db: DatabaseSync,
    readonly disk: Disk,
    readonly what: "everything" | Rows,
    readonly problems: string[],
    readonly onProgress: ((files: number) => void) | undefined,
  ) {
    this.#xattrRows = db.prepare("SELECT name, value FROM xattr WHERE ino = ?");
    const key = this.#meta("key") as Uint8Array | undefined;
    this.#chunks = new ChunkReader({
      packs: new Packs(disk, PACKS),
      index: new ChunkRows(db),
      key: key ?? new Uint8Array(32),
    });
  }

  run(): Verified {
    if (this.what === "documents") {
      // The index's files are what the documents' are held against.
      this.#attempt(`The database ${DATABASE}`, () => this.#nodes());
      this.problems.length = 0;
    }
    const parts = this.what === "documents" ? [() => this.#documents()] : [
      () => this.#database(),
      () => this.#nodes(),
      () => this.#edges(),
      () => this.#counts(),
      () => this.#xattrs("xattr"),
      () => this.#xattrs("xattr_past"),
      () => this.#past(),
      () => this.#tree(),
      ...this.what === "rows but documents" ? [] : [() => this.#documents()],
      () => this.#journal(),
      () => this.#log(),
    ];
    // SQLite ends a look at a table where a page makes no sense to it.
    for (const part of parts) this.#attempt(`The database ${DATABASE}`, part);
    this.#chunks.packs.close();
    return {
      files: this.#files.size,
      names: this.#names,
      chunks: this.#seen.size,
      bytes: this.#bytes,
      absent: this.#absent.size,
      problems: this.problems,
    };
  }

  /** Operations that are in no row yet, and what was written and is in no version. */
  #log(): void {
    if (this.what !== "everything") return;
    using log = new LogReader(this.disk, LOG);
    const { first } = this.db.prepare("SELECT min(number) AS first FROM unsettled").get() as {
      first: number | null;
    };
    const from = Math.min(first ?? Infinity, Number(this.#meta("applied") ?? 0) + 1);
    const { synced } = log;
    // What was not durable yet may be what a killed process left unfinished, or a node is writing.
    const onDamage = ({ first, last, segment, offset }: LogDamage) => {
      if (first > synced) return;
      this.#problem(
        `Operations ${first} to ${last} are damaged in segment ${segment} of ${LOG}, at ${offset}`,
      );
    };
    for (const _ of log.records(from, { to: synced, onDamage }));
  }

  #journal(): void {
    for (const { message } of checkJournal(this.db)) this.#problem(message);
  }

  #database(): void {
    for (const row of this.db.prepare("PRAGMA integrity_check(100)").all()) {
      const said = String(Object.values(row)[0]);
      if (said !== "ok") this.#problem(`The database ${DATABASE}: ${said}`);
    }
  }

  #nodes(): void {
    for (const { ino } of this.db.prepare("SELECT ino FROM unsettled").all() as { ino: number }[]) {
      this.#unsettled.add(ino);
    }
    for (
      const { ino, data } of this.db.prepare("SELECT ino, data FROM node").iterate() as Iterable<NodeData>
    ) {
      this.#attempt(`file ${ino}`, () => {
        const row = unpackNode(ino, data);
        this.#files.set(ino, { row, links: ino === ROOT_INO ? 1 : 0, names: 0, folders: 0, parent: 0 });
        this.#content(row, `file ${ino}`);
      });
      if (this.#files.size % 10_000 === 0) this.onProgress?.(this.#files.size);
    }
    if (!this.#files.has(ROOT_INO)) this.#problem("There is no root directory");
  }

  #edges(): void {
    for (
      const edge of this.db.prepare("SELECT eid, parent, name, ino, sum FROM edge").iterate() as Iterable<
        EdgeData
      >
    ) {
      const { parent, ino } = edge;
      this.#names++;
      const what = this.#edgeSum(edge);
      const [dir, file] = [this.#files.get(parent), this.#files.get(ino)];
      if (dir === undefined) this.#problem(`${what}: there is no directory ${parent}`);
      else if (!isDirectory(dir.row)) this.#problem(`${what}: file ${parent} is no directory`);
      else dir.names++;
      if (file === undefined) this.#problem(`${what}: it leads to file ${ino}, which is not there`);
      else {
        file.links++;
        file.parent = parent;
        if (dir !== undefined && isDirectory(file.row)) dir.folders++;
      }
    }
  }

  #counts(): void {
    const orphans = new Set(
      (this.db.prepare("SELECT ino FROM orphan").all() as { ino: number }[]).map(({ ino }) => ino),
    );
    for (const [ino, { row, links, names, folders }] of this.#files) {
      if (row.nlink !== links) this.#problem(`File ${ino} has ${links} names and says ${row.nlink}`);
      if (links === 0 && !orphans.has(ino)) {
        this.#problem(`File ${ino} has no name, and nobody is said to hold it`);
      }
      if (!isDirectory(row)) continue;
      if (row.size !== names) this.#problem(`Directory ${ino} has ${names} names and says ${row.size}`);
      if (row.folders !== folders) {
        this.#problem(`Directory ${ino} has ${folders} folders and says ${row.folders}`);
      }
      if (links > 1) this.#problem(`Directory ${ino} has ${links} names`);
      else if (links === 1 && !this.#isReachable(ino, orphans)) {
        this.#problem(`Directory ${ino} is not below the root`);
      }
    }
  }

  #isReachable(ino: number, orphans: ReadonlySet<number>): boolean {
    let at = ino;
    for (let depth = 0; depth <= this.#files.size; depth++) {
      if (at === ROOT_INO || orphans.has(at)) return true;
      at = this.#files.get(at)?.parent ?? 0;
      if (at === 0) return false;
    }
    return false;
  }

  #xattrs(table: "xattr" | "xattr_past"): void {
    const rows = this.db.prepare(`SELECT ino, name, value, sum FROM ${table}`).iterate();
    for (const { ino, name, value, sum } of rows as Iterable<XattrData>) {
      const what = `Attribute ${JSON.stringify(name)} of file ${ino}`;
      if (xattrSum(ino, name, value) !== sum) this.#problem(`${what} does not match its checksum`);
      if (table === "xattr" && !this.#files.has(ino)) this.#problem(`${what}: there is no such file`);
    }
  }

  #past(): void {
    for (
      const { ino, data } of this.db.prepare("SELECT ino, data FROM node_past").iterate() as Iterable<
        NodeData
      >
    ) {
      const what = `A past version of file ${ino}`;
      this.#attempt(what, () => this.#content(unpackNode(ino, data), what));
    }
    const edges = this.db.prepare("SELECT eid, parent, name, ino, sum FROM edge_past").iterate();
    for (const edge of edges as Iterable<EdgeData>) this.#edgeSum(edge);
  }

  /** The rows that the documents' tree is kept in; a bad one would keep the volume from taking the next change. */
  #tree(): void {
    const nodes = this.db.prepare("SELECT id, data FROM tree_node").iterate();
    for (const { id, data } of nodes as Iterable<{ id: NodeId; data: Uint8Array }>) {
      this.#attempt("The tree", () => unpackTreeNode(id, undefined, data));
    }
    const edges = this.db.prepare("SELECT node, slot, parent, name, data FROM tree_edge").iterate();
    for (const edge of edges as Iterable<TreeEdgeColumns>) {
      this.#attempt("The tree", () => unpackTreeEdge(edge));
    }
  }

  /** What the documents show, and whether that is what the index has. */
  #documents(): void {
    const documents = new StoredDocuments(this.db, automerge);
    this.#attempt("The documents", () => {
      const shown = shownTree(documents.all(), this.#merger());
      for (const { doc, key, reason } of shown.problems) {
        this.#problem(`Document ${doc}, key ${key}: ${reason}`);
      }
      const idOf = this.#ids();
      const edges = this.db.prepare("SELECT parent, name, ino FROM edge").iterate();
      let names = 0;
      for (const { parent, name, ino } of edges as Iterable<EdgeData>) {
        names++;
        const [dir, node] = [idOf.get(parent), idOf.get(ino)];
        const entry = dir && shown.directories.get(dir)?.get(name);
        const what = `Name ${JSON.stringify(name)} in directory ${parent}`;
        if (entry === undefined) this.#problem(`${what}: the documents do not have it`);
        else if (fileId(entry.node, entry.version) !== node) {
          this.#problem(`${what}: in the documents it is ${fileId(entry.node, entry.version)}`);
        } else this.#compare(shown.nodes.get(entry.node), entry.version, ino);
      }
      this.#compare(shown.nodes.get(ROOT), undefined, ROOT_INO);
      const inDocuments = [...shown.directories.values()].reduce((sum, { size }) => sum + size, 0);
      if (inDocuments === names) return;
      this.#problem(`The documents show ${inDocuments} names and the index has ${names}`);
      const has = this.db.prepare(
        "SELECT 1 FROM edge JOIN node ON node.ino = edge.parent WHERE node.id = ? AND edge.name = ?",
      );
      for (const [dir, entries] of shown.directories) {
        for (const [name, { node, version }] of entries) {
          if (has.get(dir, name) !== undefined) continue;
          this.#problem(
            `The index does not have name ${JSON.stringify(name)} of ${fileId(node, version)} in ${dir}`,
          );
        }
      }
    });
    documents.free();
  }

  /** What texts are merged into is nowhere but in the index, so that is made again. */
  #merger(): Merger {
    const inoOf = this.db.prepare("SELECT ino FROM node WHERE id = ?");
    return (request) => {
      const merged = mergedText(request, (content) => this.#bytesOf(content));
      if (merged === undefined) return "unmergeable";
      const { ino } = (inoOf.get(request.node) ?? {}) as { ino?: number };
      const { size, content } = (ino === undefined ? undefined : this.#files.get(ino)?.row) ??
        { size: 0, content: null };
      const descriptor = content ?? new Uint8Array(0);
      const isSame = size === merged.byteLength &&
        Buffer.compare(merged, this.#bytesOf({ size, descriptor })) === 0;
      return { size: merged.byteLength, descriptor: isSame ? descriptor : new Uint8Array(0) };
    };
  }

  #bytesOf({ size, descriptor }: { readonly size: number; readonly descriptor: Uint8Array }): Uint8Array {
    const bytes = new Uint8Array(size);
    if (size > 0) this.#chunks.read(decodeDescriptor(descriptor), 0, bytes);
    return bytes;
  }

  #compare(node: ShownNode | undefined, version: Version | undefined, ino: number): void {
    const row = this.#files.get(ino)?.row;
    if (row === undefined || node?.attributes === undefined) return;
    const { mode, uid, gid, target, mtime, atime } = node.attributes;
    const tell = (what: string, shown: unknown, indexed: unknown) =>
      this.#problem(`File ${ino} has ${what} ${shown} in the documents and ${indexed} in the index`);
    const differs = (what: string, shown: unknown, indexed: unknown) => {
      if (shown !== indexed) tell(what, shown, indexed);
    };
    // Of a large volume most of the time would go into texts that are the same.
    const differsTime = (what: string, shown: Timestamp, indexed: Timestamp) => {
      if (shown.sec === indexed.sec && shown.nsec === indexed.nsec) return;
      tell(what, `${shown.sec}.${shown.nsec}`, `${indexed.sec}.${indexed.nsec}`);
    };
    differs("mode", mode, row.mode & 0o7777);
    differs("owner", uid, row.uid);
    differs("group", gid, row.gid);
    differs("target", target, row.target);
    differs("flags", flagsOf(node.xattrs), row.flags);
    differsTime("time of access", atime, row.atime);
    const xattrs = [...node.xattrs].filter(([name]) => name !== FLAGS_XATTR);
    const indexed = this.#xattrsOf(ino);
    if (xattrs.length + indexed.length > 0) differs("attributes", textOf(xattrs), textOf(indexed));
    // An operation on a file that is still written to is in the documents once the file is settled.
    if (this.#unsettled.has(ino)) return;
    differsTime("time", version?.mtime ?? mtime, row.mtime);
    differsTime("time of the last change", node.attributes.ctime, row.ctime);
    if ((row.mode & S.IFMT) !== S.IFREG) return;
    const content = version ?? node.content;
    differs("size", content?.size ?? 0, row.size);
    const descriptors = [content?.descriptor ?? NOTHING, row.content ?? NOTHING];
    if (Buffer.compare(descriptors[0], descriptors[1]) !== 0) {
      tell("contents", descriptors[0].join(), descriptors[1].join());
    }
  }

  /** The ids of all files, by their numbers. */
  #ids(): Map<number, NodeId> {
    const rows = this.db.prepare("SELECT ino, id FROM node").iterate();
    const ids = new Map<number, NodeId>();
    for (const { ino, id } of rows as Iterable<{ ino: number; id: NodeId }>) ids.set(ino, id);
    return ids;
  }

  #xattrsOf(ino: number): [string, Uint8Array][] {
    // Most files have none.
    this.#withXattrs ??= new Set(
      (this.db.prepare("SELECT DISTINCT ino FROM xattr").all() as { ino: number }[]).map(({ ino }) => ino),
    );
    if (!this.#withXattrs.has(ino)) return [];
    const rows = this.#xattrRows.all(ino) as { name: string; value: Uint8Array }[];
    return rows.map(({ name, value }) => [name, value]);
  }

  #edgeSum({ eid, parent, name, ino, sum }: EdgeData): string {
    const what = `Name ${JSON.stringify(name)} in directory ${parent}`;
    if (edgeSum(eid, parent, name, ino) !== sum) this.#problem(`${what} does not match its checksum`);
    return what;
  }

  #content({ content, size, mode }: NodeRow, what: string): void {
    if ((mode & S.IFMT) !== S.IFREG) return;
    const descriptor = content === null ? undefined : decodeDescriptor(content);
    if ((descriptor?.size ?? 0) !== size) {
      this.#problem(`${what} has ${size} bytes, and contents of ${descriptor?.size ?? 0}`);
    }
    if (descriptor !== undefined && this.what === "everything") this.#chunksOf(descriptor, what);
  }

  #chunksOf(descriptor: Descriptor, what: string): void {
    for (const id of this.#chunks.ids(descriptor)) {
      const key = String.fromCharCode(...id);
      if (this.#seen.has(key) || this.#absent.has(key)) continue;
      if (this.#chunks.isAbsent(id)) {
        this.#absent.add(key);
        continue;
      }
      this.#seen.add(key);
      this.#attempt(what, () => this.#bytes += this.#chunks.chunk(id).byteLength);
    }
  }

  #attempt(what: string, act: () => unknown): void {
    try {
      act();
    } catch (thrown) {
      this.#problem(`${what}: ${reasonOf(thrown)}`);
    }
  }

  #problem(text: string): void {
    if (this.problems.length < PROBLEMS_MAX) this.problems.push(text);
  }

  #meta(key: string): unknown {
    return (this.db.prepare("SELECT value FROM meta WHERE key = ?").get(key) as
      | { value: unknown }
      | undefined)?.value;
  }
}

/** Of attributes, in the order of their names. */
function textOf(xattrs: readonly (readonly [string, Uint8Array])[]): string {
  return xattrs.map(([name, value]) => `${JSON.stringify(name)}=${[...value]}`).sort().join();
}

function isDirectory({ mode }: NodeRow): boolean {
  return (mode & S.IFMT) === S.IFDIR;
}

interface NodeData {
  readonly ino: number;
  readonly data: Uint8Array;
}

interface EdgeData {
  readonly eid: number;
  readonly parent: number;
  readonly name: string;
  readonly ino: number;
  readonly sum: number;
}

interface XattrData {
  readonly ino: number;
  readonly name: string;
  readonly value: Uint8Array;
  readonly sum: number;
}
