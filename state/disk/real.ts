import { mkdirSync, readdirSync, renameSync, unlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import { Errno, errnoOf, NineError, reasonOf } from "../../9p/mod.ts";
import type { Disk, DiskFile, DiskMapping, OpenOptions } from "./disk.ts";
import { c, errno, failure, interrupted } from "./libc.ts";

/** open(2) flags of x86_64. */
const O = { RDONLY: 0, RDWR: 2, CREAT: 0o100, EXCL: 0o200, DIRECTORY: 0o200000, CLOEXEC: 0o2000000 } as const;
const SEEK_END = 2;
const PROT_READ = 1;
const MAP_SHARED = 1;
/** Linux moves at most 0x7ffff000 bytes a call; a round number below it. */
const CALL_MAX = 0x4000_0000;

const encoder = new TextEncoder();

/** The disk below a folder of this machine, which is made if it is not there; its files are the owner's alone. */
export function realDisk(root: string): Disk {
  const disk = new RealDisk(root);
  disk.makeFolder("");
  return disk;
}

/**
 * The same for who only looks: files are opened for reading alone, so that it works on a file system that cannot be written to and for who may
 * not write there. It makes nothing, whatever is asked: EROFS for a change, and `create` opens what is there.
 */
export function readingDisk(root: string): Disk {
  return new ReadingDisk(root);
}

class RealDisk implements Disk {
  readonly #root: string;

  constructor(root: string) {
    this.#root = root;
  }

  open(path: string, { create = false, exclusive = false }: OpenOptions = {}): DiskFile {
    const full = this.path(path);
    const flags = O.RDWR | O.CLOEXEC | (create ? O.CREAT : 0) | (exclusive ? O.EXCL : 0);
    return new RealFile(openAt(full, flags), full);
  }

  list(folder: string): string[] {
    try {
      return readdirSync(this.path(folder)).sort();
    } catch (thrown) {
      if (errnoOf(thrown) === Errno.ENOENT) return [];
      throw told(thrown, `List ${this.path(folder)}`);
    }
  }

  rename(from: string, to: string): void {
    if (dirname(from) !== dirname(to)) throw new NineError("EXDEV", `${from} and ${to} are in two folders`);
    attempt(
      () => renameSync(this.path(from), this.path(to)),
      () => `Rename ${this.path(from)} to ${to}`,
    );
  }

  remove(path: string): void {
    attempt(() => unlinkSync(this.path(path)), () => `Remove ${this.path(path)}`);
  }

  makeFolder(path: string): void {
    const full = this.path(path);
    const first = attempt(
      () => mkdirSync(full, { recursive: true, mode: 0o700 }),
      () => `Make the folder ${full}`,
    );
    if (first === undefined) return;
    // Every folder made has its name in the one above it.
    for (let made = full;; made = dirname(made)) {
      syncFolderAt(dirname(made));
      if (made === first || made === dirname(made)) return;
    }
  }

  async syncFolder(path: string): Promise<void> {
    const full = this.path(path);
    const fd = openAt(full, O.DIRECTORY | O.CLOEXEC);
    try {
      if (await c.fsyncApart(fd) < 0) {
        throw new NineError("EIO", `Make the names in ${full} durable: fsync failed`);
      }
    } finally {
      c.close(fd);
    }
  }

  syncFolderBlocking(path: string): void {
    syncFolderAt(this.path(path));
  }

  protected path(path: string): string {
    return join(this.#root, path);
  }
}

class ReadingDisk extends RealDisk {
  override open(path: string, { exclusive = false }: OpenOptions = {}): DiskFile {
    const full = this.path(path);
    if (exclusive) throw onlyRead(`Make ${full}`);
    return new ReadingFile(openAt(full, O.RDONLY | O.CLOEXEC), full);
  }

  override rename(from: string, to: string): never {
    throw onlyRead(`Rename ${this.path(from)} to ${to}`);
  }

  override remove(path: string): never {
    throw onlyRead(`Remove ${this.path(path)}`);
  }

  override makeFolder(path: string): never {
    throw onlyRead(`Make the folder ${this.path(path)}`);
  }
}

class RealFile implements DiskFile {
  #fd: number;
  protected readonly path: string;
  #syncing = 0;
  #closing = false;

  constructor(fd: number, path: string) {
    this.#fd = fd;
    this.path = path;
  }

  size(): number {
    const size = Number(c.lseek(this.#open(), 0, SEEK_END));
    if (size < 0) throw failure(errno(), `Ask for the size of ${this.path}`);
    return size;
  }

  pread(into: Uint8Array, offset: number): number {
    const fd = this.#open();
    let done = 0;
    while (done < into.length) {
      const rest = done === 0 && into.length <= CALL_MAX ? into : into.subarray(done, done + CALL_MAX);
      const size = c.pread(fd, rest as Uint8Array<ArrayBuffer>, rest.length, offset + done);
      if (interrupted(size)) continue;
      if (size < 0) throw failure(errno(), `Read ${into.length} bytes at ${offset} of ${this.path}`);
      if (size === 0) break;
      done += size;
    }
    return done;
  }

  pwrite(bytes: Uint8Array, offset: number): void {
    const fd = this.#open();
    let done = 0;
    while (done < bytes.length) {
      const rest = done === 0 && bytes.length <= CALL_MAX ? bytes : bytes.subarray(done, done + CALL_MAX);
      const size = c.pwrite(fd, rest as Uint8Array<ArrayBuffer>, rest.length, offset + done);
      if (interrupted(size)) continue;
      if (size < 0) throw failure(errno(), `Write ${bytes.length} bytes at ${offset} of ${this.path}`);
      // pwrite(2) promises a failure's number only if asked again; a disk that takes nothing and says nothing is full.
      if (size === 0) {
        throw new NineError("ENOSPC", `Write ${bytes.length} bytes at ${offset} of ${this.path}`);
      }
      done += size;
    }
  }

  map(offset: number, length: number): DiskMapping | undefined {
    const pointer = c.mmap(0, length, PROT_READ, MAP_SHARED, this.#open(), offset);
    const address = Number(Deno.UnsafePointer.value(pointer));
    // MAP_FAILED is -1.
    if (pointer === null || address > Number.MAX_SAFE_INTEGER) return undefined;
    return { address, unmap: () => void c.munmap(pointer, length) };
  }

  truncate(size: number): void {
    for (;;) {
      const result = c.ftruncate(this.#open(), size);
      if (interrupted(result)) continue;
      if (result < 0) throw failure(errno(), `Make ${this.path} ${size} bytes long`);
      return;
    }
  }

  async sync(): Promise<void> {
    const fd = this.#open();
    this.#syncing++;
    try {
      if (await c.fdatasyncApart(fd) < 0) {
        throw new NineError("EIO", `Make ${this.path} durable: fdatasync failed`);
      }
    } finally {
      this.#syncing--;
      if (this.#closing) this.#end();
    }
  }

  syncBlocking(): void {
    if (c.fdatasync(this.#open()) < 0) throw failure(errno(), `Make ${this.path} durable`);
  }

  close(): void {
    this.#closing = true;
    this.#end();
  }

  /** A descriptor that another thread works with stays, lest its number come to mean another file. */
  #end(): void {
    if (this.#fd < 0 || this.#syncing > 0) return;
    c.close(this.#fd);
    this.#fd = -1;
  }

  #open(): number {
    if (this.#closing) throw new NineError("EBADF", `${this.path} is closed`);
    return this.#fd;
  }
}

class ReadingFile extends RealFile {
  override pwrite(bytes: Uint8Array, offset: number): never {
    throw onlyRead(`Write ${bytes.length} bytes at ${offset} of ${this.path}`);
  }

  override truncate(size: number): never {
    throw onlyRead(`Make ${this.path} ${size} bytes long`);
  }
}

function onlyRead(tried: string): NineError {
  return new NineError("EROFS", `${tried}: it is open for reading only`);
}

function openAt(path: string, flags: number): number {
  const name = encoder.encode(path + "\0");
  for (;;) {
    const fd = c.open(name, flags, 0o600);
    if (interrupted(fd)) continue;
    if (fd < 0) throw failure(errno(), `Open ${path}`);
    return fd;
  }
}

function syncFolderAt(path: string): void {
  const fd = openAt(path, O.DIRECTORY | O.CLOEXEC);
  try {
    if (c.fsync(fd) < 0) throw failure(errno(), `Make the names in ${path} durable`);
  } finally {
    c.close(fd);
  }
}

function attempt<T>(call: () => T, tried: () => string): T {
  try {
    return call();
  } catch (thrown) {
    throw told(thrown, tried());
  }
}

function told(thrown: unknown, tried: string): NineError {
  return new NineError(errnoOf(thrown), `${tried}: ${reasonOf(thrown)}`);
}
