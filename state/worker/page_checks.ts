import { Errno, reasonOf } from "../../9p/mod.ts";
import type { DatabaseGuard } from "../guard/mod.ts";
import { told } from "./told.ts";
import { wrongRows } from "./verify.ts";

/** So long the database's pages are checked before it is opened; the rest of a large one comes between transactions. */
const CHECK_MS = 1000;
const CHECK_PART_MS = 20;
const CHECK_PAUSE_MS = 200;
/** After a failure that may come of damage all pages are checked again, at most once in so long. */
const MEND_MS = 60_000;

export interface PageChecksOptions {
  readonly guard: DatabaseGuard;
  /** Of the volume. */
  readonly folder: string;
  /** Told of what was wrong and is mended, or cannot be. */
  onFound(damage: readonly string[]): void;
  /** Told when all pages are checked. */
  onChecked(): void;
  /** Whether there is no time for it any more. */
  isClosing(): boolean;
}

/** When the pages of the database are checked: when it is opened, between transactions, and again after what may come of damage. */
export class PageChecks {
  readonly #options: PageChecksOptions;
  #mendedMs = -Infinity;

  constructor(options: PageChecksOptions) {
    this.#options = options;
  }

  /**
   * Checks for some time, before the database is opened. Says what was wrong. Pages that cannot be mended may be in order all the same, where another program than this
   * wrote them.
   */
  open(): string[] {
    const { guard, folder } = this.#options;
    try {
      return guard.open(CHECK_MS);
    } catch (thrown) {
      if (told(thrown).errno !== Errno.EIO || wrongRows(folder).length > 0) throw thrown;
      guard.remake();
      return [`${reasonOf(thrown)}; yet all rows are as they should be, so they were taken as they are`];
    }
  }

  /** Goes on with the pages of a large database, by and by. */
  goOn(): void {
    setTimeout(() => this.#checkPart(), CHECK_PAUSE_MS);
  }

  /** Checks all pages once more, by and by. */
  again(): void {
    this.#options.guard.again();
    this.goOn();
  }

  /** What failed may have met a page that was damaged since it was checked: all are checked at once. False where that is not so, or was done not long ago. */
  mend(thrown: unknown): boolean {
    if (told(thrown).errno !== Errno.EIO || performance.now() < this.#mendedMs + MEND_MS) return false;
    this.#mendedMs = performance.now();
    this.#options.guard.again();
    this.#check(Infinity);
    return true;
  }

  #checkPart(): void {
    const { guard, isClosing, onChecked } = this.#options;
    if (guard.isChecked || isClosing()) return;
    this.#check(CHECK_PART_MS);
    if (guard.isChecked) return onChecked();
    this.goOn();
  }

  #check(millisecondsMax: number): void {
    const found: string[] = [];
    try {
      this.#options.guard.check(millisecondsMax, found);
    } catch (thrown) {
      found.push(reasonOf(thrown));
    }
    if (found.length > 0) this.#options.onFound(found);
  }
}
