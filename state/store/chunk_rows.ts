import type { DatabaseSync, StatementSync } from "node:sqlite";

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
}

/** The same, for who writes them in transactions of its own. */
export class ChunkRowsWriter extends ChunkRows {
  readonly #add: StatementSync;
  readonly #remove: StatementSync;
  readonly #inPack: StatementSync;

  constructor(db: DatabaseSync) {
    super(db);
    this.#add = db.prepare(
      "INSERT OR REPLACE INTO chunk(id, pack, offset, length, keyId) VALUES(?, ?, ?, ?, ?)",
    );
    this.#remove = db.prepare("DELETE FROM chunk WHERE id = ?");
    this.#inPack = db.prepare("SELECT id, pack, offset, length, keyId FROM chunk WHERE pack = ?");
  }

  add(id: Uint8Array, { pack, offset, length, keyId }: ChunkRow): void {
    this.#add.run(id, pack, offset, length, keyId);
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
