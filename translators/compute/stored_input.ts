import { createHash, type Hash } from "node:crypto";
import {
  ageMs,
  type Attr,
  type Call,
  type FileServer,
  GRAIN_MS,
  isRacy,
  type Later,
  NineError,
  O,
  Qt,
  S,
  then,
  turns,
} from "../../9p/mod.ts";
import { type HashJobs, PIECE_BYTES } from "./hash_jobs.ts";
import { type Input, SHORT_BYTES } from "./input.ts";
import { orElse } from "./later.ts";

const HASHES_MAX = 20_000;

/** Hashes of files that have been read, by device, inode, size and times as the qid and the attributes tell them. */
export class KnownHashes {
  readonly #hashes = new Map<string, string>();

  get(identity: string): string | undefined {
    return this.#hashes.get(identity);
  }

  set(identity: string, hash: string): void {
    this.#hashes.set(identity, hash);
    if (this.#hashes.size > HASHES_MAX) this.#hashes.delete(this.#hashes.keys().next().value!);
  }
}

/** What can be said of a file without reading it. */
export function identityOf({ qid, size, mtimeSec, mtimeNsec, ctimeSec, ctimeNsec }: Attr): string {
  return `${qid.path}:${qid.version}:${size}:${mtimeSec}.${mtimeNsec}:${ctimeSec}.${ctimeNsec}`;
}

/** Only regular files are inputs: what waits, goes on for ever or commands is none. EINVAL, or EISDIR. */
export function checkRegular({ qid, mode, size }: Attr, path: string): void {
  if (qid.type & Qt.DIR) {
    throw new NineError("EISDIR", `${path} is a directory: name files, or a glob as ${path}/*`);
  }
  if ((mode & S.IFMT) !== S.IFREG || (qid.version === 0 && size === 0)) {
    throw new NineError(
      "EINVAL",
      `${path} is no regular file: only stored and computed files can be computed with`,
    );
  }
}

type Server = FileServer<object, unknown>;

/** How much may still be kept in memory of short inputs. */
export interface Pins {
  bytesLeft: number;
}

export interface StoredOptions {
  readonly server: Server;
  readonly node: object;
  readonly path: string;
  readonly known: KnownHashes;
  readonly jobs: HashJobs;
  /** Who reads; its signal ends slow reads. It must live as long as the input. */
  readonly call: Call;
  /** Whether a long file may be read for that. */
  readonly start: boolean;
  /** Of what is kept in memory, which several inputs may share. */
  readonly pins: Pins;
  /** EFBIG for more than that. */
  readonly bytesMax?: number;
}

/**
 * Opens a stored file as the user who asks, and finds out what is in it; with `start` false, undefined where that takes
 * reading a long one.
 */
export function openStored(options: StoredOptions): Later<Input | undefined> {
  return new StoredInput(options).open();
}

class StoredInput implements Input {
  hash = "";
  size = 0;
  version = 0;
  mtimeSec = 0;
  readonly #options: StoredOptions;
  #handle: unknown;
  #isOpen = false;
  #identity = "";
  #bytes: Uint8Array | undefined;
  /** The hash was made of the bytes that are kept. */
  #isPinned = false;
  /** Its times, when it was opened, might not have shown a change. */
  #isRacy = false;
  /** Of what was read so far, in order from the start; made when something is: most inputs are short, or known. */
  #hashRead: Hash | undefined;
  #readBytes = 0;
  #isInOrder = true;

  constructor(options: StoredOptions) {
    this.#options = options;
  }

  get path(): string {
    return this.#options.path;
  }

  open(): Later<this | undefined> {
    const { server, node, call } = this.#options;
    server.hold?.(node);
    return orElse(
      () =>
        then(server.open?.(node, O.RDONLY, call), (handle) => {
          this.#handle = handle;
          this.#isOpen = true;
          return then(this.#look(), (attr) => this.#settled(attr));
        }),
      () => this.#isOpen ? this.close() : server.drop?.(node),
    );
  }

  /** A long file that has just changed is looked at again when its times tell: its hash can be remembered then. */
  #settled(attr: Attr): Later<this | undefined> {
    const waitMs = GRAIN_MS - ageMs(attr);
    if (!this.#options.start || attr.size <= SHORT_BYTES || waitMs <= 0 || waitMs > 2 * GRAIN_MS) {
      return this.#examine(attr);
    }
    return new Promise((wake) => setTimeout(wake, Math.ceil(waitMs) + 1))
      .then(() => this.#look())
      .then((attr) => this.#examine(attr));
  }

  #examine(attr: Attr): Later<this | undefined> {
    const { server, path, known, start, bytesMax = Infinity } = this.#options;
    checkRegular(attr, path);
    if (!server.read) throw new NineError("EOPNOTSUPP", `${path} cannot be read`);
    if (attr.size > bytesMax) {
      throw new NineError("EFBIG", `${path} has ${attr.size} bytes, allowed are ${bytesMax}`);
    }
    this.size = attr.size;
    this.version = attr.qid.version;
    this.mtimeSec = attr.mtimeSec;
    this.#identity = identityOf(attr);
    const hash = known.get(this.#identity);
    if (hash !== undefined) {
      // Its result may be known as well: then nobody reads it.
      this.hash = hash;
      return this;
    }
    this.#isRacy = isRacy(ageMs(attr));
    if (attr.size > SHORT_BYTES) {
      if (start) return this.#hashOfAll().then((hash) => this.#learn(hash));
      this.close();
      return undefined;
    }
    return then(this.#readWhole(), (bytes) => {
      const { pins } = this.#options;
      const hash = createHash("sha256").update(bytes).digest("hex");
      // What does not fit is read again by the run.
      if (bytes.byteLength > pins.bytesLeft) return this.#learn(hash);
      pins.bytesLeft -= bytes.byteLength;
      this.#bytes = bytes;
      this.#isPinned = true;
      this.hash = hash;
      // The run is handed over first.
      queueMicrotask(() => this.#leave());
      return this;
    });
  }

  /** Nothing more is read of it, and a run may have thousands of inputs. */
  async #leave(): Promise<void> {
    if (!this.#isOpen) return;
    try {
      const learnt = this.#learn(this.hash);
      if (learnt instanceof Promise) await learnt;
    } catch {
      // It is read again the next time.
    } finally {
      this.close();
    }
  }

  /** The hash counts the next time too, unless the file may have changed while it was read. */
  #learn(hash: string): Later<this> {
    this.hash = hash;
    if (this.#isRacy) return this;
    return then(this.#look(), (after) => {
      if (identityOf(after) === this.#identity) this.#options.known.set(this.#identity, hash);
      return this;
    });
  }

  whole(): Later<Uint8Array | undefined> {
    if (this.#bytes || this.size > SHORT_BYTES) return this.#bytes;
    return then(this.#readWhole(), (bytes) => this.#bytes = bytes);
  }

  read(offset: number, into: Uint8Array): Later<number> {
    const wanted = into.subarray(0, Math.max(0, this.size - offset));
    if (this.#bytes) {
      const part = this.#bytes.subarray(offset, offset + wanted.byteLength);
      wanted.set(part);
      return part.byteLength;
    }
    return then(this.#readAt(offset, wanted), (count) => {
      this.#seen(offset, wanted.subarray(0, count));
      return count;
    });
  }

  /** What a run has read is what counts, and not what a second reading would find. */
  #seen(offset: number, bytes: Uint8Array): void {
    if (bytes.byteLength === 0) return;
    // A run that is begun once more, as its Worker was lost, has nothing of the first time.
    if (offset === 0) {
      this.#hashRead = undefined;
      this.#readBytes = 0;
      this.#isInOrder = true;
    }
    if (offset !== this.#readBytes) this.#isInOrder = false;
    this.#hashRead ??= createHash("sha256");
    this.#hashRead.update(bytes);
    this.#readBytes += bytes.byteLength;
  }

  verify(): Later<void> {
    if (this.#isPinned) return;
    if (this.#bytes) return this.#compare(createHash("sha256").update(this.#bytes).digest("hex"));
    if (this.#isInOrder && this.#readBytes === this.size) return this.#compare(this.#digestRead());
    return then(this.#look(), (attr): Later<void> => {
      if (identityOf(attr) === this.#identity && !this.#isRacy) return;
      // The start of what has that hash, if the rest is its rest.
      return this.#isInOrder ? this.#hashOfRest().then((hash) => this.#compare(hash)) : this.#compare("");
    });
  }

  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    const { server, node, call } = this.#options;
    const closed = server.close?.(node, this.#handle, call);
    // Nothing was written, so nothing that could be lost is lost.
    if (closed instanceof Promise) closed.catch(() => {});
    server.drop?.(node);
  }

  #compare(hash: string): void {
    if (hash === this.hash) return;
    throw new NineError("ESTALE", `${this.path} changed while it was read: read the result again`);
  }

  #look(): Later<Attr> {
    const { server, node, call } = this.#options;
    return server.getattr(node, this.#handle, call);
  }

  #readAt(offset: number, into: Uint8Array): Later<number> {
    const { server, node, call } = this.#options;
    const count = server.read!(node, this.#handle, offset, into, call);
    if (typeof count === "number") return count;
    return count.then((bytes) => {
      into.set(bytes);
      return bytes.byteLength;
    });
  }

  #readWhole(): Later<Uint8Array> {
    const bytes = new Uint8Array(this.size);
    // Mostly all of it comes at once.
    const first = this.size > 0 ? this.#readAt(0, bytes) : 0;
    return first === this.size ? bytes : this.#readRest(bytes, first);
  }

  async #readRest(bytes: Uint8Array, first: Later<number>): Promise<Uint8Array> {
    let coming = first;
    for (let at = 0;;) {
      const count = await coming;
      if (count === 0) throw this.#shorter(at);
      at += count;
      if (at >= bytes.byteLength) return bytes;
      coming = this.#readAt(at, bytes.subarray(at));
    }
  }

  #hashOfAll(): Promise<string> {
    const { jobs, call } = this.#options;
    const file = {
      size: this.size,
      read: this.#readAt.bind(this),
      shorter: this.#shorter.bind(this),
    };
    return jobs.hash(this.#identity, this.#isRacy, file, call.signal);
  }

  #digestRead(): string {
    return (this.#hashRead ?? createHash("sha256")).digest("hex");
  }

  /** Of what was read, and what comes behind it now. */
  async #hashOfRest(): Promise<string> {
    const { call } = this.#options;
    const piece = new Uint8Array(Math.min(PIECE_BYTES, this.size));
    for (;;) {
      await turns.next();
      call.signal.throwIfAborted();
      const count = await this.read(this.#readBytes, piece);
      if (this.#readBytes === this.size) return this.#digestRead();
      if (count === 0) throw this.#shorter(this.#readBytes);
    }
  }

  #shorter(at: number): NineError {
    return new NineError(
      "ESTALE",
      `${this.path} became shorter while it was read: ${at} bytes of ${this.size}. Read the result again`,
    );
  }
}
