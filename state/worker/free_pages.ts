import type { DatabaseSync } from "node:sqlite";
import type { DatabaseGuard } from "../guard/mod.ts";

/** Free pages that stay, for what comes next, and those that go at once; of 4 KiB each. */
const FREE_PAGES_MAX = 1024;
const VACUUM_PAGES = 1024;

/** The database's free pages, which go back to the disk after collecting where there are many. */
export class FreePages {
  readonly #db: DatabaseSync;
  readonly #guard: DatabaseGuard;
  /** History was collected, and free pages were not looked for since. */
  #isDue = false;

  constructor(db: DatabaseSync, guard: DatabaseGuard) {
    this.#db = db;
    this.#guard = guard;
  }

  /** History was collected. */
  collected(): void {
    this.#isDue = true;
  }

  /** Gives a part of them back; whether it did. */
  giveBack(): boolean {
    if (!this.#isDue) return false;
    const free = this.#pragma("freelist_count");
    if (free < FREE_PAGES_MAX || this.#pragma("auto_vacuum") === 0) return this.#isDue = false;
    this.#guard.pay();
    this.#db.exec(`PRAGMA incremental_vacuum(${VACUUM_PAGES})`);
    return true;
  }

  #pragma(name: string): number {
    return Number(Object.values(this.#db.prepare(`PRAGMA ${name}`).get() ?? {})[0]);
  }
}
