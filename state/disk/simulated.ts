import { NineError } from "../../9p/mod.ts";
import type { Disk, DiskFile, OpenOptions } from "./disk.ts";
import { type Random, seeded } from "./random.ts";
import { SimulatedContent } from "./simulated_content.ts";
import { SimulatedFolder } from "./simulated_folder.ts";

type Folder = SimulatedFolder<SimulatedContent>;

export interface SimulatedDiskOptions {
  /** Decides how long syncs take, and nothing else: what a power loss takes has a seed of its own. */
  readonly seed?: number;
  /** How many bytes there is room for; without end if it is not given. */
  readonly free?: number;
}

/**
 * A disk in memory, for tests: `powerLoss` gives what is left of it. The rules are the weakest that a file system may
 * have and still keep what fdatasync(2) promises:
 *
 * - of what was written and not synced, each sector or page (512 or 4096 bytes, one for the whole loss) is there as it
 *   was after any of the writes that touched it, whatever happened to its neighbours; one of them may be torn in its
 *   middle. The length of the file is any that it had since the last sync. What was never written reads as zeros;
 * - which names a folder has is as it was at any moment since its last sync, in order: a new file whose folder was not
 *   synced may be gone although the file was, and a removed one may be back;
 * - a sync under way when the power goes has promised nothing yet.
 */
export class SimulatedDisk implements Disk {
  /** How many bytes can still be added to files. A test may set it, so that the disk fills up or is freed. */
  free: number;
  /** How many of the next syncs of files fail; what they were to make durable is then lost with the power. */
  failSyncs = 0;
  readonly #folders = new Map<string, Folder>();
  readonly #random: Random;
  #off = false;

  constructor({ seed = 1, free = Infinity }: SimulatedDiskOptions = {}) {
    this.free = free;
    this.#random = seeded(seed);
    this.#folders.set("", new SimulatedFolder<SimulatedContent>());
  }

  open(path: string, { create = false, exclusive = false }: OpenOptions = {}): DiskFile {
    const { folder, name } = this.#split(path);
    let content = folder.names.get(name);
    if (content !== undefined && exclusive) throw new NineError("EEXIST", `${path} is there already`);
    if (content === undefined) {
      if (!create) throw new NineError("ENOENT", `There is no file ${path}`);
      content = new SimulatedContent();
      folder.change((names) => names.set(name, content!));
    }
    return new SimulatedFile(this, content, path);
  }

  list(folder: string): string[] {
    this.check();
    const inside = folder === "" ? "" : `${folder}/`;
    const folders = [...this.#folders.keys()].filter((path) => path !== "" && path.startsWith(inside))
      .map((path) => path.slice(inside.length)).filter((name) => name !== "" && !name.includes("/"));
    return [...this.#folders.get(folder)?.names.keys() ?? [], ...folders].sort();
  }

  rename(from: string, to: string): void {
    const source = this.#split(from);
    const target = this.#split(to);
    if (source.folder !== target.folder) throw new NineError("EXDEV", `${from} and ${to} are in two folders`);
    const content = source.folder.names.get(source.name);
    if (content === undefined) throw new NineError("ENOENT", `There is no file ${from}`);
    source.folder.change((names) => {
      names.delete(source.name);
      names.set(target.name, content);
    });
  }

  remove(path: string): void {
    const { folder, name } = this.#split(path);
    const content = folder.names.get(name);
    if (content === undefined) throw new NineError("ENOENT", `There is no file ${path}`);
    this.free += content.size;
    folder.change((names) => names.delete(name));
  }

  makeFolder(path: string): void {
    this.check();
    const parts = path.split("/");
    for (let i = 1; i <= parts.length; i++) {
      const above = parts.slice(0, i).join("/");
      if (!this.#folders.has(above)) this.#folders.set(above, new SimulatedFolder<SimulatedContent>());
    }
  }

  async syncFolder(path: string): Promise<void> {
    const folder = this.#folder(path);
    const mark = folder.mark();
    await this.pause();
    folder.keep(mark);
  }

  syncFolderBlocking(path: string): void {
    const folder = this.#folder(path);
    folder.keep(folder.mark());
  }

  /** The disk after the power went and came back: this one is dead, and every call on it is EIO. */
  powerLoss(seed: number): SimulatedDisk {
    this.#off = true;
    const random = seeded(seed);
    const unit = random.chance(0.5) ? 512 : 4096;
    const after = new SimulatedDisk({ seed });
    const survived = new Map<SimulatedContent, SimulatedContent>();
    for (const [path, folder] of this.#folders) {
      const names = folder.survivors(random);
      for (const [name, content] of names) {
        let copy = survived.get(content);
        if (copy === undefined) survived.set(content, copy = content.afterLoss(random, unit));
        names.set(name, copy);
      }
      after.#folders.set(path, new SimulatedFolder<SimulatedContent>(names));
    }
    return after;
  }

  /** For files: throws once the power is gone. */
  check(): void {
    if (this.#off) throw new NineError("EIO", "The simulated disk has lost its power");
  }

  /** For files: how long a sync takes, in turns of the microtask queue. */
  async pause(): Promise<void> {
    for (let turns = this.#random.below(8); turns >= 0; turns--) await null;
    this.check();
  }

  #folder(path: string): Folder {
    this.check();
    const folder = this.#folders.get(path);
    if (folder === undefined) throw new NineError("ENOENT", `There is no folder ${path}`);
    return folder;
  }

  #split(path: string): { folder: Folder; name: string } {
    const cut = path.lastIndexOf("/");
    return { folder: this.#folder(path.slice(0, Math.max(0, cut))), name: path.slice(cut + 1) };
  }
}

class SimulatedFile implements DiskFile {
  readonly #disk: SimulatedDisk;
  readonly #content: SimulatedContent;
  readonly #path: string;
  #closed = false;

  constructor(disk: SimulatedDisk, content: SimulatedContent, path: string) {
    this.#disk = disk;
    this.#content = content;
    this.#path = path;
  }

  size(): number {
    this.#check();
    return this.#content.size;
  }

  pread(into: Uint8Array, offset: number): number {
    this.#check();
    return this.#content.read(into, offset);
  }

  pwrite(bytes: Uint8Array, offset: number): void {
    this.#check();
    const before = this.#content.size;
    const fits = Math.min(bytes.length, Math.max(0, before + this.#disk.free - offset));
    if (fits > 0) this.#content.write(bytes.slice(0, fits), offset);
    this.#disk.free -= this.#content.size - before;
    if (fits < bytes.length) {
      throw new NineError(
        "ENOSPC",
        `Write ${bytes.length} bytes at ${offset} of ${this.#path}: room for ${fits}`,
      );
    }
  }

  truncate(size: number): void {
    this.#check();
    const before = this.#content.size;
    if (size - before > this.#disk.free) {
      throw new NineError("ENOSPC", `Make ${this.#path} ${size} bytes long`);
    }
    this.#content.truncate(size);
    this.#disk.free -= size - before;
  }

  async sync(): Promise<void> {
    this.#check();
    const mark = this.#content.mark();
    await this.#disk.pause();
    this.#settle(mark);
  }

  syncBlocking(): void {
    this.#check();
    this.#settle(this.#content.mark());
  }

  close(): void {
    this.#closed = true;
  }

  #settle(mark: number): void {
    if (this.#disk.failSyncs > 0) {
      this.#disk.failSyncs--;
      this.#content.lose(mark);
      throw new NineError("EIO", `Make ${this.#path} durable: the simulated disk was told to fail`);
    }
    this.#content.keep(mark);
  }

  #check(): void {
    this.#disk.check();
    if (this.#closed) throw new NineError("EBADF", `${this.#path} is closed`);
  }
}
