import type { DatabaseSync } from "node:sqlite";
import type { DatabaseGuard } from "../guard/mod.ts";
import { type IndexWriter, run } from "../store/mod.ts";
import type { ContentWriter } from "./content_writer.ts";

export interface TransactionsOptions {
  readonly db: DatabaseSync;
  readonly index: IndexWriter;
  readonly contents: ContentWriter;
  readonly guard: DatabaseGuard;
  /** Called in each transaction with a record of history, before anything else. */
  begin(): void;
}

/** The transactions of a volume's database: everything that is done in one is there, with its contents, or nothing of it. */
export class Transactions {
  readonly #options: TransactionsOptions;

  constructor(options: TransactionsOptions) {
    this.#options = options;
  }

  /** A transaction and a record of history. `act` tells the last operation that is applied with it. */
  record(act: () => number): void {
    const { guard, contents, index, begin } = this.#options;
    guard.pay();
    const mark = contents.mark();
    index.begin();
    try {
      begin();
      const applied = act();
      // What the rows refer to is on disk before they can be.
      contents.sync();
      index.commit(applied);
    } catch (thrown) {
      try {
        index.rollback();
      } finally {
        contents.backTo(mark);
      }
      throw thrown;
    }
  }

  /** Something small, in a transaction of its own. */
  write(act: () => void): void {
    const { guard, db } = this.#options;
    guard.pay();
    run(db, "BEGIN IMMEDIATE");
    try {
      act();
      run(db, "COMMIT");
    } catch (thrown) {
      if (db.isTransaction) run(db, "ROLLBACK");
      throw thrown;
    }
  }
}
