import {
  Authors,
  type CopyKey,
  copyKey,
  hashOf as recordHash,
  packRecord,
  type Record,
  type SignedRecord,
} from "../record/mod.ts";
import type { Author, Changes, Content, DocId, Merger, MergeRequest } from "../tree/mod.ts";
import { Copy as TreeCopy, type Start } from "../tree/_fixture.ts";
import { mergeText } from "../automerge/mod.ts";
import { contentsIn } from "./contents.ts";
import { Chunked, nameOf, pieceOf } from "./_chunked.ts";
import {
  acknowledged,
  checkAll,
  isNewer,
  type Numbers,
  type Packed,
  type Page,
  type Piece,
  type Self,
  sign,
  speakerOf,
  type Statement,
  type Stored,
  type SyncStore,
} from "./mod.ts";

const utf8 = new TextEncoder();
const RETENTION_SEC = 30 * 86_400;

const keys = new Map<number, CopyKey>();

/** The key of copy number so and so. */
export function keyOf(number: number): CopyKey {
  let key = keys.get(number);
  if (!key) keys.set(number, key = copyKey(new Uint8Array(32).fill(number)));
  return key;
}

/** A tree whose records are signed, and whose contents are in chunks. */
class Tree extends TreeCopy {
  wrote: (changes: Changes) => void = () => {};

  constructor(number: number, readonly chunked: Chunked, start?: Start) {
    super(number, start);
  }

  override keep(changes: Changes): void {
    this.wrote(changes);
  }

  override content(text: string, mergeable: boolean): Content {
    return this.chunked.content(utf8.encode(text), mergeable, this.now());
  }

  override merge({ base, sides }: MergeRequest): ReturnType<Merger> {
    const texts = [base, ...sides].map((each) => each ? this.chunked.read(each) : new Uint8Array());
    if (texts.includes(undefined)) return "unmergeable";
    const [first, ...others] = texts as Uint8Array[];
    const merged = mergeText(first, others);
    return merged ? this.chunked.content(merged, true, sides[0].mtime) : "unmergeable";
  }
}

interface Kept extends Packed {
  readonly signed: SignedRecord;
}

export interface CopyOptions {
  /** Keys that everybody knows from the start; without them those of copies 1 to 9. */
  readonly keys?: readonly Uint8Array[];
  readonly format?: number;
  readonly key?: CopyKey;
  /** Every record vouches for these. */
  readonly vouches?: readonly Uint8Array[];
}

/** A copy in memory as a session sees it, with what is durable told apart from what is not. */
export class Copy implements SyncStore {
  readonly chunked = new Chunked();
  readonly self: Self;
  readonly number: number;
  readonly #options: CopyOptions;
  readonly #key: CopyKey;
  tree: Tree;
  /** What is in the database, in order; of it `durable` survive. */
  journal: Kept[] = [];
  durable = 0;
  readonly #hashes = new Map<string, Uint8Array>();
  #authors: Authors;
  #durableAuthors: Authors;
  /** Up to here the journal has let go of an author's records. */
  readonly floor = new Map<Author, number>();
  #said: Statement | undefined;
  readonly #heard = new Map<string, Statement[]>();
  readonly absent = new Map<string, Piece>();
  now = 1_700_000_000;

  constructor(number: number, options: CopyOptions = {}) {
    this.number = number;
    this.#options = options;
    this.#key = options.key ?? keyOf(number);
    const keys = options.keys ?? Array.from({ length: 9 }, (_, i) => keyOf(i + 1).publicKey);
    this.#authors = new Authors([], keys);
    this.#durableAuthors = this.#authors.fork();
    this.tree = this.#plant();
    this.self = {
      volume: utf8.encode("volume"),
      format: options.format ?? 3,
      author: this.tree.author,
      key: this.#key.publicKey,
      name: `copy ${number}`,
    };
  }

  static first(number = 1, options: CopyOptions = {}): Copy {
    const copy = new Copy(number, options);
    copy.tree.createRoot();
    return copy;
  }

  nowSec(): number {
    return this.now;
  }

  authors(): Authors {
    return this.#durableAuthors;
  }

  hashOf(author: Author, number: number): Uint8Array | undefined {
    const head = this.#durableAuthors.get(author);
    if (head?.number === number) return head.hash;
    if (number <= (this.floor.get(author) ?? 0)) return undefined;
    return this.#hashes.get(`${author}${number}`);
  }

  gone(after: Numbers): { author: Author; number: number } | undefined {
    for (const [author, number] of this.floor) {
      const has = after.get(author) ?? 0;
      if (number > has) return { author, number: has + 1 };
    }
    return undefined;
  }

  records(after: Numbers, start: number, bytesMax: number): Page {
    const records: Packed[] = [];
    let bytes = 0;
    this.tree.share();
    for (let at = start; at < this.durable; at++) {
      const kept = this.journal[at];
      if (kept.number <= (after.get(kept.author) ?? 0)) continue;
      if (records.length > 0 && bytes + kept.bytes.length > bytesMax) return { records, next: at };
      bytes += kept.bytes.length;
      records.push(kept);
    }
    return { records, next: undefined };
  }

  take(records: readonly SignedRecord[], absent: readonly Stored[]): ReturnType<SyncStore["take"]> {
    if (this.tree.batching) throw new Error("A batch is open");
    const hashOf = (author: Author, number: number) => this.hashOf(author, number);
    const { good, refused } = checkAll(this.#authors, records, { nowSec: this.now, hashOf });
    for (const content of absent) {
      const piece = pieceOf(content);
      if (piece) this.absent.set(nameOf(content.descriptor), piece);
    }
    for (const content of contentsIn(good.map(({ incoming }) => incoming.changes))) {
      const isHere = this.chunked.read(content) !== undefined;
      if (!isHere && !this.absent.has(nameOf(content.descriptor))) {
        throw new Error(`${nameOf(content.descriptor)} is not here, and nobody said so`);
      }
    }
    this.tree.writer.receive(good.map(({ incoming }) => incoming));
    for (const { signed } of good) this.#keep(signed);
    this.flush();
    return refused;
  }

  pieceOf(content: Pick<Stored, "size" | "descriptor">): Piece | undefined {
    return pieceOf(content);
  }

  hasChunk(id: Uint8Array): boolean {
    return this.chunked.chunks.has(nameOf(id));
  }

  piecesOf(list: Piece): readonly Piece[] {
    return this.chunked.piecesOf(list);
  }

  chunk(id: Uint8Array): Uint8Array | undefined {
    return this.chunked.chunks.get(nameOf(id));
  }

  putChunk(id: Uint8Array, bytes: Uint8Array): boolean {
    return this.chunked.put(id, bytes);
  }

  lacking(): readonly Piece[] {
    return [...this.absent.values()];
  }

  healed(): number {
    for (const [descriptor, { size }] of this.absent) {
      if (this.chunked.read({ size, descriptor: utf8.encode(descriptor) })) this.absent.delete(descriptor);
    }
    this.tree.writer.refresh(Array.from(this.tree.index.nodes(), ({ id }) => id));
    return 0;
  }

  statements(): readonly Statement[] {
    const numbers = new Map(
      Array.from(this.#durableAuthors.entries(), ([author, { number }]) => [author, number]),
    );
    const isSame = this.#said && numbers.size === this.#said.numbers.size &&
      [...numbers].every(([author, number]) => this.#said?.numbers.get(author) === number);
    if (!isSame) this.#said = sign({ author: this.self.author, numbers, time: this.now }, this.#key);
    return [this.#said as Statement, ...[...this.#heard.values()].map((said) => said[0])];
  }

  learn(statement: Statement): void {
    if (!this.#authors.has(statement.key)) return;
    const before = this.#heard.get(speakerOf(statement)) ?? [];
    if (before[0] && !isNewer(statement, before[0])) return;
    this.#heard.set(speakerOf(statement), [statement, ...before].slice(0, 2));
  }

  /** Everything that was written so far is durable. */
  flush(): void {
    this.durable = this.journal.length;
    this.#durableAuthors = this.#authors.fork();
  }

  /** Goes on from what was durable. */
  restart({ clock, lastNode } = { clock: this.tree.writer.clock, lastNode: this.tree.lastNode }): void {
    for (const { author, number } of this.journal.splice(this.durable)) {
      this.#hashes.delete(`${author}${number}`);
    }
    const replayed = new Authors([], [...this.#durableAuthors.keys()]);
    const number = this.#durableAuthors.get(this.self.author)?.number ?? 0;
    this.#authors = this.#durableAuthors.fork();
    this.tree = this.#plant({ number, clock, lastNode });
    this.tree.writer.receive(this.journal.map(({ signed }) => replayed.accept(signed, this.now)));
  }

  /** Lets go of records that every registered copy has. Returns how many. */
  prune(): number {
    let count = 0;
    for (const [author, number] of this.acknowledged()) {
      const before = this.floor.get(author) ?? 0;
      this.floor.set(author, Math.max(before, number));
      count += Math.max(0, number - before);
    }
    return count;
  }

  acknowledged(others: Iterable<number> = this.registered): ReadonlyMap<Author, number> {
    return acknowledged({
      copies: Array.from(
        others,
        (number) => ({ key: keyOf(number).publicKey, sinceSec: this.now }),
      ),
      statements: [...this.statements(), ...[...this.#heard.values()].flat()],
      here: new Map(Array.from(this.#durableAuthors.entries(), ([author, { number }]) => [author, number])),
      nowSec: this.now,
      retentionSec: RETENTION_SEC,
    }).upTo;
  }

  /** Numbers of all copies of the volume. */
  registered: readonly number[] = [];

  /** Lets go of what is dead in documents of which every registered copy has everything. */
  trim(): void {
    const upTo = this.acknowledged();
    const isStable = (id: DocId) =>
      this.journal.every(({ author, number, signed }) =>
        !signed.record.changes.has(id) || number <= (upTo.get(author) ?? 0)
      );
    for (const { id } of [...this.tree.documents.all()]) this.tree.writer.trim(id, isStable);
    this.tree.commit();
  }

  /** Has a record in its journal that nobody checked: what liars do. */
  forge(signed: SignedRecord): SignedRecord {
    this.#authors.wrote(signed, this.#key.publicKey);
    this.#keep(signed);
    this.flush();
    return signed;
  }

  /** A second home with everything that is in this one, and its identity. */
  copied(): Copy {
    const copy = new Copy(this.number, this.#options);
    for (const [name, bytes] of this.chunked.chunks) copy.chunked.chunks.set(name, bytes);
    copy.registered = this.registered;
    const { clock } = this.tree.writer;
    copy.#durableAuthors = this.#durableAuthors.fork();
    for (const { signed } of this.journal.slice(0, this.durable)) copy.#keep(signed);
    copy.durable = this.durable;
    copy.restart({ clock, lastNode: this.tree.lastNode });
    return copy;
  }

  /** The record that would come next, with something changed in it. */
  signed(change: Partial<Record>): SignedRecord {
    const { author } = this.self;
    const last = this.#authors.get(author);
    const seen = Array.from(this.#authors.entries(), ([author, { number }]) => ({ author, number }))
      .filter((each) => each.author !== author && each.number > (last?.seen.get(each.author) ?? 0));
    const record: Record = {
      ...{ author, seen, changes: new Map(), time: this.now },
      number: (last?.number ?? 0) + 1,
      previous: last?.hash ?? new Uint8Array(32),
      vouches: this.#options.vouches ?? [],
      ...last ? {} : { key: this.#key.publicKey },
      ...change,
    };
    const hash = recordHash(record);
    return { record, hash, signature: this.#key.sign(hash) };
  }

  #plant(start?: Start): Tree {
    const tree = new Tree(this.number, this.chunked, start);
    tree.wrote = (changes) => {
      const signed = this.signed({ changes });
      this.#authors.wrote(signed, this.#key.publicKey);
      this.#keep(signed);
    };
    return tree;
  }

  #keep(signed: SignedRecord): void {
    const { author, number } = signed.record;
    this.journal.push({ author, number, bytes: packRecord(signed), signed });
    this.#hashes.set(`${author}${number}`, signed.hash);
  }
}
