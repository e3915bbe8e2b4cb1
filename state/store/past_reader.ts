import type { DatabaseSync, StatementSync } from "node:sqlite";
import { checkEdge, type EdgeRow } from "./edge_row.ts";
import { KEPT, unpackKept } from "./kept.ts";
import { type NodeRow, unpackNode } from "./node_row.ts";

/** The tree has a name as it was at one record of the journal. */
export interface SnapshotRow {
  readonly name: string;
  readonly seq: number;
  /** Seconds since 1970. */
  readonly sec: number;
  readonly by: string;
}

/** One version of a file's contents, or of what else its row says. */
export interface PastNode {
  /** Since which record it is so, and seconds since 1970 of that record. */
  readonly since: number;
  readonly sec: number;
  readonly node: NodeRow;
}

/** A file that a name led to, from record `since` up to, and without, `until`: Infinity where it does so now. */
export interface Led {
  readonly ino: number;
  readonly since: number;
  readonly until: number;
}

interface EdgeSum {
  readonly eid: number;
  readonly sum: number;
}

/** Reads the tree as it was after record `seq` of the journal: the rows that are so since then or before, and went later. */
export class PastReader {
  readonly #sql: Record<keyof typeof SQL, StatementSync>;

  constructor(db: DatabaseSync) {
    this.#sql = Object.fromEntries(
      Object.entries(SQL).map(([name, text]) => [name, db.prepare(text)]),
    ) as Record<keyof typeof SQL, StatementSync>;
  }

  snapshots(): SnapshotRow[] {
    return this.#sql.snapshots.all() as unknown as SnapshotRow[];
  }

  snapshot(name: string): SnapshotRow | undefined {
    return this.#sql.snapshot.get(name) as SnapshotRow | undefined;
  }

  /**
   * The last record at that time, in seconds since 1970, of those that history was not thinned between; undefined before the
   * first.
   */
  recordAt(sec: number): { readonly seq: number; readonly sec: number } | undefined {
    const last = this.#sql.recordAt.get(sec) as { seq: number; time: number } | undefined;
    if (last === undefined) return undefined;
    const { value } = (this.#sql.meta.get(KEPT) ?? {}) as { value?: Uint8Array };
    const { from, points } = unpackKept(value);
    if (last.seq >= from) return { seq: last.seq, sec: last.time };
    const named = (this.#sql.snapshotUpTo.get(last.seq) as { seq: number | null }).seq ?? 0;
    const seq = Math.max(named, points.findLast((point) => point <= last.seq) ?? 0);
    const row = this.#sql.record.get(seq) as { time: number } | undefined;
    return row && { seq, sec: row.time };
  }

  node(ino: number, seq: number): NodeRow | undefined {
    const row = this.#sql.node.get(ino, seq) ?? this.#sql.pastNode.get(ino, seq, seq);
    return row && unpackNode(ino, (row as { data: Uint8Array }).data);
  }

  edge(parent: number, name: string, seq: number): EdgeRow | undefined {
    const found = this.#sql.edge.get(parent, name, seq) ?? this.#sql.pastEdge.get(parent, name, seq, seq);
    if (found === undefined) return undefined;
    const { eid, ino, sum } = found as { eid: number; ino: number; sum: number };
    checkEdge({ eid, parent, name, ino, sum });
    return { eid, name, ino };
  }

  /** The directory's names after number `eid`, at most `max`, oldest first. */
  list(parent: number, seq: number, eid: number, max: number): EdgeRow[] {
    const rows = this.#sql.list.all(parent, eid, seq, parent, eid, seq, seq, max);
    return (rows as unknown as (EdgeRow & { sum: number })[]).map(({ eid, name, ino, sum }) => {
      checkEdge({ eid, parent, name, ino, sum });
      return { eid, name, ino };
    });
  }

  /** Names and values of a file's attributes. */
  xattrs(ino: number, seq: number): Map<string, Uint8Array> {
    const rows = this.#sql.xattrs.all(ino, seq, ino, seq, seq) as { name: string; value: Uint8Array }[];
    return new Map(rows.map(({ name, value }) => [name, value]));
  }

  /** The latest files that a name of a directory ever led to, at most `max`, the last one first. */
  led(parent: number, name: string, max: number): Led[] {
    const rows = this.#sql.led.all(parent, name, parent, name, max) as unknown as (Led & EdgeSum)[];
    return rows.map(({ eid, ino, sum, since, until }) => {
      checkEdge({ eid, parent, name, ino, sum });
      return { ino, since, until: until ?? Infinity };
    });
  }

  /** All that the file's row ever said and is still kept, oldest first. */
  history(ino: number): PastNode[] {
    const rows = this.#sql.history.all(ino, ino) as {
      since: number;
      time: number | null;
      data: Uint8Array;
    }[];
    return rows.map(({ since, time, data }) => ({ since, sec: time ?? 0, node: unpackNode(ino, data) }));
  }
}

const WAS = "since <= ? AND until > ?";

const SQL = {
  snapshots: "SELECT name, seq, sec, by FROM snapshot ORDER BY seq, name",
  snapshot: "SELECT name, seq, sec, by FROM snapshot WHERE name = ?",
  recordAt: "SELECT seq, time FROM journal WHERE time <= ? ORDER BY seq DESC LIMIT 1",
  record: "SELECT time FROM journal WHERE seq = ?",
  snapshotUpTo: "SELECT max(seq) AS seq FROM snapshot WHERE seq <= ?",
  meta: "SELECT value FROM meta WHERE key = ?",
  node: "SELECT data FROM node WHERE ino = ? AND since <= ?",
  pastNode: `SELECT data FROM node_past WHERE ino = ? AND ${WAS} ORDER BY since DESC LIMIT 1`,
  edge: "SELECT eid, ino, sum FROM edge WHERE parent = ? AND name = ? AND since <= ?",
  pastEdge: `SELECT eid, ino, sum FROM edge_past WHERE parent = ? AND name = ? AND ${WAS} LIMIT 1`,
  list: "SELECT eid, name, ino, sum FROM edge WHERE parent = ? AND eid > ? AND since <= ? UNION ALL " +
    `SELECT eid, name, ino, sum FROM edge_past WHERE parent = ? AND eid > ? AND ${WAS} ORDER BY eid LIMIT ?`,
  xattrs: "SELECT name, value FROM xattr WHERE ino = ? AND since <= ? UNION ALL " +
    `SELECT name, value FROM xattr_past WHERE ino = ? AND ${WAS} ORDER BY name`,
  led: "SELECT eid, ino, sum, since, NULL AS until FROM edge WHERE parent = ? AND name = ? UNION ALL " +
    "SELECT eid, ino, sum, since, until FROM edge_past WHERE parent = ? AND name = ? ORDER BY since DESC LIMIT ?",
  history:
    "SELECT since, time, data FROM (SELECT since, until, data, 0 AS now FROM node_past WHERE ino = ? " +
    "UNION ALL SELECT since, since, data, 1 FROM node WHERE ino = ?) LEFT JOIN journal ON seq = since " +
    "ORDER BY since, now, until",
} as const;
