import type { DatabaseSync, StatementSync } from "node:sqlite";
import { AbsentRows, type FoundRow } from "./absent_rows.ts";

/** Where a chunk is: see state/chunks. */
export interface ChunkRow {
  readonly pack: number;
  readonly offset: number;
  readonly length: number;
  readonly keyId: number;
}

/** Finds chunks by their ids. */
export class ChunkRows {
  protected readonly db: DatabaseSync;
  readonly #find: StatementSync;
  #absent: StatementSync | undefined;
  #anyAbsent: StatementSync | undefined;

  constructor(db: DatabaseSync) {
    this.db = db;
    this.#find = db.prepare("SELECT pack, offset, length, keyId FROM chunk WHERE id = ?");
  }

  find(id: Uint8Array): ChunkRow | undefined {
    return this.#find.get(id) as ChunkRow | undefined;
  }

  /** To be asked of one that is not found. */
  isAbsent(id: Uint8Array): boolean {
    this.#absent ??= this.db.prepare("SELECT 1 FROM absent WHERE id = ?");
    return this.#absent.get(id) !== undefined;
  }

  /** Whether there are any that are not here. */
  get hasAbsent(): boolean {
    this.#anyAbsent ??= this.db.prepare("SELECT 1 FROM absent LIMIT 1");
    return this.#anyAbsent.get() !== undefined;
  }
}

/** The same, for who writes them in transactions of its own. */
export class ChunkRowsWriter extends ChunkRows {
  readonly #add: StatementSync;
  readonly #remove: StatementSync;
  readonly #inPack: StatementSync;
  readonly absent: AbsentRows;
  /** Told of one that was absent and is here now, in the same transaction. */
  onFound: ((row: FoundRow) => void) | undefined;

  constructor(db: DatabaseSync) {
    super(db);
    this.absent = new AbsentRows(db);
    this.#add = db.prepare(
      "INSERT OR REPLACE INTO chunk(id, pack, offset, length, keyId) VALUES(?, ?, ?, ?, ?)",
    );
    this.#remove = db.prepare("DELETE FROM chunk WHERE id = ?");
    this.#inPack = db.prepare("SELECT id, pack, offset, length, keyId FROM chunk WHERE pack = ?");
  }

  add(id: Uint8Array, { pack, offset, length, keyId }: ChunkRow): void {
    this.#add.run(id, pack, offset, length, keyId);
    const found = this.absent.take(id);
    if (found) this.onFound?.(found);
  }

  remove(id: Uint8Array): void {
    this.#remove.run(id);
  }

  /** All that are in a pack go. */
  removeIn(pack: number): void {
    this.db.prepare("DELETE FROM chunk WHERE pack = ?").run(pack);
  }

  *inPack(pack: number): Generator<ChunkRow & { readonly id: Uint8Array }> {
    // A pack may have hundreds of thousands, which are not all to be in memory.
    yield* this.#inPack.iterate(pack) as unknown as Iterable<ChunkRow & { id: Uint8Array }>;
  }
}
