import { NineError } from "../../9p/mod.ts";
import { type IdOf, packName, Packs } from "../chunks/mod.ts";
import type { Disk, DiskFile } from "../disk/mod.ts";
import { PACKS } from "../guard/mod.ts";
import type { PackPlace } from "./state_words.ts";

const PACK_MAX = 999_999_999;
/** After so many bytes others have their turn, and it is told how far it is. */
const TURN_BYTES = 8 * 1024 * 1024;

/** Where a chunk is said to be, in the order of packs. */
export interface ClonedChunk {
  readonly id: Uint8Array;
  readonly pack: number;
  readonly offset: number;
  readonly length: number;
}

/** The packs of a copy that is being made: they come in their order, each piece by piece, after those that an earlier try brought. */
export class ClonedPacks implements Disposable {
  readonly #disk: Disk;
  readonly #ends = new Map<number, number>();
  readonly #syncs: Promise<void>[] = [];
  #last: { readonly number: number; readonly file: DiskFile } | undefined;
  #bytes = 0;

  constructor(disk: Disk) {
    this.#disk = disk;
    disk.makeFolder(PACKS);
  }

  /** Of all of them, from their beginnings on. */
  get bytes(): number {
    return this.#bytes;
  }

  /** How far a pack has come. */
  end(pack: number): number {
    return this.#ends.get(pack) ?? 0;
  }

  /**
   * Keeps what an earlier try brought, as far as these chunks are found in it, and removes the rest; where it is to go on. What came then may not have been made durable, and the other copy may have
   * moved its chunks since.
   */
  async keep(chunks: Iterable<ClonedChunk>, idOf: IdOf, onTurn: () => void): Promise<PackPlace> {
    using packs = new Packs(this.#disk, PACKS);
    const kept = new Set(packs.list());
    let [pack, offset, turn] = [0, 0, 0];
    for (const chunk of chunks) {
      const isNext = chunk.pack > pack || chunk.pack === pack && chunk.offset >= offset;
      if (!isNext || !kept.has(chunk.pack) || !isThere(packs, chunk, idOf)) break;
      if (chunk.pack > pack) offset = 0;
      this.#bytes += chunk.offset + chunk.length - offset;
      [pack, offset] = [chunk.pack, chunk.offset + chunk.length];
      this.#ends.set(pack, offset);
      turn += chunk.length;
      if (turn < TURN_BYTES) continue;
      turn = 0;
      await new Promise((next) => setTimeout(next, 0));
      onTurn();
    }
    packs.close();
    for (const each of kept) if (!this.#ends.has(each)) this.#disk.remove(packs.path(each));
    for (const [number, end] of this.#ends) {
      const file = this.#open(number);
      file.truncate(end);
      this.#last = { number, file };
      // There may be more of them than files that a process can have open.
      if (number !== pack) await this.#endLast();
    }
    return { pack, offset };
  }

  /** EINVAL for what does not come next. */
  put({ pack, offset, bytes }: PackPlace & { readonly bytes: Uint8Array }): void {
    if (pack !== this.#last?.number) {
      if (pack < 1 || pack > PACK_MAX || this.#ends.has(pack)) {
        throw new NineError("EINVAL", `A piece of pack ${pack} came, which is none or was through`);
      }
      this.#endLast();
      this.#last = { number: pack, file: this.#open(pack, true) };
    }
    const end = this.end(pack);
    if (offset !== end) {
      throw new NineError("EINVAL", `A piece of pack ${pack} is of ${offset}, where ${end} was next`);
    }
    this.#last.file.pwrite(bytes, offset);
    this.#ends.set(pack, end + bytes.byteLength);
    this.#bytes += bytes.byteLength;
  }

  /** Makes all of them durable. */
  async finish(): Promise<void> {
    this.#endLast();
    await Promise.all(this.#syncs);
    this.#disk.syncFolderBlocking(PACKS);
  }

  [Symbol.dispose](): void {
    this.#last?.file.close();
  }

  #open(pack: number, isNew = false): DiskFile {
    return this.#disk.open(`${PACKS}/${packName(pack)}`, { create: isNew, exclusive: isNew });
  }

  /** Makes a pack durable while others come. Resolves when it is, or throws. */
  #endLast(): Promise<void> {
    const file = this.#last?.file;
    this.#last = undefined;
    if (file === undefined) return Promise.resolve();
    const sync = file.sync().finally(() => file.close());
    // It is asked for in the end.
    sync.catch(() => {});
    this.#syncs.push(sync);
    return sync;
  }
}

/** Whether a chunk is where it is said to be, and its bytes are what its id says. */
export function isThere(packs: Packs, { id, pack, offset, length }: ClonedChunk, idOf: IdOf): boolean {
  const bytes = new Uint8Array(length);
  try {
    packs.read(pack, offset, bytes);
  } catch {
    return false;
  }
  return idOf(bytes).every((byte, i) => byte === id[i]);
}
