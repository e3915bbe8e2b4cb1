import { NineError, reasonOf } from "../../9p/mod.ts";
import type { Disk, DiskFile, DiskMapping } from "../disk/mod.ts";

/** Bytes after which another pack is begun. */
export const PACK_BYTES = 256 << 20;
/** Packs that are open at once. */
const OPEN_MAX = 64;

/** `000001`. */
export function packName(pack: number): string {
  return String(pack).padStart(6, "0");
}

/**
 * The pack files of a chunk store, for reading: the bytes of chunks back to back, and nothing else; where each is, the
 * index knows. A pack only grows at its end, until it is removed as a whole.
 */
export class Packs {
  protected readonly disk: Disk;
  protected readonly folder: string;
  /** The one used last is last. */
  readonly #open = new Map<number, DiskFile>();
  #lastPack = -1;
  #lastFile: DiskFile | undefined;

  constructor(disk: Disk, folder: string) {
    this.disk = disk;
    this.folder = folder;
  }

  /** Fills `into`. ENOENT where there is no such pack (its chunks have moved), EIO where it is too short. */
  read(pack: number, offset: number, into: Uint8Array): void {
    const got = this.file(pack).pread(into, offset);
    if (got < into.length) {
      throw new NineError(
        "EIO",
        `${this.path(pack)} ends ${into.length - got} bytes before the ${into.length} at ${offset}`,
      );
    }
  }

  /** Shows a part of a pack in memory, for the kernel to send from; undefined where the disk cannot. */
  map(pack: number, offset: number, length: number): DiskMapping | undefined {
    return this.file(pack).map?.(offset, length);
  }

  /** The numbers of all packs, in order. */
  list(): number[] {
    return this.disk.list(this.folder).filter((name) => /^\d{6,9}$/.test(name)).map(Number).sort((a, b) =>
      a - b
    );
  }

  /** Closes a pack's file: if it was removed, its space is free then. */
  forget(pack: number): void {
    if (pack === this.#lastPack) this.#lastPack = -1;
    this.#open.get(pack)?.close();
    this.#open.delete(pack);
  }

  close(): void {
    for (const pack of [...this.#open.keys()]) this.forget(pack);
  }

  [Symbol.dispose](): void {
    this.close();
  }

  path(pack: number): string {
    return `${this.folder}/${packName(pack)}`;
  }

  protected file(pack: number): DiskFile {
    // Most reads are of the pack that was read last, which is where it should be in the order.
    if (pack === this.#lastPack) return this.#lastFile!;
    let file = this.#open.get(pack);
    if (file === undefined) {
      if (this.#open.size >= OPEN_MAX) this.forget(this.#open.keys().next().value!);
      file = this.disk.open(this.path(pack));
    } else {
      this.#open.delete(pack);
    }
    this.#open.set(pack, file);
    this.#lastPack = pack;
    this.#lastFile = file;
    return file;
  }
}

interface Dirty {
  readonly file: DiskFile;
  readonly change: number;
}

/** How far packs were written at some moment. */
export interface PackMark {
  readonly pack: number;
  readonly end: number;
}

/**
 * The pack files, for the one who writes them. Chunks must be durable before anybody relies on an index that names
 * them: `sync` first, then commit the index.
 */
export class PackWriter extends Packs {
  readonly #packBytes: number;
  #file: DiskFile | undefined;
  #pack: number;
  #end = 0;
  /** Packs with bytes that are not durable, and the number of the last change of each. */
  readonly #dirty = new Map<number, Dirty>();
  #changes = 0;
  /** How many packs were begun, and of how many the names are durable. */
  #begun = 1;
  #named = 0;
  #failed: NineError | undefined;

  constructor(disk: Disk, folder: string, { packBytes = PACK_BYTES }: { packBytes?: number } = {}) {
    super(disk, folder);
    this.#packBytes = packBytes;
    disk.makeFolder(folder);
    this.#pack = this.list().at(-1) ?? 0;
  }

  /** The pack that grows; it is never removed. */
  get current(): number {
    return this.#pack;
  }

  /** Lets another pack grow from now on, so that this one can be collected. */
  roll(): void {
    if (this.#failed !== undefined) throw this.#failed;
    if (this.#file === undefined && this.#pack > 0) this.#resume();
    if (this.#pack > 0) this.#begin();
  }

  /** Writes a chunk. Where it throws (ENOSPC), the store is as it was. */
  append(bytes: Uint8Array): { pack: number; offset: number } {
    if (this.#failed !== undefined) throw this.#failed;
    if (this.#file === undefined && this.#pack > 0) this.#resume();
    if (this.#file === undefined || (this.#end + bytes.length > this.#packBytes && this.#end > 0)) {
      this.#begin();
    }
    const file = this.#file!;
    const offset = this.#end;
    // Whatever a failed write leaves behind the end is written over by the next.
    file.pwrite(bytes, offset);
    this.#end = offset + bytes.length;
    this.#dirty.set(this.#pack, { file, change: ++this.#changes });
    return { pack: this.#pack, offset };
  }

  /** How far the packs are written, for `backTo`. */
  mark(): PackMark {
    if (this.#file === undefined && this.#pack > 0) this.#resume();
    return { pack: this.#pack, end: this.#end };
  }

  /**
   * Takes back what was appended since: for a transaction of the index that failed, so that trying again on a full disk
   * does not fill it with what nobody knows.
   */
  backTo({ pack, end }: PackMark): void {
    for (; this.#pack > pack; this.#pack--) {
      if (!this.#dirty.has(this.#pack)) this.#file?.close();
      this.#dirty.get(this.#pack)?.file.close();
      this.#dirty.delete(this.#pack);
      this.#file = undefined;
      this.forget(this.#pack);
      this.disk.remove(this.path(this.#pack));
    }
    if (pack === 0) return;
    this.#file ??= this.#dirty.get(pack)?.file ?? this.disk.open(this.path(pack));
    this.#end = end;
    if (this.#file.size() <= end) return;
    this.#file.truncate(end);
    this.#dirty.set(pack, { file: this.#file, change: ++this.#changes });
  }

  /** Makes all chunks durable that were written before the call. It does not block. Once it failed, it always will. */
  async sync(): Promise<void> {
    if (this.#failed !== undefined) throw this.#failed;
    const dirty = [...this.#dirty];
    const begun = this.#begun;
    try {
      await Promise.all(dirty.map(([, { file }]) => file.sync()));
      if (begun > this.#named) await this.disk.syncFolder(this.folder);
    } catch (thrown) {
      throw this.#fail(thrown);
    }
    this.#settle(dirty, begun);
  }

  /** The same, blocking. */
  syncBlocking(): void {
    if (this.#failed !== undefined) throw this.#failed;
    const dirty = [...this.#dirty];
    try {
      for (const [, { file }] of dirty) file.syncBlocking();
      if (this.#begun > this.#named) this.disk.syncFolderBlocking(this.folder);
    } catch (thrown) {
      throw this.#fail(thrown);
    }
    this.#settle(dirty, this.#begun);
  }

  /**
   * Removes a pack of which no index that may come back names a chunk: the index without it is durable. Who has it open
   * reads on.
   */
  remove(pack: number): void {
    if (pack === this.#pack) throw new NineError("EBUSY", `${this.path(pack)} is the pack that grows`);
    this.#dirty.get(pack)?.file.close();
    this.#dirty.delete(pack);
    this.forget(pack);
    this.disk.remove(this.path(pack));
  }

  override close(): void {
    for (const { file } of this.#dirty.values()) file.close();
    this.#dirty.clear();
    this.#file?.close();
    this.#file = undefined;
    this.#failed ??= new NineError("EBADF", `The packs in ${this.folder} are closed`);
    super.close();
  }

  /** How many bytes a pack has, those of dead chunks too. */
  bytes(pack: number): number {
    return this.file(pack).size();
  }

  /** The last pack goes on behind all that is in it, whether an index knows it or not. */
  #resume(): void {
    const file = this.disk.open(this.path(this.#pack));
    this.#file = file;
    this.#end = file.size();
  }

  #begin(): void {
    const pack = this.#pack + 1;
    const file = this.disk.open(this.path(pack), { create: true });
    if (!this.#dirty.has(this.#pack)) this.#file?.close();
    this.#pack = pack;
    this.#file = file;
    this.#end = 0;
    this.#begun++;
  }

  #settle(
    synced: readonly [number, Dirty][],
    named: number,
  ): void {
    this.#named = Math.max(this.#named, named);
    for (const [pack, { file, change }] of synced) {
      if (this.#dirty.get(pack)?.change !== change) continue;
      this.#dirty.delete(pack);
      if (pack !== this.#pack) file.close();
    }
  }

  /** The kernel may have dropped what was to become durable, so no index may rely on it: it is written again after a new start. */
  #fail(thrown: unknown): NineError {
    const reason = `${reasonOf(thrown)}; the packs take nothing more until they are opened again`;
    return this.#failed ??= new NineError("EIO", reason);
  }
}
