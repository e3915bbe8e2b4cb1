import { rmSync } from "node:fs";
import { join } from "node:path";
import type { DatabaseSync, StatementSync } from "node:sqlite";
import { NineError } from "../../9p/mod.ts";
import type { CopyKey } from "../record/mod.ts";
import { columnsOf, FORMAT, type Journal, openDatabase, RowsReader, run } from "../store/mod.ts";
import {
  contentsIn,
  Fetching,
  packMessage,
  type Stored,
  type SyncStore,
  unpackMessage,
} from "../sync/mod.ts";
import type { Author } from "../tree/mod.ts";
import { OtherState } from "./merged_state.ts";
import { parseHead, STATE, stateMessage } from "./state_words.ts";

/** What documents and their authors are in. */
export const STATE_TABLES = ["document", "extent", "journal", "change", "author", "copy"] as const;
/** Beside the volume's own, as long as it takes. */
const DATABASE = "rejoin.sqlite";

export interface RejoinOptions {
  readonly folder: string;
  readonly volume: string;
  readonly self: { readonly author: Author; readonly key: CopyKey };
  readonly store: SyncStore & Disposable;
  readonly journal: Journal;
}

/**
 * Takes another copy's state, for a copy that lacks records which are gone: documents and what they were made of come into a database beside the volume's, then the chunks that are not here.
 */
export class Rejoin implements Disposable {
  readonly #options: RejoinOptions;
  readonly #db: DatabaseSync;
  #reader: RowsReader | undefined;
  #state: OtherState | undefined;
  #contents: Stored[] = [];
  /** Contents that come when somebody reads them. */
  readonly later: Stored[] = [];
  #fetching: Fetching | undefined;

  constructor(options: RejoinOptions) {
    this.#options = options;
    removeRejoin(options.folder);
    this.#db = openDatabase(join(options.folder, DATABASE));
    run(this.#db, "PRAGMA journal_mode = OFF");
    run(this.#db, "PRAGMA synchronous = OFF");
  }

  /** What can be merged, once everything has come. */
  get state(): OtherState | undefined {
    return this.#fetching?.isThrough ? this.#state : undefined;
  }

  /** Contents that the other copy has not got, either. */
  get absent(): Stored[] {
    return this.#contents.filter((_, i) => this.#fetching!.absent.has(i));
  }

  /** Takes a message, and gives what is to be said. EINVAL for what no copy says. */
  take(message: Uint8Array): Uint8Array[] {
    const kind = message[0];
    if (this.#reader === undefined) this.#begin(message);
    else if (kind === STATE.rows) {
      this.#reader.add(message.subarray(1));
      if (this.#reader.isEnded) return this.#endRows();
    } else if (kind === STATE.chunks && this.#fetching !== undefined) {
      const chunks = unpackMessage(message.subarray(1));
      if (chunks.kind !== "chunks") {
        throw new NineError("EINVAL", `${chunks.kind} came where chunks were due`);
      }
      this.#fetching.receive(chunks);
      return this.#ask();
    } else throw new NineError("EINVAL", `A message of kind ${kind} came, which is none or out of turn`);
    return [];
  }

  [Symbol.dispose](): void {
    if (this.#state) this.#state.free();
    else this.#db.close();
    this.#state = undefined;
    this.#options.store[Symbol.dispose]();
    removeRejoin(this.#options.folder);
  }

  #begin(message: Uint8Array): void {
    const head = parseHead(message);
    const db = this.#db;
    const columns = STATE_TABLES.map((table) => columnsOf(db, table));
    const isSame = head.format === FORMAT && head.tables.length === STATE_TABLES.length &&
      head.tables.every(({ name, columns: told }, i) =>
        name === STATE_TABLES[i] && told.join() === columns[i].join()
      );
    if (!isSame) throw new NineError("EINVAL", "The other copy is of another version of this program");
    if (head.volume !== this.#options.volume) {
      throw new NineError("EINVAL", "The other side has another volume");
    }
    const inserts: StatementSync[] = STATE_TABLES.map((table, i) =>
      db.prepare(
        `INSERT INTO ${table}(${columns[i].join(", ")}) VALUES(${columns[i].map(() => "?").join(", ")})`,
      )
    );
    this.#reader = new RowsReader(columns.map(({ length }) => length), (table, values) => {
      try {
        inserts[table].run(...values);
      } catch (thrown) {
        throw new NineError(
          "EINVAL",
          `A row of ${STATE_TABLES[table]} does not fit: ${(thrown as Error).message}`,
        );
      }
    });
    run(db, "BEGIN");
  }

  #endRows(): Uint8Array[] {
    run(this.#db, "COMMIT");
    const { self, store, journal } = this.#options;
    const state = this.#state = new OtherState(this.#db, self);
    state.checkOne(journal);
    for (const content of contentsIn(state.unseen(journal))) {
      (store.putsOff?.(content) ? this.later : this.#contents).push(content);
    }
    this.#fetching = new Fetching(store, this.#contents.map((content) => store.pieceOf(content)));
    return this.#ask();
  }

  #ask(): Uint8Array[] {
    const want = this.#fetching!.ask();
    return want ? [stateMessage(STATE.want, packMessage(want))] : [];
  }
}

/** Also what a process left that was killed while it went on. */
export function removeRejoin(folder: string): void {
  for (const end of ["", "-wal", "-shm", "-journal"]) rmSync(join(folder, DATABASE + end), { force: true });
}
