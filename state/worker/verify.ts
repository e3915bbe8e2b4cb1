import { existsSync } from "node:fs";
import type { DatabaseSync } from "node:sqlite";
import { NineError, reasonOf, S } from "../../9p/mod.ts";
import { ChunkReader, decodeDescriptor, type Descriptor, Packs } from "../chunks/mod.ts";
import { type Disk, readingDisk } from "../disk/mod.ts";
import { DATABASE, DatabaseGuard, LOG, PACKS } from "../guard/mod.ts";
import { type LogDamage, LogReader } from "../log/mod.ts";
import {
  checkJournal,
  ChunkRows,
  edgeSum,
  FORMAT,
  formatOf,
  type NodeRow,
  type TreeEdgeColumns,
  unpackNode,
  unpackTreeEdge,
  unpackTreeNode,
  xattrSum,
} from "../store/mod.ts";
import type { NodeId } from "../tree/mod.ts";
import { DocumentsCheck } from "./documents_check.ts";
import { type DatabaseRead, readDatabase } from "./read_database.ts";

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

/**
 * Checks a volume, whether a node has it open or not: every checksum of the index, every name and count, and the bytes
 * of every chunk that a version, present or past, is made of. It reads the state of one moment and changes nothing, so that it can be done where
 * nothing may be written. `disk` shows the folder.
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
  const disk = given ?? readingDisk(folder);
  const problems: string[] = [];
  if (what === "everything") problems.push(...damagedPages(disk));
  const none = { files: 0, names: 0, chunks: 0, bytes: 0, absent: 0 };
  let read: DatabaseRead | undefined;
  let found: Verified;
  try {
    read = readDatabase(folder);
    const { db } = read;
    db.exec("BEGIN");
    const format = formatOf(db);
    found = format === FORMAT ? new Verification(db, disk, what, problems, onProgress).run() : {
      ...none,
      problems: [`The database has format ${format}, where ${FORMAT} was due`, ...problems],
    };
  } catch (thrown) {
    // Of a database that is damaged enough SQLite does not even say what it is.
    found = { ...none, problems: [...problems, `The database ${DATABASE}: ${reasonOf(thrown)}`] };
  } finally {
    read?.[Symbol.dispose]();
  }
  return read?.isTorn() ? verified(folder, given, what, onProgress) : found;
}

function damagedPages(disk: Disk): string[] {
  using guard = new DatabaseGuard(disk);
  try {
    return [...guard.damage()].slice(0, PROBLEMS_MAX);
  } catch (thrown) {
    return [reasonOf(thrown)];
  }
}

/** What a file's row says, and what was found: names that lead to it, names in it, directories in it. */
interface Found extends Pick<NodeRow, "nlink" | "size"> {
  readonly isDirectory: boolean;
  readonly foldersSaid: number;
  links: number;
  names: number;
  folders: number;
  parent: number;
}

class Verification {
  readonly #files = new Map<number, Found>();
  readonly #chunks: ChunkReader;
  /** Chunks that were checked. */
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
    const key = this.#meta("key") as Uint8Array | undefined;
    this.#chunks = new ChunkReader({
      packs: new Packs(disk, PACKS),
      index: new ChunkRows(db),
      key: key ?? new Uint8Array(32),
    });
  }

  run(): Verified {
    const check = () => {
      new DocumentsCheck(this.db, (content) => this.#bytesOf(content), (text) => this.#problem(text)).run();
    };
    const documents = () => this.#attempt("The documents", check);
    const parts = this.what === "documents" ? [documents] : [
      () => this.#database(),
      () => this.#nodes(),
      () => this.#edges(),
      () => this.#counts(),
      () => this.#xattrs("xattr"),
      () => this.#xattrs("xattr_past"),
      () => this.#past(),
      () => this.#tree(),
      ...this.what === "rows but documents" ? [] : [documents],
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
    for (
      const { ino, data } of this.db.prepare("SELECT ino, data FROM node").iterate() as Iterable<NodeData>
    ) {
      this.#attempt(`file ${ino}`, () => {
        const row = unpackNode(ino, data);
        const { nlink, size, folders: foldersSaid, mode } = row;
        const isDirectory = (mode & S.IFMT) === S.IFDIR;
        const found = { links: ino === ROOT_INO ? 1 : 0, names: 0, folders: 0, parent: 0 };
        this.#files.set(ino, { isDirectory, nlink, size, foldersSaid, ...found });
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
      else if (!dir.isDirectory) this.#problem(`${what}: file ${parent} is no directory`);
      else dir.names++;
      if (file === undefined) this.#problem(`${what}: it leads to file ${ino}, which is not there`);
      else {
        file.links++;
        file.parent = parent;
        if (dir !== undefined && file.isDirectory) dir.folders++;
      }
    }
  }

  #counts(): void {
    const orphans = new Set(
      (this.db.prepare("SELECT ino FROM orphan").all() as { ino: number }[]).map(({ ino }) => ino),
    );
    for (const [ino, { isDirectory, nlink, size, foldersSaid, links, names, folders }] of this.#files) {
      if (nlink !== links) this.#problem(`File ${ino} has ${links} names and says ${nlink}`);
      if (links === 0 && !orphans.has(ino)) {
        this.#problem(`File ${ino} has no name, and nobody is said to hold it`);
      }
      if (!isDirectory) continue;
      if (size !== names) this.#problem(`Directory ${ino} has ${names} names and says ${size}`);
      if (foldersSaid !== folders) {
        this.#problem(`Directory ${ino} has ${folders} folders and says ${foldersSaid}`);
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

  #bytesOf({ size, descriptor }: { readonly size: number; readonly descriptor: Uint8Array }): Uint8Array {
    const bytes = new Uint8Array(size);
    if (size > 0) this.#chunks.read(decodeDescriptor(descriptor), 0, bytes);
    return bytes;
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
