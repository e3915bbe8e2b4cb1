import type { DatabaseSync, StatementSync } from "node:sqlite";

/** A copy that was let into the volume. */
export interface CopyRow {
  readonly key: Uint8Array;
  /** When, seconds since 1970. */
  readonly since: number;
  /** What it last called itself; null where nobody heard it. */
  readonly name: string | null;
}

/** What an incarnation of a copy said that it has, packed. */
export interface StatementRow {
  readonly author: Uint8Array;
  /** 0 for the newest; 1 for the one before, until that counts. */
  readonly slot: 0 | 1;
  readonly bytes: Uint8Array;
  /** Which copy said so, and when, seconds since 1970. */
  readonly key: Uint8Array;
  readonly time: number;
  /** Of each author the number of the last record, as packSeen packs them: `bytes` tell it too, to whoever knows statements. */
  readonly numbers: Uint8Array;
}

/** What the database knows of other copies. */
export class Copies {
  readonly #sql: Record<keyof typeof SQL, StatementSync>;

  constructor(db: DatabaseSync) {
    this.#sql = Object.fromEntries(
      Object.entries(SQL).map(([name, text]) => [name, db.prepare(text)]),
    ) as Record<keyof typeof SQL, StatementSync>;
  }

  all(): CopyRow[] {
    return this.#sql.copies.all() as unknown as CopyRow[];
  }

  has(key: Uint8Array): boolean {
    return this.#sql.copy.get(key) !== undefined;
  }

  statements(): StatementRow[] {
    return this.#sql.statements.all() as unknown as StatementRow[];
  }

  putStatement({ author, slot, bytes, key, time, numbers }: StatementRow): void {
    this.#sql.putStatement.run(author, slot, bytes, key, time, numbers);
  }

  /** Those of an incarnation. */
  removeStatements(author: Uint8Array): void {
    this.#sql.removeStatements.run(author);
  }

  /** What a copy last called itself. */
  name(key: Uint8Array): string | undefined {
    return (this.#sql.name.get(key) as { name: string | null } | undefined)?.name ?? undefined;
  }

  setName(key: Uint8Array, name: string): void {
    this.#sql.setName.run(name, key);
  }
}

const SQL = {
  copies: "SELECT key, since, name FROM copy",
  name: "SELECT name FROM copy WHERE key = ?",
  setName: "UPDATE copy SET name = ? WHERE key = ?",
  copy: "SELECT 1 FROM copy WHERE key = ?",
  statements: "SELECT author, slot, bytes, key, time, numbers FROM statement",
  putStatement:
    "INSERT OR REPLACE INTO statement(author, slot, bytes, key, time, numbers) VALUES(?, ?, ?, ?, ?, ?)",
  removeStatements: "DELETE FROM statement WHERE author = ?",
} as const;
