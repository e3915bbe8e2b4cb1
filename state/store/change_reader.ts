import type { DatabaseSync, StatementSync } from "node:sqlite";
import { checkEdge, type EdgeRow } from "./edge_row.ts";

/** A name, the directory that it is in, and the file that it leads to. */
export interface Named extends EdgeRow {
  readonly parent: number;
}

/** A span of the journal: what was so after record `from`, against what was so after record `to`. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

/** How many rows are taken from the database at once. */
const PAGE = 1000;

/**
 * What changed between two records of the journal, found by when rows of the past went: it costs as much as there is
 * difference, however large the tree. Nothing stays open between two pages, so the index may be renewed meanwhile.
 */
export class ChangeReader {
  readonly #sql: Record<keyof typeof SQL, StatementSync>;

  constructor(db: DatabaseSync) {
    this.#sql = Object.fromEntries(
      Object.entries(SQL).map(([name, text]) => [name, db.prepare(text)]),
    ) as Record<keyof typeof SQL, StatementSync>;
  }

  /**
   * The files that there were after record `from` and whose rows went until `to`: they are other files now in some way,
   * or gone. A directory is among them when a name came to it or left it. A page is empty now and then.
   */
  *files({ from, to }: Span): Generator<number[]> {
    for (let at = { until: from, ino: Number.MAX_SAFE_INTEGER };;) {
      // Versions that came and went within one record stand behind the row that was before it, and may be passed over.
      const rows = this.#sql.files.all(at.until, at.ino, to, PAGE) as unknown as FileGone[];
      yield rows.flatMap(({ ino, since }) => since <= from ? [ino] : []);
      if (rows.length < PAGE) return;
      at = rows[rows.length - 1];
    }
  }

  /** The names that there were after record `from`, and that went until `to`. */
  *gone({ from, to }: Span): Generator<Named[]> {
    for (let at = { until: from, eid: Number.MAX_SAFE_INTEGER };;) {
      const rows = this.#sql.gone.all(at.until, at.eid, to, PAGE) as unknown as NameGone[];
      yield rows.flatMap((row) => {
        checkEdge(row);
        return row.since <= from ? [named(row)] : [];
      });
      if (rows.length < PAGE) return;
      at = rows[rows.length - 1];
    }
  }

  /** The names of a directory that came after record `from` and were there after `to`. */
  come(parent: number, { from, to }: Span): Named[] {
    const rows = this.#sql.come.all(parent, from, to, parent, from, to, to) as unknown as NameRow[];
    return rows.map((row) => {
      checkEdge(row);
      return named(row);
    });
  }

  /** The names of a file after record `seq`, and since which record each is so. */
  namesOf(ino: number, seq: number): (Named & { readonly since: number })[] {
    const rows = this.#sql.namesOf.all(ino, seq, ino, seq, seq) as unknown as (NameRow & { since: number })[];
    return rows.map((row) => {
      checkEdge(row);
      return { ...named(row), since: row.since };
    });
  }
}

type NameRow = Named & { readonly sum: number };
interface Gone {
  readonly since: number;
  readonly until: number;
}
type NameGone = NameRow & Gone;
type FileGone = Gone & { readonly ino: number };

function named({ eid, parent, name, ino }: NameRow): Named {
  return { eid, parent, name, ino };
}

const EDGE = "eid, parent, name, ino, sum";

const SQL = {
  files: "SELECT ino, since, until FROM node_past WHERE (until, ino) > (?, ?) AND until <= ? " +
    "ORDER BY until, ino, rowid LIMIT ?",
  gone: `SELECT since, until, ${EDGE} FROM edge_past WHERE (until, eid) > (?, ?) AND until <= ? ` +
    "ORDER BY until, eid LIMIT ?",
  come: `SELECT ${EDGE} FROM edge WHERE parent = ? AND since > ? AND since <= ? UNION ALL ` +
    `SELECT ${EDGE} FROM edge_past WHERE parent = ? AND since > ? AND since <= ? AND until > ?`,
  namesOf: `SELECT ${EDGE}, since FROM edge WHERE ino = ? AND since <= ? UNION ALL ` +
    `SELECT ${EDGE}, since FROM edge_past WHERE ino = ? AND since <= ? AND until > ? ORDER BY eid`,
} as const;
