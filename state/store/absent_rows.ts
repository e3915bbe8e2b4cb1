import type { DatabaseSync, StatementSync } from "node:sqlite";

/** A chunk that contents need and that is not here: with depth 0 of so many bytes, else a list for so many. */
export interface AbsentRow {
  readonly id: Uint8Array;
  readonly depth: number;
  readonly size: number;
}

export interface FoundRow extends AbsentRow {
  /** It was not to come before somebody reads it. */
  readonly isLater: boolean;
}

/** Rows that are looked at in one go. */
const PAGE_ROWS = 4096;
const NOTHING = new Uint8Array(0);

/** What the database knows of chunks that are not here. */
export class AbsentRows {
  readonly #sql: Record<keyof typeof SQL, StatementSync>;
  /** Every chunk that is made is asked for here, and of most volumes none is absent. */
  #isEmpty: boolean;

  constructor(db: DatabaseSync) {
    this.#sql = Object.fromEntries(
      Object.entries(SQL).map(([name, text]) => [name, db.prepare(text)]),
    ) as Record<keyof typeof SQL, StatementSync>;
    this.#isEmpty = this.#sql.any.get() === undefined;
  }

  /** What is wanted for one thing stays so for all. */
  add({ id, depth, size }: AbsentRow, isLater: boolean): void {
    this.#isEmpty = false;
    this.#sql.add.run(id, depth, size, isLater ? 1 : 0);
  }

  /** Takes out one that is here now. */
  take(id: Uint8Array): FoundRow | undefined {
    if (this.#isEmpty) return undefined;
    const row = this.#sql.take.get(id) as { depth: number; size: number; later: number } | undefined;
    return row && { id, depth: row.depth, size: row.size, isLater: row.later !== 0 };
  }

  /** Those that other copies are to be asked for; `withLater`: also those that come when somebody reads them. The table may change meanwhile. */
  *all(withLater: boolean): Generator<AbsentRow> {
    const sql = withLater ? this.#sql.page : this.#sql.wanted;
    for (let after: Uint8Array = NOTHING;;) {
      const rows = sql.all(after, PAGE_ROWS) as unknown as AbsentRow[];
      yield* rows;
      if (rows.length < PAGE_ROWS) return;
      after = rows[rows.length - 1].id;
    }
  }

  /** Takes out all that nothing needs any more. */
  keepOnly(isLive: (id: Uint8Array) => boolean): void {
    for (const { id } of this.all(true)) if (!isLive(id)) this.#sql.take.get(id);
  }
}

const SQL = {
  any: "SELECT 1 FROM absent LIMIT 1",
  add: "INSERT INTO absent(id, depth, size, later) VALUES(?, ?, ?, ?) " +
    "ON CONFLICT(id) DO UPDATE SET later = min(later, excluded.later)",
  take: "DELETE FROM absent WHERE id = ? RETURNING depth, size, later",
  page: "SELECT id, depth, size FROM absent WHERE id > ? ORDER BY id LIMIT ?",
  wanted: "SELECT id, depth, size FROM absent WHERE later = 0 AND id > ? ORDER BY id LIMIT ?",
} as const;
