import { decodeDescriptor } from "../chunks/mod.ts";
import type { Authors, SignedRecord } from "../record/mod.ts";
import { FUTURE_SEC_MAX, packRecord, packSeen } from "../record/mod.ts";
import { type AbsentRows, type Copies, FORMAT, type IndexWriter, type StatementRow } from "../store/mod.ts";
import {
  isNewer,
  type Numbers,
  packStatement,
  type Page,
  type Piece,
  type Refused,
  type Self,
  sign,
  type Statement,
  type Stored,
  type SyncStore,
  unpackStatement,
} from "../sync/mod.ts";
import { type Author, authorBytes, compareBytes } from "../tree/mod.ts";
import { STATEMENT_SEC } from "../volume/mod.ts";
import type { ContentWriter } from "./content_writer.ts";
import type { DocumentKeeper } from "./documents.ts";
import type { FetchedChunks } from "./fetched.ts";
import { numbersOf } from "./registered.ts";
import { damagedPieces } from "./damaged_pieces.ts";

/** Records that are looked at for one page. */
const RECORDS_AT_ONCE = 64;
/** Damaged chunks that other copies are asked for in one exchange. */
const DAMAGED_MAX = 4096;
/** A copy writes as another author when its home was copied or brought back from a backup, a few times in its life: of a key no more statements are kept, the newest. */
const STATEMENTS_OF_KEY = 16;

export interface CopyStoreOptions {
  readonly index: IndexWriter;
  readonly documents: DocumentKeeper;
  readonly contents: ContentWriter;
  readonly copies: Copies;
  readonly absent: AbsentRows;
  readonly fetched: FetchedChunks;
  /** What this copy is called to others. */
  readonly name: string;
  /** Whether to look for chunks that are damaged. */
  readonly heals: boolean;
  /** Contents that no merge needs come when somebody reads them. */
  readonly isOnDemand: boolean;
  /** Seconds since 1970. */
  nowSec(): number;
  /** Makes durable what was committed so far. */
  durable(): void;
  /** Writes something in a transaction of its own. */
  write(act: () => void): void;
  take(records: readonly SignedRecord[], absent: readonly Stored[]): Promise<readonly Refused[]>;
}

/** A copy of a volume as an exchange sees it. */
export class CopyStore implements SyncStore, Disposable {
  readonly self: Self;
  readonly #options: CopyStoreOptions;
  /** Ids of chunks that are here and are not what they should be. */
  readonly #damaged = new Set<string>();

  constructor(options: CopyStoreOptions) {
    this.#options = options;
    const { index, documents, name } = options;
    this.self = {
      volume: new TextEncoder().encode(String(index.meta("volume"))),
      format: FORMAT,
      author: documents.author,
      key: documents.key.publicKey,
      name,
    };
  }

  nowSec(): number {
    return this.#options.nowSec();
  }

  authors(): Authors {
    const { durable, documents } = this.#options;
    durable();
    return documents.journal.authors;
  }

  hashOf(author: Author, number: number): Uint8Array | undefined {
    return this.#options.documents.journal.hashOf(author, number);
  }

  /** Also one that is still here, where what it tells of is trimmed. */
  gone(after: Numbers): { readonly author: Author; readonly number: number } | undefined {
    const { journal } = this.#options.documents;
    for (const [author, { number }] of journal.authors.entries()) {
      const has = after.get(author) ?? 0;
      if (has >= number) continue;
      const oldest = journal.oldest(author);
      if (oldest === undefined || oldest > has + 1) return { author, number: has + 1 };
    }
    const within = journal.lastWithin(after);
    if (within >= this.#options.documents.trimmed) return;
    const { author } = journal.after(within, 1)[0].record;
    return { author, number: (after.get(author) ?? 0) + 1 };
  }

  records(after: Numbers, start: number, bytesMax: number): Page {
    const { journal } = this.#options.documents;
    const records: { author: Author; number: number; bytes: Uint8Array }[] = [];
    let bytesLeft = bytesMax;
    for (let id = start;;) {
      const rows = journal.after(id, RECORDS_AT_ONCE);
      for (const row of rows) {
        const { author, number } = row.record;
        if (number > (after.get(author) ?? 0)) {
          const bytes = packRecord(row);
          if (records.length > 0 && bytes.length > bytesLeft) return { records, next: id };
          records.push({ author, number, bytes });
          bytesLeft -= bytes.length;
        }
        id = row.id;
      }
      if (rows.length < RECORDS_AT_ONCE) return { records, next: undefined };
      if (bytesLeft <= 0) return { records, next: id };
    }
  }

  async take(records: readonly SignedRecord[], absent: readonly Stored[]): Promise<readonly Refused[]> {
    try {
      return await this.#options.take(records, absent);
    } finally {
      this.#options.fetched.release(this);
    }
  }

  pieceOf({ size, descriptor }: Pick<Stored, "size" | "descriptor">): Piece | undefined {
    if (descriptor.length === 0) return undefined;
    try {
      const { id, depth, size: told } = decodeDescriptor(descriptor);
      return id === undefined || told !== size ? undefined : { id, depth, size };
    } catch {
      return undefined;
    }
  }

  putsOff({ isNeeded }: Stored): boolean {
    return this.#options.isOnDemand && !isNeeded;
  }

  hasChunk(id: Uint8Array): boolean {
    const { fetched, contents } = this.#options;
    if (fetched.has(id, this)) return true;
    return !this.#damaged.has(String.fromCharCode(...id)) && contents.store.index.find(id) !== undefined;
  }

  piecesOf({ id, depth, size }: Piece): Piece[] {
    const { fetched, contents } = this.#options;
    fetched.flush();
    const { list } = contents.reader.list(id, size);
    const pieces: Piece[] = [];
    for (let i = 0; i < list.count; i++) {
      const child = list.id(i);
      if (child) pieces.push({ id: child.slice(), depth: depth - 1, size: list.ends[i] - list.start(i) });
    }
    return pieces;
  }

  chunk(id: Uint8Array): Uint8Array | undefined {
    return this.#options.contents.chunk(id);
  }

  putChunk(id: Uint8Array, bytes: Uint8Array): boolean {
    const isIt = this.#options.fetched.put(id, bytes, this);
    if (isIt) this.#damaged.delete(String.fromCharCode(...id));
    return isIt;
  }

  *lacking(): Generator<Piece> {
    const { absent, heals, isOnDemand } = this.#options;
    if (heals) {
      this.#damaged.clear();
      for (const piece of damagedPieces(this.#options, DAMAGED_MAX)) {
        this.#damaged.add(String.fromCharCode(...piece.id));
        yield piece;
      }
    }
    // Also what came for who no longer waits for it: it is not asked for again, and becomes known with the rest.
    yield* absent.all(!isOnDemand);
  }

  /** No exchange goes on with it. */
  [Symbol.dispose](): void {
    this.#options.fetched.release(this);
  }

  async healed(): Promise<number> {
    const left = this.#damaged.size;
    this.#damaged.clear();
    await this.take([], []);
    return left;
  }

  statements(): Statement[] {
    const { copies, documents, write, durable } = this.#options;
    // It is said to be durable.
    durable();
    const stored = copies.statements().map(({ slot, bytes }) => ({ slot, said: unpackStatement(bytes) }));
    const own = stored.find(({ slot, said }) => slot === 0 && said.author === documents.author)?.said;
    const numbers = numbersOf(documents.journal.authors);
    const now = this.nowSec();
    const isSame = own !== undefined && own.numbers.size === numbers.size &&
      [...numbers].every(([author, number]) => own.numbers.get(author) === number);
    const others = stored.filter(({ slot, said }) => slot === 0 && said.author !== documents.author);
    const said = isSame && now < own.time + STATEMENT_SEC
      ? own
      : sign({ author: documents.author, numbers, time: now }, documents.key);
    if (said !== own) {
      write(() => copies.putStatement(rowOf(said)));
    }
    return [said, ...others.map(({ said }) => said)];
  }

  learn(statement: Statement): void {
    const { copies, documents, write } = this.#options;
    if (statement.author === documents.author || !copies.has(statement.key)) return;
    // It would be waited for until then, and after.
    if (statement.time > this.nowSec() + FUTURE_SEC_MAX) return;
    const author = authorBytes(statement.author);
    const rows = copies.statements();
    const before = rows.filter((row) => compare(row.author, author) === 0);
    const newest = before.find(({ slot }) => slot === 0);
    const said = newest && unpackStatement(newest.bytes);
    if (said && (compare(said.key, statement.key) !== 0 || !isNewer(statement, said))) return;
    // The one before goes on counting until all is here that the copy had written by the newest.
    const here = documents.journal.authors.get(statement.author)?.number ?? 0;
    const counts = said !== undefined && (said.numbers.get(said.author) ?? 0) <= here;
    const oldest = newest ? undefined : this.#oldestOver(rows, statement.key);
    if (oldest && isBefore({ author, time: statement.time }, oldest)) return;
    write(() => {
      if (oldest) copies.removeStatements(oldest.author);
      if (newest && counts) copies.putStatement({ ...newest, slot: 1 });
      copies.putStatement(rowOf(statement));
    });
    documents.heard();
  }

  /** Of as many statements of that key as are kept, the one that goes when another comes. */
  #oldestOver(rows: readonly StatementRow[], key: Uint8Array): StatementRow | undefined {
    const own = authorBytes(this.#options.documents.author);
    const ofKey = rows.filter((row) => row.slot === 0 && compare(row.key, key) === 0);
    if (ofKey.length < STATEMENTS_OF_KEY) return undefined;
    return ofKey.filter(({ author }) => compare(author, own) !== 0)
      .reduce((oldest, row) => isBefore(row, oldest) ? row : oldest);
  }

  met({ key, name }: Pick<Self, "key" | "name">): void {
    const { copies, write } = this.#options;
    if (!copies.has(key) || copies.name(key) === name) return;
    write(() => copies.setName(key, name));
  }
}

function rowOf(said: Statement): StatementRow {
  const { author, key, time, numbers } = said;
  return {
    ...{ author: authorBytes(author), slot: 0, bytes: packStatement(said), key, time },
    numbers: packSeen(numbers),
  };
}

/** The same on every copy, so that all keep the same. */
function isBefore(
  a: Pick<StatementRow, "author" | "time">,
  b: Pick<StatementRow, "author" | "time">,
): boolean {
  return a.time < b.time || a.time === b.time && compareBytes(a.author, b.author) < 0;
}

function compare(a: Uint8Array, b: Uint8Array): number {
  return a.length === b.length && a.every((byte, i) => byte === b[i]) ? 0 : 1;
}
