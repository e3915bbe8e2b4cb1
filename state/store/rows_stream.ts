import type { DatabaseSync } from "node:sqlite";
import { Buffer } from "node:buffer";
import { NineError } from "../../9p/mod.ts";

/**
 * Rows of a database as bytes, in the order of tables and rows:
 *
 *     table[1] value…            for each row, a value for each column
 *     255                        at the end
 *
 * A value is `0` (none), `1 number[8]`, `2 length[4] text` or `3 length[4] bytes`, little-endian. Whoever takes them in writes rows into a database that it made itself: nothing of a file of
 * somebody else is ever opened by SQLite.
 */
const END = 255;
const NONE = 0;
const NUMBER = 1;
const TEXT = 2;
const BYTES = 3;
/** Documents are the largest. */
export const VALUE_BYTES_MAX = 256 * 1024 * 1024;

export type Value = number | string | Uint8Array | null;

/** The columns of a table, in the order in which they are told. */
export function columnsOf(db: DatabaseSync, table: string): string[] {
  return (db.prepare(`PRAGMA table_info(${table})`).all() as { name: string }[]).map(({ name }) => name);
}

/** Packs rows, in pieces of about `pieceBytes`. */
export function* packRows(
  db: DatabaseSync,
  queries: readonly { readonly table: number; readonly sql: string; readonly columns: readonly string[] }[],
  pieceBytes: number,
): Generator<Uint8Array> {
  let buffer = Buffer.allocUnsafe(pieceBytes * 2);
  let at = 0;
  const need = (bytes: number) => {
    if (at + bytes <= buffer.byteLength) return;
    const larger = Buffer.allocUnsafe((at + bytes) * 2);
    buffer.copy(larger, 0, 0, at);
    buffer = larger;
  };
  for (const { table, sql, columns } of queries) {
    for (const row of db.prepare(sql).iterate() as Iterable<{ readonly [column: string]: Value }>) {
      need(1 + columns.length * 9);
      buffer[at++] = table;
      for (const column of columns) {
        const value = row[column];
        if (value === null) buffer[at++] = NONE;
        else if (typeof value === "number") {
          need(9);
          buffer[at++] = NUMBER;
          at = buffer.writeDoubleLE(value, at);
        } else if (typeof value === "string") {
          need(5 + value.length * 3);
          buffer[at++] = TEXT;
          const length = buffer.write(value, at + 4, "utf8");
          at = buffer.writeUInt32LE(length, at) + length;
        } else {
          need(5 + value.byteLength);
          buffer[at++] = BYTES;
          at = buffer.writeUInt32LE(value.byteLength, at);
          buffer.set(value, at);
          at += value.byteLength;
        }
      }
      if (at < pieceBytes) continue;
      yield buffer.slice(0, at);
      buffer = Buffer.allocUnsafe(pieceBytes * 2);
      at = 0;
    }
  }
  need(1);
  buffer[at++] = END;
  yield buffer.slice(0, at);
}

/** Takes rows apart as their bytes come. EINVAL for what packRows would not have written. */
export class RowsReader {
  readonly #widths: readonly number[];
  readonly #onRow: (table: number, values: Value[]) => void;
  #rest: Buffer = Buffer.alloc(0);
  #isEnded = false;

  /** `widths`: how many columns each table has. */
  constructor(widths: readonly number[], onRow: (table: number, values: Value[]) => void) {
    this.#widths = widths;
    this.#onRow = onRow;
  }

  get isEnded(): boolean {
    return this.#isEnded;
  }

  add(piece: Uint8Array): void {
    if (this.#isEnded) throw bad("Rows come after their end");
    const own = Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength);
    const bytes = this.#rest.byteLength === 0 ? own : Buffer.concat([this.#rest, own]);
    let at = 0;
    for (let next = this.#row(bytes, at); next !== undefined; next = this.#row(bytes, at)) {
      at = next;
      if (!this.#isEnded) continue;
      if (at < bytes.byteLength) throw bad("Rows come after their end");
      break;
    }
    this.#rest = bytes.subarray(at);
  }

  /** Where the next row begins; undefined where this one is not whole yet. */
  #row(bytes: Buffer, start: number): number | undefined {
    if (this.#isEnded || start >= bytes.byteLength) return undefined;
    let at = start;
    const table = bytes[at++];
    if (table === END) {
      this.#isEnded = true;
      return at;
    }
    const width = this.#widths[table];
    if (width === undefined) {
      throw bad(`A row of table ${table} came, where there are ${this.#widths.length}`);
    }
    const values: Value[] = [];
    for (let i = 0; i < width; i++) {
      if (at >= bytes.byteLength) return undefined;
      const tag = bytes[at++];
      if (tag === NONE) values.push(null);
      else if (tag === NUMBER) {
        if (at + 8 > bytes.byteLength) return undefined;
        values.push(bytes.readDoubleLE(at));
        at += 8;
      } else if (tag === TEXT || tag === BYTES) {
        if (at + 4 > bytes.byteLength) return undefined;
        const length = bytes.readUInt32LE(at);
        if (length > VALUE_BYTES_MAX) {
          throw bad(`A value of ${length} bytes came, allowed are ${VALUE_BYTES_MAX}`);
        }
        at += 4;
        if (at + length > bytes.byteLength) return undefined;
        values.push(
          tag === TEXT
            ? bytes.toString("utf8", at, at + length)
            : new Uint8Array(bytes.subarray(at, at + length)),
        );
        at += length;
      } else throw bad(`A value of kind ${tag} came, and there are kinds up to ${BYTES}`);
    }
    this.#onRow(table, values);
    return at;
  }
}

function bad(message: string): NineError {
  return new NineError("EINVAL", message);
}
