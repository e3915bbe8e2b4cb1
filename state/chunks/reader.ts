import { Errno, errnoOf, NineError, reasonOf } from "../../9p/mod.ts";
import { Checked } from "./checked.ts";
import { chunkIds, hex, type IdOf, isSameId } from "./chunk_id.ts";
import type { ChunkIndex, ChunkPlace } from "./chunk_index.ts";
import { CHUNK_MAX } from "./cut.ts";
import type { Descriptor } from "./descriptor.ts";
import { List } from "./list.ts";
import type { Packs } from "./packs.ts";
import { PackWindows } from "./windows.ts";

/** Decoded lists kept, in bytes of their chunks. */
const LISTS_BYTES = 8 << 20;
/** Lists of one content that are remembered as entered: each stands for some megabytes, or more. */
const ENTERED_MAX = 65_536;

export interface ChunkReaderOptions {
  readonly packs: Packs;
  readonly index: Pick<ChunkIndex, "find" | "isAbsent">;
  /** The volume's key, 32 bytes. */
  readonly key: Uint8Array;
  readonly checked?: Checked;
}

/** A list with the places of its chunks, as far as they were asked for. */
export interface KnownList {
  readonly list: List;
  readonly places: (ChunkPlace | undefined)[];
}

/** Reads contents. Any isolate may have one; every call is synchronous. */
export class ChunkReader {
  readonly packs: Packs;
  readonly checked: Checked;
  readonly windows: PackWindows;
  readonly #index: Pick<ChunkIndex, "find" | "isAbsent">;
  readonly #idOf: IdOf;
  /** By the id as a string; the one used last is last. */
  readonly #lists = new Map<string, KnownList>();
  #listsBytes = 0;
  #scratch = new Uint8Array(0);
  /** Goes up when places may have changed. */
  generation = 0;

  constructor({ packs, index, key, checked = new Checked() }: ChunkReaderOptions) {
    this.packs = packs;
    this.windows = new PackWindows(packs);
    this.checked = checked;
    this.#index = index;
    this.#idOf = chunkIds(key);
  }

  /** A content to read several times: it remembers where its chunks are. */
  open(descriptor: Descriptor): Content {
    return new Content(this, descriptor);
  }

  /** Fills `into` from `offset` on. Returns how many bytes there were. */
  read(descriptor: Descriptor, offset: number, into: Uint8Array): number {
    return this.open(descriptor).read(offset, into);
  }

  /** A whole chunk, checked; `anew`: whether it was in order before or not. The bytes are the caller's. */
  chunk(id: Uint8Array, anew = false): Uint8Array {
    const place = this.place(id);
    const bytes = new Uint8Array(place.length);
    this.packs.read(place.pack, place.offset, bytes);
    this.check(id, place, bytes, anew);
    return bytes;
  }

  /** The ids of all chunks of a content, each list before what is in it; a chunk may come several times, a list that is entered again does not. For finding what is live. */
  *ids(descriptor: Descriptor, entered = new Set<string>()): Generator<Uint8Array> {
    const { id, depth, size } = descriptor;
    if (id === undefined) return;
    yield id;
    // Of what is in a list that is not here nothing is known.
    if (depth === 0 || this.isAbsent(id)) return;
    // Eight lists that others wrote can name each other 2^96 times.
    const name = `${depth} ${size} ${hex(id)}`;
    if (entered.has(name)) return;
    if (entered.size >= ENTERED_MAX) entered.clear();
    entered.add(name);
    const list = this.#listOf(id, size);
    for (let i = 0; list !== undefined && i < list.count; i++) {
      yield* this.ids({ id: list.id(i), depth: depth - 1, size: list.ends[i] - list.start(i) }, entered);
    }
  }

  /** Undefined where the chunk is what was written, and that is no such list: then nothing is in it. */
  #listOf(id: Uint8Array, size: number): List | undefined {
    try {
      return this.list(id, size).list;
    } catch {
      this.chunk(id);
      return undefined;
    }
  }

  /** Whether a chunk is not here, and it is known why. */
  isAbsent(id: Uint8Array): boolean {
    return this.#index.find(id) === undefined && this.#index.isAbsent?.(id) === true;
  }

  /**
   * The chunks that are not here of those which these bytes of a content need, each with what it is: of what is in a list that is not here nothing is known. `withLists`:
   * also lists of the rest of it.
   */
  *lacking(
    { id, depth, size }: Descriptor,
    start = 0,
    end = size,
    withLists = false,
    seen = new Set<string>(),
  ): Generator<Descriptor & { readonly id: Uint8Array }> {
    const isWanted = start < size && end > 0;
    if (id === undefined || !isWanted && !(withLists && depth > 0)) return;
    if (this.#index.find(id) === undefined) return yield { id: id.slice(), depth, size };
    if (depth === 0) return;
    // Few chunks can make up a content of 2^53 bytes.
    if (!isWanted || start <= 0 && end >= size) {
      const name = `${isWanted} ${depth} ${size} ${id}`;
      if (seen.has(name)) return;
      seen.add(name);
    }
    let list: List;
    try {
      list = this.list(id, size).list;
    } catch {
      // It is damaged, or whoever wrote it named as a list what is none: what is in it nobody knows.
      return;
    }
    for (let i = 0; i < list.count; i++) {
      const from = list.start(i);
      const part = { id: list.id(i), depth: depth - 1, size: list.ends[i] - from };
      yield* this.lacking(part, start - from, end - from, withLists, seen);
    }
  }

  /** Closes what is open. */
  close(): void {
    this.windows.close();
    this.packs.close();
  }

  /** To be called when chunks were moved out of a pack and it was removed: its file is closed. */
  forgetPack(pack: number): void {
    this.windows.forget(pack);
    this.packs.forget(pack);
    this.forgetPlaces();
  }

  // What follows is for Content.

  forgetPlaces(): void {
    this.generation++;
    this.#lists.clear();
    this.#listsBytes = 0;
  }

  place(id: Uint8Array): ChunkPlace {
    const place = this.#index.find(id);
    if (place === undefined && this.isAbsent(id)) {
      throw new NineError(
        "EIO",
        `Chunk ${hex(id)} is not here, as no copy that was met has it: sync with one that does`,
      );
    }
    if (place === undefined) throw new NineError("EIO", `The index has no chunk ${hex(id)}`);
    if (place.length > CHUNK_MAX || place.keyId !== 0) {
      throw new NineError(
        "EIO",
        `The index has chunk ${hex(id)} with ${place.length} bytes and key ${place.keyId}; ` +
          `at most ${CHUNK_MAX} bytes and key 0 can be read`,
      );
    }
    return place;
  }

  list(id: Uint8Array, size: number): KnownList {
    const key = String.fromCharCode(...id);
    const known = this.#lists.get(key);
    if (known !== undefined) {
      this.#lists.delete(key);
      this.#lists.set(key, known);
      return known;
    }
    const list = new List(this.chunk(id), size);
    const made = { list, places: new Array(list.count).fill(undefined) };
    this.#lists.set(key, made);
    this.#listsBytes += list.byteLength;
    for (const [oldest, { list }] of this.#lists) {
      if (this.#listsBytes <= LISTS_BYTES) break;
      this.#lists.delete(oldest);
      this.#listsBytes -= list.byteLength;
    }
    return made;
  }

  /** The list of that id, if it is in memory. */
  knownList(id: Uint8Array): KnownList | undefined {
    return this.#lists.get(String.fromCharCode(...id));
  }

  /** Throws EIO if the bytes of a chunk are not what its id says. */
  check(id: Uint8Array, place: ChunkPlace, bytes: Uint8Array, anew = false): void {
    if (!anew && this.checked.has(place)) return;
    if (!isSameId(this.#idOf(bytes), id)) {
      throw new NineError(
        "EIO",
        `Chunk ${hex(id)} is damaged: the ${place.length} bytes at ${place.offset} of ` +
          `${this.packs.path(place.pack)} are not what was written`,
      );
    }
    this.checked.add(place);
  }

  /** Copies a part of a chunk that was not checked yet, and checks it. */
  readPart(id: Uint8Array, place: ChunkPlace, from: number, into: Uint8Array): void {
    if (this.#scratch.length === 0) this.#scratch = new Uint8Array(CHUNK_MAX);
    const whole = this.#scratch.subarray(0, place.length);
    this.packs.read(place.pack, place.offset, whole);
    this.check(id, place, whole);
    into.set(whole.subarray(from, from + into.length));
  }
}

/** Bytes that are together in a pack and together in the reply, and the chunks among them that are to be checked. */
interface Run {
  readonly pack: number;
  readonly offset: number;
  readonly at: number;
  length: number;
  readonly unchecked: { id: Uint8Array; place: ChunkPlace; at: number }[];
}

/** One content, open for reading. */
export class Content {
  readonly descriptor: Descriptor;
  readonly #reader: ChunkReader;
  /** Of a content that is one chunk: where it is. Of others: the list. Both as of a generation of the reader. */
  #place: ChunkPlace | undefined;
  #list: KnownList | undefined;
  #generation = -1;
  #run: Run | undefined;

  constructor(reader: ChunkReader, descriptor: Descriptor) {
    this.#reader = reader;
    this.descriptor = descriptor;
  }

  /**
   * Fills `into` from `offset` on. Returns how many bytes there were. Chunks that lie side by side come in one pread.
   * Where one is not what it should be it throws EIO, and `into` holds nothing that may be used.
   */
  read(offset: number, into: Uint8Array): number {
    const { size, depth, id } = this.descriptor;
    const count = Math.max(0, Math.min(into.length, size - offset));
    if (count === 0) return 0;
    if (id === undefined) {
      into.fill(0, 0, count);
      return count;
    }
    const wanted = count < into.length ? into.subarray(0, count) : into;
    try {
      this.#read(id, depth, offset, wanted);
    } catch (thrown) {
      if (!(thrown instanceof NineError)) throw thrown;
      // The chunks may have moved to another pack a moment ago, or a damaged one been healed there.
      this.#reader.forgetPlaces();
      try {
        this.#read(id, depth, offset, wanted);
      } catch (again) {
        throw errnoOf(again) === Errno.ENOENT ? new NineError("EIO", reasonOf(again)) : again;
      }
    }
    return count;
  }

  /**
   * Where these bytes lie in memory at this moment, so that they are sent without a copy: address, length, address,
   * length, … Undefined where `read` is to be asked: for holes, and for chunks that were not checked yet.
   */
  spans(offset: number, count: number): number[] | undefined {
    const { id, depth, size } = this.descriptor;
    if (id === undefined || this.#generation !== this.#reader.generation) return undefined;
    const spans: number[] = [];
    const isKnown = depth === 0
      ? this.#place !== undefined && this.#span(this.#place, size, offset, count, spans)
      : this.#listSpans(this.#list, depth, offset, count, spans);
    return isKnown ? spans : undefined;
  }

  #listSpans(
    known: KnownList | undefined,
    depth: number,
    offset: number,
    count: number,
    spans: number[],
  ): boolean {
    if (known === undefined) return false;
    const { list, places } = known;
    const end = offset + count;
    for (let entry = list.at(offset); offset < end; entry++) {
      const start = list.start(entry);
      const within = offset - start;
      const part = Math.min(end, list.ends[entry]) - offset;
      const [id, place] = [list.id(entry), places[entry]];
      const isKnown = id !== undefined &&
        (depth > 1
          ? this.#listSpans(this.#reader.knownList(id), depth - 1, within, part, spans)
          : place !== undefined && this.#span(place, list.ends[entry] - start, within, part, spans));
      if (!isKnown) return false;
      offset += part;
    }
    return true;
  }

  #span(place: ChunkPlace, length: number, within: number, count: number, spans: number[]): boolean {
    if (place.length !== length || !this.#reader.checked.has(place)) return false;
    const address = this.#reader.windows.address(place.pack, place.offset + within, count);
    if (address === undefined) return false;
    spans.push(address, count);
    return true;
  }

  /** Each chunk and hole in order. The id is a view that goes with the next one. */
  *entries(): Generator<{ length: number; id: Uint8Array | undefined }> {
    const { size, depth, id } = this.descriptor;
    if (size > 0) yield* this.#entries(size, depth, id);
  }

  *#entries(
    length: number,
    depth: number,
    id: Uint8Array | undefined,
  ): Generator<{ length: number; id: Uint8Array | undefined }> {
    if (depth === 0 || id === undefined) return yield { length, id };
    const { list } = this.#reader.list(id, length);
    for (let i = 0; i < list.count; i++) {
      yield* this.#entries(list.ends[i] - list.start(i), depth - 1, list.id(i));
    }
  }

  #read(id: Uint8Array, depth: number, offset: number, into: Uint8Array): void {
    const reader = this.#reader;
    const { size } = this.descriptor;
    this.#run = undefined;
    if (this.#generation !== reader.generation) {
      this.#place = this.#list = undefined;
      this.#generation = reader.generation;
    }
    if (depth === 0) {
      this.#piece(id, this.#place ??= reader.place(id), size, offset, into, 0, into.length);
    } else {
      this.#readList(this.#list ??= reader.list(id, size), depth, offset, into, 0, into.length);
    }
    this.#endRun(into);
  }

  /** Reads the bytes from `offset` of a list's content to the places from…to of `into`. */
  #readList(
    { list, places }: KnownList,
    depth: number,
    offset: number,
    into: Uint8Array,
    from: number,
    to: number,
  ): void {
    for (let entry = list.at(offset); from < to; entry++) {
      const start = list.start(entry);
      const length = list.ends[entry] - start;
      const within = offset - start;
      const end = Math.min(to, from + length - within);
      const child = list.id(entry);
      if (child === undefined) {
        into.fill(0, from, end);
      } else if (depth > 1) {
        this.#readList(this.#reader.list(child, length), depth - 1, within, into, from, end);
      } else {
        this.#piece(child, places[entry] ??= this.#reader.place(child), length, within, into, from, end);
      }
      offset += end - from;
      from = end;
    }
  }

  /** Reads a part of a chunk, now or together with what comes next. */
  #piece(
    id: Uint8Array,
    place: ChunkPlace,
    length: number,
    within: number,
    into: Uint8Array,
    from: number,
    to: number,
  ): void {
    const reader = this.#reader;
    if (place.length !== length) {
      throw new NineError("EIO", `Chunk ${hex(id)} has ${place.length} bytes where ${length} were due`);
    }
    const isChecked = reader.checked.has(place);
    if (!isChecked && to - from < length) return reader.readPart(id, place, within, into.subarray(from, to));
    const offset = place.offset + within;
    let run = this.#run;
    if (run?.pack !== place.pack || run.offset + run.length !== offset || run.at + run.length !== from) {
      this.#endRun(into);
      run = this.#run = { pack: place.pack, offset, at: from, length: 0, unchecked: [] };
    }
    run.length += to - from;
    if (!isChecked) run.unchecked.push({ id, place, at: from });
  }

  #endRun(into: Uint8Array): void {
    const run = this.#run;
    if (run === undefined) return;
    this.#run = undefined;
    const { pack, offset, at, length, unchecked } = run;
    const whole = at === 0 && length === into.length;
    this.#reader.packs.read(pack, offset, whole ? into : into.subarray(at, at + length));
    for (const { id, place, at } of unchecked) {
      this.#reader.check(id, place, into.subarray(at, at + place.length));
    }
  }
}
