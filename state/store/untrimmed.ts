import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { DocId } from "../tree/mod.ts";

/** Documents that were looked at for what is dead before all other copies had all of it: they are to be looked at again. */
export class Untrimmed {
  readonly #sql: Record<keyof typeof SQL, StatementSync>;

  constructor(db: DatabaseSync) {
    this.#sql = Object.fromEntries(
      Object.entries(SQL).map(([name, text]) => [name, db.prepare(text)]),
    ) as Record<keyof typeof SQL, StatementSync>;
  }

  /** `mark`: how far others were when it was looked at; it grows with what they have. */
  add(doc: DocId, mark: number): void {
    this.#sql.add.run(doc, mark);
  }

  remove(doc: DocId): void {
    this.#sql.remove.run(doc);
  }

  /** Those that nothing was set in since record `within`, and that were not looked at with that mark. */
  due(within: number, mark: number): DocId[] {
    return (this.#sql.due.all(mark, within) as { doc: DocId }[]).map(({ doc }) => doc);
  }
}

const SQL = {
  add: "INSERT OR REPLACE INTO untrimmed(doc, mark) VALUES(?, ?)",
  remove: "DELETE FROM untrimmed WHERE doc = ?",
  due: "SELECT doc FROM untrimmed WHERE mark < ? " +
    "AND coalesce((SELECT max(id) FROM change WHERE change.doc = untrimmed.doc), 0) <= ?",
} as const;
