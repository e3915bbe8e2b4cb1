import { Buffer } from "node:buffer";
import { CHUNK_MAX, CHUNK_MIN, type GearTable, gearTable } from "./cut.ts";
import { Checked } from "./checked.ts";
import { chunkIds, type IdOf } from "./chunk_id.ts";
import type { ChunkIndex, ChunkPlace } from "./chunk_index.ts";
import { Cutter } from "./cutter.ts";
import type { Descriptor } from "./descriptor.ts";
import { ListBuilder } from "./list.ts";
import type { PackWriter } from "./packs.ts";

/** Puts chunks into packs, equal ones once. For the one isolate that writes. */
export class ChunkStore {
  readonly packs: PackWriter;
  readonly index: ChunkIndex;
  readonly idOf: IdOf;
  readonly gear: GearTable;
  readonly checked = new Checked();
  #scratch = new Uint8Array(0);

  /** `key`: the volume's, 32 bytes. */
  constructor({ packs, index, key }: { packs: PackWriter; index: ChunkIndex; key: Uint8Array }) {
    this.packs = packs;
    this.index = index;
    this.idOf = chunkIds(key);
    this.gear = gearTable(key);
  }

  /**
   * Stores a chunk unless it is stored, and gives its id. That an older one is still what it should be is looked at
   * before it is relied on; if it is not, the chunk is stored anew, and so healed wherever it is used.
   */
  put(bytes: Uint8Array): Uint8Array {
    const id = this.idOf(bytes);
    const known = this.index.find(id);
    if (known !== undefined && this.#holds(known, bytes)) return id;
    const place = { ...this.packs.append(bytes), length: bytes.length, keyId: 0 };
    this.index.add(id, place);
    this.checked.add(place);
    return id;
  }

  /** A content that comes as a stream: cut as it comes, so that it may be of any size. */
  content(): ContentBuilder {
    return new ContentBuilder(this);
  }

  /** A content that is at hand. */
  putContent(bytes: Uint8Array): Descriptor {
    // Too short to be cut or to be a hole: the builder would come to the same, and costs more than all the rest.
    if (bytes.length > 0 && bytes.length <= CHUNK_MIN) {
      return { size: bytes.length, depth: 0, id: this.put(bytes) };
    }
    const builder = this.content();
    builder.write(bytes);
    return builder.finish();
  }

  #holds(place: ChunkPlace, bytes: Uint8Array): boolean {
    if (place.length !== bytes.length || place.keyId !== 0) return false;
    if (this.checked.has(place)) return true;
    if (this.#scratch.length === 0) this.#scratch = new Uint8Array(CHUNK_MAX);
    const found = this.#scratch.subarray(0, bytes.length);
    try {
      this.packs.read(place.pack, place.offset, found);
    } catch {
      return false;
    }
    if (!isSame(found, bytes)) return false;
    this.checked.add(place);
    return true;
  }
}

/** Takes a content in order, and gives its descriptor. */
export class ContentBuilder {
  readonly #lists: ListBuilder;
  readonly #cutter: Cutter;

  constructor(store: ChunkStore) {
    const lists = this.#lists = new ListBuilder((bytes) => store.put(bytes));
    this.#cutter = new Cutter(store.gear, {
      data: (bytes) => lists.add(bytes.length, store.put(bytes)),
      hole: (length) => lists.add(length, undefined),
    });
  }

  write(bytes: Uint8Array): void {
    this.#cutter.write(bytes);
  }

  /** The same as to write this many zeros, and costs nothing. */
  zeros(count: number): void {
    this.#cutter.zeros(count);
  }

  /** To be called once. */
  finish(): Descriptor {
    this.#cutter.finish();
    return this.#lists.finish();
  }
}

function isSame(one: Uint8Array, other: Uint8Array): boolean {
  return Buffer.compare(one, other) === 0;
}
