import { createHash } from "node:crypto";
import { setImmediate } from "node:timers";
import {
  type Attr,
  type Call,
  type FileServer,
  type Later,
  NineError,
  O,
  Qt,
  S,
  then,
} from "../../9p/mod.ts";
import { type Input, SHORT_BYTES } from "./input.ts";
import { orElse } from "./later.ts";

const PIECE_BYTES = 256 * 1024;
const HASHES_MAX = 20_000;
/** git's rule: a file that changed within the clock's grain of now may change again without a trace, ms. */
const GRAIN_MS = 20;

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

/** Whether a file with these times can still change without their showing it. */
function isRacy({ mtimeSec, mtimeNsec, ctimeSec, ctimeNsec }: Attr, nowMs: number): boolean {
  const changedMs = Math.max(mtimeSec * 1000 + mtimeNsec / 1e6, ctimeSec * 1000 + ctimeNsec / 1e6);
  return nowMs - changedMs < GRAIN_MS;
}

type Server = FileServer<object, unknown>;

export interface StoredOptions {
  readonly server: Server;
  readonly node: object;
  readonly path: string;
  readonly known: KnownHashes;
  /** Who reads; its signal ends slow reads. It must live as long as the input. */
  readonly call: Call;
}

/** Opens a stored file as the user who asks, and finds out what is in it. */
export function openStored(options: StoredOptions): Later<Input> {
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

  constructor(options: StoredOptions) {
    this.#options = options;
  }

  get path(): string {
    return this.#options.path;
  }

  open(): Later<this> {
    const { server, node, call } = this.#options;
    server.hold?.(node);
    return orElse(
      () =>
        then(server.open?.(node, O.RDONLY, call), (handle) => {
          this.#handle = handle;
          this.#isOpen = true;
          return then(this.#look(), (attr) => this.#examine(attr));
        }),
      () => this.#isOpen ? this.close() : server.drop?.(node),
    );
  }

  #examine(attr: Attr): Later<this> {
    const { server, path, known } = this.#options;
    checkRegular(attr, path);
    if (!server.read) throw new NineError("EOPNOTSUPP", `${path} cannot be read`);
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
    const nowMs = Date.now();
    if (attr.size > SHORT_BYTES) {
      return this.#hashOfAll().then((hash) => this.#learn(hash, attr, nowMs));
    }
    return then(this.#readWhole(), (bytes) => {
      this.#bytes = bytes;
      this.#isPinned = true;
      return this.#learn(createHash("sha256").update(bytes).digest("hex"), attr, nowMs);
    });
  }

  /** The hash counts the next time too, unless the file may have changed while it was read. */
  #learn(hash: string, attr: Attr, nowMs: number): Later<this> {
    this.hash = hash;
    if (isRacy(attr, nowMs)) return this;
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
    return this.#readAt(offset, into.subarray(0, Math.max(0, this.size - offset)));
  }

  verify(): Later<void> {
    if (this.#isPinned) return;
    if (this.#options.known.get(this.#identity) !== this.hash) return this.#compare();
    return then(
      this.#look(),
      (attr): Later<void> => identityOf(attr) === this.#identity ? undefined : this.#compare(),
    );
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

  async #compare(): Promise<void> {
    const hash = this.#bytes
      ? createHash("sha256").update(this.#bytes).digest("hex")
      : await this.#hashOfAll();
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

  async #hashOfAll(): Promise<string> {
    const hash = createHash("sha256");
    const piece = new Uint8Array(PIECE_BYTES);
    for (let at = 0; at < this.size;) {
      const count = await this.#readAt(at, piece.subarray(0, Math.min(piece.byteLength, this.size - at)));
      if (count === 0) throw this.#shorter(at);
      hash.update(piece.subarray(0, count));
      at += count;
      // Others have their turn: a piece takes 0.2 ms.
      await new Promise((next) => setImmediate(next));
    }
    return hash.digest("hex");
  }

  #shorter(at: number): NineError {
    return new NineError(
      "ESTALE",
      `${this.path} became shorter while it was read: ${at} bytes of ${this.size}. Read the result again`,
    );
  }
}
