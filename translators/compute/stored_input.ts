import { createHash } from "node:crypto";
import { setImmediate } from "node:timers";
import { type Attr, type Call, type FileServer, type Later, NineError, O, Qt, S } from "../../9p/mod.ts";
import { type Input, SHORT_BYTES } from "./input.ts";

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
export async function openStored({ server, node, path, known, call }: StoredOptions): Promise<Input> {
  server.hold?.(node);
  let handle: unknown;
  let isOpen = false;
  const close = () => {
    if (!isOpen) return;
    isOpen = false;
    const closed = server.close?.(node, handle, call);
    // Nothing was written, so nothing that could be lost is lost.
    if (closed instanceof Promise) closed.catch(() => {});
    server.drop?.(node);
  };
  const look = async () => await server.getattr(node, handle, call);
  const readAt = (offset: number, into: Uint8Array): Later<number> => {
    const count = server.read!(node, handle, offset, into, call);
    if (typeof count === "number") return count;
    return count.then((bytes) => {
      into.set(bytes);
      return bytes.byteLength;
    });
  };
  try {
    handle = await server.open?.(node, O.RDONLY, call);
    isOpen = true;
    const attr = await look();
    checkRegular(attr, path);
    if (!server.read) throw new NineError("EOPNOTSUPP", `${path} cannot be read`);
    const { size } = attr;
    const identity = identityOf(attr);
    const nowMs = Date.now();
    let bytes: Uint8Array | undefined;
    let hash = known.get(identity);
    if (size <= SHORT_BYTES) {
      bytes = await readWhole(readAt, size, path);
      hash ??= createHash("sha256").update(bytes).digest("hex");
    } else hash ??= await hashOf(readAt, size, path);
    if (!isRacy(attr, nowMs) && identityOf(await look()) === identity) known.set(identity, hash);
    return {
      path,
      hash,
      size,
      version: attr.qid.version,
      mtimeSec: attr.mtimeSec,
      bytes,
      read: (offset, into) => readAt(offset, into.subarray(0, Math.max(0, size - offset))),
      async verify() {
        if (bytes || (known.get(identity) === hash && identityOf(await look()) === identity)) return;
        if (await hashOf(readAt, size, path) === hash) return;
        throw new NineError("ESTALE", `${path} changed while it was read: read the result again`);
      },
      close,
    };
  } catch (thrown) {
    if (isOpen) close();
    else server.drop?.(node);
    throw thrown;
  }
}

type ReadAt = (offset: number, into: Uint8Array) => Later<number>;

async function readWhole(readAt: ReadAt, size: number, path: string): Promise<Uint8Array> {
  const bytes = new Uint8Array(size);
  for (let at = 0; at < size;) {
    const now = readAt(at, bytes.subarray(at));
    const count = typeof now === "number" ? now : await now;
    if (count === 0) throw shorter(path, at, size);
    at += count;
  }
  return bytes;
}

async function hashOf(readAt: ReadAt, size: number, path: string): Promise<string> {
  const hash = createHash("sha256");
  const piece = new Uint8Array(PIECE_BYTES);
  for (let at = 0; at < size;) {
    const count = await readAt(at, piece.subarray(0, Math.min(piece.byteLength, size - at)));
    if (count === 0) throw shorter(path, at, size);
    hash.update(piece.subarray(0, count));
    at += count;
    // Others have their turn: a piece takes 0.2 ms.
    await new Promise((next) => setImmediate(next));
  }
  return hash.digest("hex");
}

function shorter(path: string, at: number, size: number): NineError {
  return new NineError(
    "ESTALE",
    `${path} became shorter while it was read: ${at} bytes of ${size}. Read the result again`,
  );
}
