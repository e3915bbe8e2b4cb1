import type { DatabaseSync, StatementSync } from "node:sqlite";
import { checkEdge, type EdgeRow } from "./edge_row.ts";
import { KEPT, unpackKept } from "./kept.ts";
import { checkMoment, type Moment } from "./moments.ts";
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
    const last = this.#sql.recordAt.get(sec) as Moment | undefined;
    if (last === undefined) return undefined;
    checkMoment(last);
    const { value } = (this.#sql.meta.get(KEPT) ?? {}) as { value?: Uint8Array };
    const { from, points } = unpackKept(value);
    if (last.seq >= from) return { seq: last.seq, sec: last.time };
    const named = (this.#sql.snapshotUpTo.get(last.seq) as { seq: number | null }).seq ?? 0;
    const seq = Math.max(named, points.findLast((point) => point <= last.seq) ?? 0);
    const row = this.#sql.moment.get(seq) as Moment | undefined;
    if (row === undefined) return undefined;
    checkMoment(row);
    return { seq, sec: row.time };
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

  /**
   * What the file's row says and said, newest first, of versions before `before` and records before `until`, as far as it is
   * kept, at most `max`.
   */
  history(
    ino: number,
    max: number,
    { before = Infinity, until = Infinity }: { readonly before?: number; readonly until?: number } = {},
  ): PastNode[] {
    const now = this.#sql.now.get(ino) as PastRow | undefined;
    const from = before === Infinity ? Number.MAX_SAFE_INTEGER : this.#lastUpTo(ino, before - 1) + 1;
    // One record may have made many versions, of which some are later.
    const later = before === Infinity ? 0 : this.#sql.within.all(ino, from).length;
    const past = this.#sql.history.all(ino, Math.min(from, until - 1), max + later);
    const rows = [...now ? [now] : [], ...past as unknown as PastRow[]].map(({ since, time, sum, data }) => {
      if (time !== null) checkMoment({ seq: since, time, sum: sum! });
      return { since, sec: time ?? 0, node: unpackNode(ino, data) };
    });
    return rows.filter(({ since, node }) => since < until && node.version < before).slice(0, max);
  }

  /** The last that the file's row said of one version of its contents. */
  version(ino: number, version: number): NodeRow | undefined {
    const [found] = this.history(ino, 1, { before: version + 1 });
    return found?.node.version === version ? found.node : undefined;
  }

  /** The last record after which no version of the file was later than this one: versions grow with records. */
  #lastUpTo(ino: number, version: number): number {
    let [low, high] = [0, Number.MAX_SAFE_INTEGER - 1];
    while (low < high) {
      const middle = low + Math.ceil((high - low) / 2);
      const found = this.#sql.upTo.get(ino, middle) as { data: Uint8Array } | undefined;
      if (found === undefined || unpackNode(ino, found.data).version <= version) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}

interface PastRow {
  readonly since: number;
  readonly time: number | null;
  readonly sum: number | null;
  readonly data: Uint8Array;
}

const WAS = "since <= ? AND until > ?";

const SQL = {
  snapshots: "SELECT name, seq, sec, by FROM snapshot ORDER BY seq, name",
  snapshot: "SELECT name, seq, sec, by FROM snapshot WHERE name = ?",
  recordAt: "SELECT seq, time, sum FROM moment WHERE time <= ? ORDER BY seq DESC LIMIT 1",
  moment: "SELECT seq, time, sum FROM moment WHERE seq = ?",
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
  now: "SELECT since, time, sum, data FROM node LEFT JOIN moment ON seq = since WHERE ino = ?",
  history:
    "SELECT since, time, sum, data FROM node_past LEFT JOIN moment ON seq = since WHERE ino = ? AND since <= ? " +
    "ORDER BY since DESC, node_past.rowid DESC LIMIT ?",
  upTo: "SELECT data FROM node_past WHERE ino = ? AND since <= ? ORDER BY since DESC, rowid DESC LIMIT 1",
  within: "SELECT data FROM node_past WHERE ino = ? AND since = ? ORDER BY rowid",
} as const;
