import type { Principal, Timestamp } from "../../9p/mod.ts";
import type { SetAttributes, Write } from "../operation/mod.ts";
import type { IndexWriter } from "../store/mod.ts";
import type { Span } from "../volume/mod.ts";
import type { Place } from "./applier.ts";

/** What was written to a file since its last version. */
export interface Unwritten {
  /** The operation that began it. */
  readonly first: number;
  readonly spans: Span[];
  version: number;
  by: Principal;
  /** When it was written; undefined where its times were set afterwards. */
  time: Timestamp | undefined;
}

/**
 * The files with bytes in the log that are in no version yet. Their number in the index says from where the log has to be
 * read again at the next start, and kept until then.
 */
export class Unsettled {
  readonly #files = new Map<number, Unwritten>();
  /** Those of them that could not be settled. */
  readonly #left = new Set<number>();
  /** Files that changed sides since the last transaction. */
  readonly #changed = new Set<number>();

  /** All of them. */
  get files(): ReadonlyMap<number, Unwritten> {
    return this.#files;
  }

  get inos(): number[] {
    return [...this.#files.keys()];
  }

  /** The first operation that is still needed, Infinity where none is. */
  get first(): number {
    let first = Infinity;
    for (const file of this.#files.values()) first = Math.min(first, file.first);
    return first;
  }

  /** The oldest segment with bytes that are still needed, Infinity where none is. */
  get firstSegment(): number {
    let first = Infinity;
    for (const { spans } of this.#files.values()) first = Math.min(first, spans[0].segment);
    return first;
  }

  note(operation: Write | SetAttributes, { number, segment, position }: Place, lost?: string): void {
    const { ino } = operation;
    let file = this.#files.get(ino);
    if (operation.kind === "attributes" && operation.size === undefined) {
      if (file !== undefined) file.time = undefined;
      return;
    }
    if (file === undefined) {
      file = { first: number, spans: [], version: number, by: operation.by, time: undefined };
      this.#files.set(ino, file);
      this.#changed.add(ino);
    }
    this.#left.delete(ino);
    file.version = number;
    file.by = operation.by;
    if (operation.kind === "write") {
      const { offset, bytes } = operation;
      file.spans.push({ number, start: offset, end: offset + bytes.byteLength, segment, position, lost });
      file.time = operation.time;
    } else {
      file.spans.push({ number, start: undefined, end: operation.size!, segment, position });
      file.time = undefined;
    }
  }

  take(ino: number): Unwritten | undefined {
    const file = this.#files.get(ino);
    if (file === undefined) return undefined;
    this.#files.delete(ino);
    this.#left.delete(ino);
    this.#changed.add(ino);
    return file;
  }

  /** What was taken stays, as it could not be settled. */
  leave(ino: number, file: Unwritten): void {
    this.#files.set(ino, file);
    this.#left.add(ino);
  }

  /** Whether there is a file that nobody tried to settle since it was written to. */
  get isAnyNew(): boolean {
    return this.#files.size > this.#left.size;
  }

  /** Puts into the transaction which files there are. */
  write(index: IndexWriter): void {
    for (const ino of this.#changed) index.setUnsettled(ino, this.#files.get(ino)?.first);
    this.#changed.clear();
  }
}
