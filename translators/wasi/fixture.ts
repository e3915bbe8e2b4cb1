/** For tests: a guest without an engine (a piece of memory and calls by name), and modules run by V8's own WebAssembly. */
import { type Call, type FileServer, NineError, type User } from "../../9p/mod.ts";
import { Oflag } from "./abi.ts";
import { RunClock } from "./clock.ts";
import { Errno, type ErrnoName } from "./errno.ts";
import { WASI_FUNCTIONS, WASI_MODULE } from "./functions.ts";
import type { GuestMemory } from "./memory.ts";
import { type Preopen, type WasiOptions, WasiProcess } from "./process.ts";
import { ChaCha20, SEED_BYTES } from "./random.ts";
import { DIRECTORY_RIGHTS, FILE_RIGHTS, TREE_RIGHTS } from "./rights.ts";
import { WasiExit } from "./stop.ts";

const owner: User = { name: "me", groups: new Set(["us"]), standing: "owner" };
export const call: Call = { user: owner, signal: new AbortController().signal };

/** A server's root as a directory that a guest is given. */
export function preopen(server: FileServer, options: Partial<Preopen> = {}): Preopen {
  const root = server.attach("", call);
  if (root instanceof Promise) throw new NineError("EINVAL", "A server for guests answers at once");
  return { guestPath: "/", server, root, writable: true, call, ...options };
}

/** What a run wrote and slept. */
export class Console {
  readonly #chunks: Uint8Array[] = [];

  write(bytes: Uint8Array): number {
    this.#chunks.push(bytes.slice());
    return bytes.length;
  }

  get bytes(): Uint8Array {
    const all = new Uint8Array(this.#chunks.reduce((sum, { length }) => sum + length, 0));
    let at = 0;
    for (const chunk of this.#chunks) {
      all.set(chunk, at);
      at += chunk.length;
    }
    return all;
  }

  get text(): string {
    return new TextDecoder().decode(this.bytes);
  }
}

/** An input that holds these bytes. */
export function inputOf(bytes: Uint8Array): { read(into: Uint8Array): number } {
  let at = 0;
  return {
    read(into) {
      const part = bytes.subarray(at, at + into.length);
      into.set(part);
      at += part.length;
      return part.length;
    },
  };
}

export interface Surroundings {
  readonly options: WasiOptions;
  readonly stdout: Console;
  readonly stderr: Console;
  readonly slept: bigint[];
}

/** All that a process needs, with defaults for what is not given. */
export function surroundings(given: Partial<WasiOptions> = {}): Surroundings {
  const stdout = new Console();
  const stderr = new Console();
  const slept: bigint[] = [];
  const clock = new RunClock();
  const options: WasiOptions = {
    args: ["program"],
    env: [],
    stdin: inputOf(new Uint8Array()),
    stdout,
    stderr,
    preopens: [],
    clock,
    random: new ChaCha20(new Uint8Array(SEED_BYTES)),
    sleep(ns) {
      slept.push(ns);
      clock.advance(ns);
    },
    ...given,
  };
  return { options, stdout, stderr, slept };
}

export interface Filestat {
  readonly device: bigint;
  readonly inode: bigint;
  readonly filetype: number;
  readonly links: bigint;
  readonly size: bigint;
  readonly atim: bigint;
  readonly mtim: bigint;
  readonly ctim: bigint;
}

export interface OpenOptions {
  readonly fd?: number;
  /** Follow a symlink at the end. */
  readonly follow?: boolean;
  readonly oflags?: number;
  readonly rights?: number;
  readonly inheriting?: number;
  readonly fdflags?: number;
}

const NAMES = new Map(Object.entries(Errno).map(([name, number]) => [number as number, name as ErrnoName]));
const BY_NAME = new Map(WASI_FUNCTIONS.map((row) => [row.name, row]));

/** A guest that is nothing but memory: what it passes to calls is put there, and what comes back is looked up there. */
export class Guest implements Disposable {
  readonly memory: GuestMemory;
  readonly process: WasiProcess;
  readonly stdout: Console;
  readonly stderr: Console;
  readonly slept: bigint[];
  #free = 16;

  constructor(given: Partial<WasiOptions> = {}, readonly memoryBytes = 256 * 1024) {
    const bytes = new Uint8Array(memoryBytes);
    this.memory = { bytes, view: new DataView(bytes.buffer) };
    const { options, stdout, stderr, slept } = surroundings(given);
    this.process = new WasiProcess(options);
    this.stdout = stdout;
    this.stderr = stderr;
    this.slept = slept;
  }

  /** Calls a function, and names what it answers: `SUCCESS`, `NOENT`. */
  call(name: string, ...args: (number | bigint)[]): ErrnoName {
    return NAMES.get(BY_NAME.get(name)!.call(this.process, this.memory, ...args))!;
  }

  /** The same for a call that must succeed. */
  must(name: string, ...args: (number | bigint)[]): void {
    const errno = this.call(name, ...args);
    if (errno !== "SUCCESS") throw new NineError("EIO", `${name} answered ${errno}`);
  }

  /** path_open, with all rights of a file unless told otherwise: the descriptor, or the name of the errno. */
  open(path: string | Uint8Array, options: OpenOptions = {}): number | ErrnoName {
    const { fd = 3, follow = true, oflags = 0, rights = FILE_RIGHTS, inheriting = rights, fdflags = 0 } =
      options;
    const result = this.room(4);
    const wanted = [oflags, BigInt(rights), BigInt(inheriting), fdflags] as const;
    const errno = this.call("path_open", fd, follow ? 1 : 0, ...this.put(path), ...wanted, result);
    return errno === "SUCCESS" ? this.u32(result) : errno;
  }

  /** path_open that must succeed. */
  mustOpen(path: string, options?: OpenOptions): number {
    const fd = this.open(path, options);
    if (typeof fd === "string") throw new NineError("EIO", `path_open of ${path} answered ${fd}`);
    return fd;
  }

  /** A file with this content. */
  file(path: string, content = ""): void {
    const fd = this.mustOpen(path, { oflags: Oflag.CREAT | Oflag.TRUNC });
    this.must("fd_write", fd, ...this.iovecs(this.put(content)), this.room(4));
    this.must("fd_close", fd);
  }

  mkdir(path: string): void {
    this.must("path_create_directory", 3, ...this.put(path));
  }

  symlink(target: string, path: string): void {
    this.must("path_symlink", ...this.put(target), 3, ...this.put(path));
  }

  /** A directory as a descriptor with all rights. */
  directory(path: string): number {
    return this.mustOpen(path, {
      rights: DIRECTORY_RIGHTS,
      inheriting: TREE_RIGHTS,
      oflags: Oflag.DIRECTORY,
    });
  }

  /** What fd_read gives, or the name of the errno. */
  read(fd: number, length = 100): string {
    const [buffer, result] = [this.room(length), this.room(4)];
    const errno = this.call("fd_read", fd, ...this.iovecs([buffer, length]), result);
    return errno === "SUCCESS" ? this.text(buffer, this.u32(result)) : errno;
  }

  /** How much fd_write takes, or the name of the errno. */
  write(fd: number, content: string): number | ErrnoName {
    const result = this.room(4);
    const errno = this.call("fd_write", fd, ...this.iovecs(this.put(content)), result);
    return errno === "SUCCESS" ? this.u32(result) : errno;
  }

  /** A filestat at that address. */
  filestat(at: number): Filestat {
    return {
      device: this.u64(at),
      inode: this.u64(at + 8),
      filetype: this.u32(at + 16),
      links: this.u64(at + 24),
      size: this.u64(at + 32),
      atim: this.u64(at + 40),
      mtim: this.u64(at + 48),
      ctim: this.u64(at + 56),
    };
  }

  /** fd_filestat_get. */
  stat(fd: number): Filestat {
    const at = this.room(64);
    this.must("fd_filestat_get", fd, at);
    return this.filestat(at);
  }

  /** Room of that many bytes, which are 0, at an address that is a multiple of 8. */
  room(bytes: number): number {
    const at = this.#free;
    this.#free += (bytes + 7) & ~7;
    if (this.#free > this.memoryBytes) throw new NineError("ENOMEM", "The test's memory is used up");
    return at;
  }

  put(content: string | Uint8Array): [at: number, length: number] {
    const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
    const at = this.room(bytes.length);
    this.memory.bytes.set(bytes, at);
    return [at, bytes.length];
  }

  /** A list of buffers, as two arguments. */
  iovecs(...buffers: (readonly [at: number, length: number])[]): [at: number, count: number] {
    const at = this.room(buffers.length * 8);
    buffers.forEach(([buffer, length], i) => {
      this.memory.view.setUint32(at + 8 * i, buffer, true);
      this.memory.view.setUint32(at + 8 * i + 4, length, true);
    });
    return [at, buffers.length];
  }

  u32(at: number): number {
    return this.memory.view.getUint32(at, true);
  }

  u64(at: number): bigint {
    return this.memory.view.getBigUint64(at, true);
  }

  bytes(at: number, length: number): Uint8Array {
    return this.memory.bytes.slice(at, at + length);
  }

  text(at: number, length: number): string {
    return new TextDecoder().decode(this.bytes(at, length));
  }

  [Symbol.dispose](): void {
    this.process.close();
  }
}

export interface Run {
  readonly code: number;
  /** What the engine threw, where the program trapped. */
  readonly trap: WebAssembly.RuntimeError | undefined;
  readonly stdout: Console;
  readonly stderr: Console;
  readonly slept: readonly bigint[];
}

/** The imports of a module that runs in V8, whose i32 come signed. */
export function importsOf(process: WasiProcess, memory: () => WebAssembly.Memory): WebAssembly.Imports {
  let buffer: ArrayBufferLike | undefined;
  let current: GuestMemory | undefined;
  const taken = (): GuestMemory => {
    const now = memory().buffer;
    if (now !== buffer || !current) {
      buffer = now;
      current = { bytes: new Uint8Array(now), view: new DataView(now) };
    }
    return current;
  };
  const functions = WASI_FUNCTIONS.map(({ name, params, call }) => [
    name,
    (...args: (number | bigint)[]) =>
      call(process, taken(), ...args.map((arg, i) => params[i] === "i32" ? (arg as number) >>> 0 : arg)),
  ]);
  return { [WASI_MODULE]: Object.fromEntries(functions) };
}

/** Runs a command to its end. */
export function runModule(module: WebAssembly.Module, given: Partial<WasiOptions> = {}): Run {
  const { options, stdout, stderr, slept } = surroundings(given);
  using process = new WasiProcess(options);
  const memory = () => instance.exports.memory as WebAssembly.Memory;
  const instance: WebAssembly.Instance = new WebAssembly.Instance(module, importsOf(process, memory));
  const run = { code: 0, trap: undefined, stdout, stderr, slept };
  try {
    (instance.exports._start as () => void)();
    return run;
  } catch (thrown) {
    if (thrown instanceof WasiExit) return { ...run, code: thrown.code };
    if (thrown instanceof WebAssembly.RuntimeError) return { ...run, trap: thrown };
    throw thrown;
  }
}
