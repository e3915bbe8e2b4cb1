import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { EdgeRow } from "./edge_row.ts";
import { run } from "./schema.ts";
import { edgeSum, type NodeRow, packNode, unpackNode, xattrSum } from "./node_row.ts";

/** A file as a transaction has it. */
interface Held {
  row: NodeRow | undefined;
  id: string;
  /** The row as it was before the transaction, and the record that made it so. */
  readonly before: { since: number; data: Uint8Array } | undefined;
  isChanged: boolean;
  /** Its contents became a version within the transaction. */
  isVersion: boolean;
  /** Versions that came and went within the transaction. */
  readonly passed: Uint8Array[];
}

/** A name, and the record since which it is so. */
export interface EdgeFound extends EdgeRow {
  readonly since: number;
}

/**
 * Changes the index in transactions, each of which is one record of the journal. What a row was before goes where the
 * past is kept. Files are written when the transaction ends, names at once.
 */
export class IndexWriter {
  /** The record that the transaction becomes. */
  seq = 0;
  /** The highest numbers ever given to a file and to a name. */
  #lastIno: number;
  #lastEid: number;
  readonly #held = new Map<number, Held>();
  /** Names for ever that came, went or changed hands within the transaction. */
  readonly #inos = new Map<string, number | undefined>();
  /** Of these, those that are made of two. */
  readonly #joined = new Set<string>();
  readonly #db: DatabaseSync;
  readonly #sql: Record<keyof typeof SQL, StatementSync>;

  constructor(db: DatabaseSync) {
    this.#db = db;
    this.#sql = Object.fromEntries(
      Object.entries(SQL).map(([name, text]) => [name, db.prepare(text)]),
    ) as Record<keyof typeof SQL, StatementSync>;
    this.seq = Number(this.meta("seq") ?? 0);
    this.#lastIno = Number(this.meta("lastIno") ?? 0);
    this.#lastEid = Number(this.meta("lastEid") ?? 0);
  }

  begin(): void {
    run(this.#db, "BEGIN IMMEDIATE");
    this.seq++;
  }

  /** Writes all that changed; `applied` is the last operation that is in it now. */
  commit(applied: number): void {
    for (const [ino, held] of this.#held) if (held.isChanged) this.#writeNode(ino, held);
    this.setMeta("applied", applied);
    this.setMeta("seq", this.seq);
    this.setMeta("lastIno", this.#lastIno);
    this.setMeta("lastEid", this.#lastEid);
    run(this.#db, "COMMIT");
    this.#held.clear();
    this.#inos.clear();
    this.#joined.clear();
  }

  /** As if the transaction had not begun. On a full disk SQLite has ended it by itself. */
  rollback(): void {
    this.#held.clear();
    this.#inos.clear();
    this.#joined.clear();
    if (this.#db.isTransaction) this.#db.exec("ROLLBACK");
    this.seq = Number(this.meta("seq") ?? 0);
  }

  meta(key: string): unknown {
    return (this.#sql.meta.get(key) as { value: unknown } | undefined)?.value;
  }

  setMeta(key: string, value: number | string | Uint8Array): void {
    this.#sql.setMeta.run(key, value);
  }

  /** The file's row, to be changed in place after `change`; undefined where there is none. */
  node(ino: number): NodeRow | undefined {
    return this.#hold(ino).row;
  }

  /** What the file is called everywhere and for ever; undefined where there is none. */
  id(ino: number): string | undefined {
    const { row, id } = this.#hold(ino);
    return row && id;
  }

  /** The number here of what is called so everywhere and for ever; undefined where there is none. */
  inoOf(id: string): number | undefined {
    if (this.#inos.has(id)) return this.#inos.get(id);
    return (this.#sql.inoOf.get(id) as { ino: number } | undefined)?.ino;
  }

  /** Names for ever that are this one, a `~` and something more. */
  joinedIds(id: string): string[] {
    const rows = this.#sql.joinedIds.all(`${id}~`, `${id}\x7f`) as { id: string }[];
    const ids = rows.map((row) => row.id).filter((joined) => !this.#inos.has(joined));
    for (const joined of this.#joined) {
      if (joined.startsWith(`${id}~`) && this.#inos.get(joined) !== undefined) ids.push(joined);
    }
    return ids;
  }

  /** The file is called something else from now on. */
  setId(ino: number, id: string): void {
    const held = this.#hold(ino);
    if (held.row === undefined) return;
    this.#leaveId(held.id, ino);
    this.#takeId(id, ino);
    held.id = id;
    held.isChanged = true;
  }

  /** The same, which will be written. */
  change(ino: number): NodeRow | undefined {
    const held = this.#hold(ino);
    if (held.row !== undefined) held.isChanged = true;
    return held.row;
  }

  addNode(row: NodeRow, id: string): void {
    const held = this.#hold(row.ino);
    held.row = row;
    held.id = id;
    held.isChanged = true;
    this.#takeId(id, row.ino);
    this.#lastIno = Math.max(this.#lastIno, row.ino);
  }

  removeNode(ino: number): void {
    const held = this.#hold(ino);
    if (held.row === undefined) return;
    held.row = undefined;
    held.isChanged = true;
    this.#leaveId(held.id, ino);
    for (const { name } of this.#sql.xattrNames.all(ino) as { name: string }[]) {
      this.setXattr(ino, name, null);
    }
    this.#sql.removeOrphan.run(ino);
  }

  /** The same, which is about to get other contents: two versions within one transaction are two versions. */
  changeVersion(ino: number): NodeRow | undefined {
    const held = this.#hold(ino);
    if (held.row === undefined) return undefined;
    if (held.isVersion) held.passed.push(packNode(held.row));
    held.isVersion = held.isChanged = true;
    return held.row;
  }

  edge(parent: number, name: string): EdgeFound | undefined {
    const row = this.#sql.edge.get(parent, name) as { eid: number; ino: number; since: number } | undefined;
    return row && { name, ...row };
  }

  /** A name of the file. */
  edgeTo(ino: number): { readonly parent: number; readonly name: string } | undefined {
    return this.#sql.edgeTo.get(ino) as { parent: number; name: string } | undefined;
  }

  /** The names that are so, as GLOB has it, in no order. It looks at all there are, a million in a tenth of a second. */
  named(pattern: string): Iterable<{ readonly parent: number; readonly name: string; readonly ino: number }> {
    return this.#sql.named.iterate(pattern) as Iterable<
      { readonly parent: number; readonly name: string; readonly ino: number }
    >;
  }

  /** All names of the file. */
  namesOf(ino: number): (EdgeFound & { readonly parent: number })[] {
    return this.#sql.namesOf.all(ino) as unknown as (EdgeFound & { readonly parent: number })[];
  }

  /** The files in a directory. */
  inside(parent: number): number[] {
    return (this.#sql.inside.all(parent) as { ino: number }[]).map(({ ino }) => ino);
  }

  /** A number for a name that this side makes: odd, where those of the main isolate are even. */
  nextEid(): number {
    return this.#lastEid + 1 + this.#lastEid % 2;
  }

  addEdge(parent: number, { eid, name, ino }: EdgeRow): void {
    this.#lastEid = Math.max(this.#lastEid, eid);
    this.#sql.addEdge.run(eid, parent, name, ino, this.seq, edgeSum(eid, parent, name, ino));
  }

  removeEdge(parent: number, { eid, name, ino, since }: EdgeFound): void {
    if (since < this.seq) {
      this.#sql.pastEdge.run(eid, parent, name, ino, since, this.seq, edgeSum(eid, parent, name, ino));
    }
    this.#sql.removeEdge.run(eid);
  }

  xattrs(ino: number): Map<string, Uint8Array> {
    const rows = this.#sql.xattrs.all(ino) as { name: string; value: Uint8Array }[];
    return new Map(rows.map(({ name, value }) => [name, value]));
  }

  /** Sets an attribute, or removes it where `value` is null. */
  setXattr(ino: number, name: string, value: Uint8Array | null): void {
    this.#sql.pastXattr.run(this.seq, ino, name, this.seq);
    if (value === null) this.#sql.removeXattr.run(ino, name);
    else this.#sql.setXattr.run(ino, name, value, this.seq, xattrSum(ino, name, value));
  }

  /** The tree as this transaction leaves it has a name. One that is taken stays what it is. */
  addSnapshot(name: string, sec: number, by: string): void {
    this.#sql.addSnapshot.run(name, this.seq, sec, by);
  }

  removeSnapshot(name: string): void {
    this.#sql.removeSnapshot.run(name);
  }

  /** The contents of all files. */
  *contents(): Generator<Uint8Array> {
    for (const { ino, data } of this.#sql.nodes.iterate() as Iterable<{ ino: number; data: Uint8Array }>) {
      const { content } = unpackNode(ino, data);
      if (content !== null) yield content;
    }
  }

  addOrphan(ino: number): void {
    this.#sql.addOrphan.run(ino);
  }

  orphans(): number[] {
    return (this.#sql.orphans.all() as { ino: number }[]).map(({ ino }) => ino);
  }

  /** The first operation of each file that has bytes in the log and in no version. */
  unsettled(): Map<number, number> {
    const rows = this.#sql.unsettled.all() as { ino: number; number: number }[];
    return new Map(rows.map(({ ino, number }) => [ino, number]));
  }

  /** `number` is undefined for a file that is settled. */
  setUnsettled(ino: number, number: number | undefined): void {
    if (number === undefined) this.#sql.settle.run(ino);
    else this.#sql.unsettle.run(ino, number);
  }

  #takeId(id: string, ino: number): void {
    this.#inos.set(id, ino);
    if (id.includes("~")) this.#joined.add(id);
  }

  #leaveId(id: string, ino: number): void {
    if ((this.#inos.get(id) ?? ino) === ino) this.#inos.set(id, undefined);
  }

  #hold(ino: number): Held {
    let held = this.#held.get(ino);
    if (held === undefined) {
      const found = this.#sql.node.get(ino) as
        | { id: string; since: number; data: Uint8Array }
        | undefined;
      held = {
        row: found && unpackNode(ino, found.data),
        id: found?.id ?? "",
        before: found && { since: found.since, data: found.data },
        isChanged: false,
        isVersion: false,
        passed: [],
      };
      this.#held.set(ino, held);
    }
    return held;
  }

  #writeNode(ino: number, { row, id, before, passed }: Held): void {
    if (before !== undefined) this.#sql.pastNode.run(ino, before.since, this.seq, before.data);
    for (const data of passed) this.#sql.pastNode.run(ino, this.seq, this.seq, data);
    if (row !== undefined) this.#sql.putNode.run(ino, id, this.seq, packNode(row));
    else if (before !== undefined) this.#sql.removeNode.run(ino);
  }
}

const SQL = {
  meta: "SELECT value FROM meta WHERE key = ?",
  setMeta: "INSERT OR REPLACE INTO meta(key, value) VALUES(?, ?)",
  nodes: "SELECT ino, data FROM node",
  node: "SELECT id, since, data FROM node WHERE ino = ?",
  putNode: "INSERT OR REPLACE INTO node(ino, id, since, data) VALUES(?, ?, ?, ?)",
  removeNode: "DELETE FROM node WHERE ino = ?",
  pastNode: "INSERT INTO node_past(ino, since, until, data) VALUES(?, ?, ?, ?)",
  inoOf: "SELECT ino FROM node WHERE id = ?",
  joinedIds: "SELECT id FROM node WHERE id > ? AND id < ?",
  edge: "SELECT eid, ino, since FROM edge WHERE parent = ? AND name = ?",
  edgeTo: "SELECT parent, name FROM edge WHERE ino = ? LIMIT 1",
  namesOf: "SELECT eid, parent, name, ino, since FROM edge WHERE ino = ?",
  named: "SELECT parent, name, ino FROM edge WHERE name GLOB ?",
  inside: "SELECT ino FROM edge WHERE parent = ?",
  xattrs: "SELECT name, value FROM xattr WHERE ino = ?",
  addEdge: "INSERT INTO edge(eid, parent, name, ino, since, sum) VALUES(?, ?, ?, ?, ?, ?)",
  removeEdge: "DELETE FROM edge WHERE eid = ?",
  pastEdge: "INSERT INTO edge_past(eid, parent, name, ino, since, until, sum) VALUES(?, ?, ?, ?, ?, ?, ?)",
  xattrNames: "SELECT name FROM xattr WHERE ino = ?",
  setXattr: "INSERT OR REPLACE INTO xattr(ino, name, value, since, sum) VALUES(?, ?, ?, ?, ?)",
  removeXattr: "DELETE FROM xattr WHERE ino = ? AND name = ?",
  pastXattr: "INSERT INTO xattr_past(ino, name, value, since, until, sum) " +
    "SELECT ino, name, value, since, ?, sum FROM xattr WHERE ino = ? AND name = ? AND since < ?",
  addSnapshot: "INSERT OR IGNORE INTO snapshot(name, seq, sec, by) VALUES(?, ?, ?, ?)",
  removeSnapshot: "DELETE FROM snapshot WHERE name = ?",
  addOrphan: "INSERT OR IGNORE INTO orphan(ino) VALUES(?)",
  removeOrphan: "DELETE FROM orphan WHERE ino = ?",
  orphans: "SELECT ino FROM orphan",
  unsettled: "SELECT ino, number FROM unsettled",
  unsettle: "INSERT OR REPLACE INTO unsettled(ino, number) VALUES(?, ?)",
  settle: "DELETE FROM unsettled WHERE ino = ?",
} as const;
