import {
  type ChunkIndex,
  ChunkReader,
  ChunkStore,
  decodeDescriptor,
  type Descriptor,
  encodeDescriptor,
  type PackMark,
  PackWriter,
  recut,
} from "../chunks/mod.ts";
import type { Disk } from "../disk/mod.ts";
import type { LogReader } from "../log/mod.ts";
import { Extents, type ExtentSource } from "../operation/mod.ts";
import type { NodeRow } from "../store/mod.ts";
import { PACKS } from "../volume/mod.ts";
import type { Span } from "../volume/mod.ts";

/** Bytes taken from the log at once. */
const STEP = 1 << 20;

/** Makes contents of what was written: what is in the log is cut into chunks, and these go into packs. */
export class ContentWriter {
  readonly store: ChunkStore;
  readonly reader: ChunkReader;
  readonly #log: LogReader;
  readonly #block = new Uint8Array(STEP);
  #wroteChunks = false;

  constructor(disk: Disk, log: LogReader, index: ChunkIndex, key: Uint8Array) {
    this.#log = log;
    const packs = new PackWriter(disk, PACKS);
    this.store = new ChunkStore({ packs, index, key });
    this.reader = new ChunkReader({ packs, index, key, checked: this.store.checked });
  }

  /** The content of a file, which had a version and was written to since. */
  settle({ content, size }: NodeRow, spans: readonly Span[]): { content: Uint8Array | null; size: number } {
    const extents = new Extents(size);
    for (const span of spans) {
      if (span.start === undefined) extents.cut(span.end);
      else extents.write(span.start, span.end, span);
    }
    this.#wroteChunks = true;
    const now = content === null || extents.baseEnd === 0
      ? this.#build(extents)
      : this.#change(decodeDescriptor(content), extents);
    return { content: now.size === 0 ? null : encodeDescriptor(now), size: now.size };
  }

  /** Makes contents of bytes that are at hand. */
  put(bytes: Uint8Array): Descriptor {
    this.#wroteChunks = true;
    return this.store.putContent(bytes);
  }

  /** Puts a chunk into packs as it is. */
  putChunk(bytes: Uint8Array): void {
    this.#wroteChunks = true;
    this.store.put(bytes);
  }

  /** A whole chunk, for another copy; undefined where it is not here or damaged, maybe since it was last read: whoever gets other bytes takes this copy for a liar. */
  chunk(id: Uint8Array): Uint8Array | undefined {
    if (this.store.index.find(id) === undefined) return undefined;
    try {
      return this.reader.chunk(id, true);
    } catch {
      return undefined;
    }
  }

  /** Whether something of a content is not here, and that is known. */
  lacks(content: Uint8Array): boolean {
    return this.store.index.hasAbsent === true &&
      !this.reader.lacking(decodeDescriptor(content)).next().done;
  }

  /** How far contents are written. */
  mark(): PackMark {
    return this.store.packs.mark();
  }

  /** Takes back what was written since, of a transaction that failed. */
  backTo(mark: PackMark): void {
    this.store.packs.backTo(mark);
  }

  /** Makes durable what was written. */
  sync(): void {
    if (this.#wroteChunks) this.store.packs.syncBlocking();
    this.#wroteChunks = false;
  }

  close(): void {
    this.store.packs.close();
  }

  /** Of a file that shows nothing of a version. */
  #build(extents: Extents): Descriptor {
    const builder = this.store.content();
    const source = this.#source(() => {
      throw new Error("A file without a version was read from it");
    });
    let at = 0;
    for (const { start, end } of extents.written) {
      builder.zeros(start - at);
      for (at = start; at < end;) {
        const part = this.#block.subarray(0, Math.min(STEP, end - at));
        extents.read(source, at, part);
        builder.write(part);
        at += part.length;
      }
    }
    builder.zeros(extents.size - at);
    return builder.finish();
  }

  #change(descriptor: Descriptor, extents: Extents): Descriptor {
    const old = this.reader.open(descriptor);
    const source = this.#source((offset, into) => void old.read(offset, into));
    const changes = extents.written.map(({ start, end }) => ({ offset: start, length: end - start }));
    // What was cut off and then grew again is zeros.
    const cutTo = Math.min(descriptor.size, extents.size);
    if (extents.baseEnd < cutTo) changes.push({ offset: extents.baseEnd, length: cutTo - extents.baseEnd });
    const now = {
      size: extents.size,
      read: (offset: number, into: Uint8Array) => void extents.read(source, offset, into),
      zerosAt: (offset: number) => offset < extents.baseEnd ? 0 : nextWritten(extents, offset) - offset,
    };
    return recut(this.store, old, now, changes);
  }

  #source(base: ExtentSource["base"]): ExtentSource {
    return { log: (segment, position, into) => this.#log.read(segment, position, into), base };
  }
}

/** Where something was written at or behind `offset`; the end of the file where nothing was. */
function nextWritten({ written, size }: Extents, offset: number): number {
  let [low, high] = [0, written.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (written[middle].end <= offset) low = middle + 1;
    else high = middle;
  }
  return Math.max(offset, written[low]?.start ?? size);
}
