import { NineError } from "../../9p/mod.ts";
import { DatabaseSync, type StatementSync } from "node:sqlite";
import { ChangeReader } from "./change_reader.ts";
import { ChunkRows } from "./chunk_rows.ts";
import { copiesSeen, type CopySeen } from "./copies_seen.ts";
import { checkEdge, type EdgeRow } from "./edge_row.ts";
import { type NodeRow, unpackNode, xattrSum } from "./node_row.ts";
import { PastReader } from "./past_reader.ts";

/**
 * The index as it was at one moment, the last `renew`: a reader sees all of an operation or nothing of it, and that
 * operation's number is `applied`. Everything is answered at once, in some microseconds.
 */
export class IndexReader implements Disposable {
  readonly #db: DatabaseSync;
  readonly #edge: StatementSync;
  readonly #node: StatementSync;
  readonly #list: StatementSync;
  readonly #xattr: StatementSync;
  readonly #xattrs: StatementSync;
  readonly #meta: StatementSync;
  readonly #unsettled: StatementSync;
  readonly chunks: ChunkRows;
  readonly past: PastReader;
  readonly changes: ChangeReader;
  /** The number of the last operation that this view holds. */
  applied = 0;

  constructor(path: string) {
    const db = this.#db = new DatabaseSync(path, { readOnly: true });
    // What is mapped counts as the node's memory once it was looked at.
    db.exec("PRAGMA mmap_size = 134217728; PRAGMA cache_size = -32768");
    this.#edge = db.prepare("SELECT eid, ino, sum FROM edge WHERE parent = ? AND name = ?");
    this.#node = db.prepare("SELECT data FROM node WHERE ino = ?");
    this.#list = db.prepare(
      "SELECT edge.eid, edge.name, edge.ino, edge.sum, node.data FROM edge JOIN node ON node.ino = edge.ino " +
        "WHERE parent = ? AND eid > ? ORDER BY eid LIMIT ?",
    );
    this.#xattr = db.prepare("SELECT value, sum FROM xattr WHERE ino = ? AND name = ?");
    this.#xattrs = db.prepare("SELECT name FROM xattr WHERE ino = ? ORDER BY name");
    this.#meta = db.prepare("SELECT value FROM meta WHERE key = ?");
    this.#unsettled = db.prepare("SELECT number FROM unsettled WHERE ino = ?");
    this.chunks = new ChunkRows(db);
    this.past = new PastReader(db);
    this.changes = new ChangeReader(db);
    db.exec("BEGIN");
    this.applied = Number(this.meta("applied") ?? 0);
  }

  /** Looks at the index as it is now. */
  renew(): void {
    this.#db.exec("COMMIT; BEGIN");
    this.applied = Number(this.meta("applied") ?? 0);
  }

  /** The copies of the volume, and how far each is. Those that said nothing since that time, in seconds since 1970, are not waited for. */
  copies(sinceSec: number): CopySeen[] {
    return copiesSeen(this.#db, sinceSec);
  }

  edge(parent: number, name: string): EdgeRow | undefined {
    const row = this.#edge.get(parent, name) as { eid: number; ino: number; sum: number } | undefined;
    if (row === undefined) return undefined;
    checkEdge({ ...row, parent, name });
    return { eid: row.eid, name, ino: row.ino };
  }

  node(ino: number): NodeRow | undefined {
    const row = this.#node.get(ino) as { data: Uint8Array } | undefined;
    return row && unpackNode(ino, row.data);
  }

  /** The directory's names after number `eid`, at most `max`, oldest first, each with its file. */
  list(parent: number, eid: number, max: number): (EdgeRow & { readonly node: NodeRow })[] {
    const rows = this.#list.all(parent, eid, max) as unknown as ListRow[];
    return rows.map((row) => {
      checkEdge({ ...row, parent });
      return { eid: row.eid, name: row.name, ino: row.ino, node: unpackNode(row.ino, row.data) };
    });
  }

  xattr(ino: number, name: string): Uint8Array | undefined {
    const row = this.#xattr.get(ino, name) as { value: Uint8Array; sum: number } | undefined;
    if (row !== undefined && xattrSum(ino, name, row.value) !== row.sum) {
      throw new NineError("EIO", `The attribute ${name} of file ${ino} does not match its checksum`);
    }
    return row?.value;
  }

  xattrNames(ino: number): string[] {
    return (this.#xattrs.all(ino) as { name: string }[]).map(({ name }) => name);
  }

  /** The first operation that wrote to the file since its last version; undefined where there is none. */
  unsettledFrom(ino: number): number | undefined {
    return (this.#unsettled.get(ino) as { number: number } | undefined)?.number;
  }

  /** The highest numbers ever given to a file and to a name. */
  lastIno(): number {
    return Number(this.meta("lastIno") ?? 0);
  }
  lastEid(): number {
    return Number(this.meta("lastEid") ?? 0);
  }

  /** What there is, and how far the journal is. */
  counts(): Record<"files" | "names" | "chunks" | "contentBytes" | "record", number> {
    const counts = this.#db.prepare(
      "SELECT (SELECT count(*) FROM node) AS files, (SELECT count(*) FROM edge) AS names, " +
        "count(*) AS chunks, coalesce(sum(length), 0) AS contentBytes FROM chunk",
    ).get() as Record<"files" | "names" | "chunks" | "contentBytes", number>;
    return { ...counts, record: Number(this.meta("seq")) };
  }

  /** The record of the journal that this view is of. */
  get seq(): number {
    return Number(this.meta("seq"));
  }

  meta(key: string): unknown {
    return (this.#meta.get(key) as { value: unknown } | undefined)?.value;
  }

  [Symbol.dispose](): void {
    this.#db.close();
  }
}

interface ListRow extends EdgeRow {
  sum: number;
  data: Uint8Array;
}
