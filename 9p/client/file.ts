import { NineError } from "../error.ts";
import { O, type Qid, Qt } from "../qid.ts";
import type { Change, StatFs } from "../server/file_server.ts";
import type { RemoteAttr } from "./attr.ts";
import type { Client } from "./client.ts";
import { isLost } from "./lost.ts";
import type { LockRequest, NewFile, Opened, RemoteEntry } from "./dialects/verbs.ts";
import { verbsOf } from "./dialects/verbs_of.ts";
import { list } from "./listing.ts";
import { walk } from "./walk.ts";
import { getxattr, listxattr, setxattr } from "./xattr.ts";

/**
 * A fid: our name for a remote file, which follows it through renames. Close it, or let `await using` do so. Errors are
 * NineErrors with the server's errno; EOPNOTSUPP where the dialect has no way to say it.
 */
export class RemoteFile implements AsyncDisposable {
  #opened: { readonly flags: number; readonly iounit: number } | undefined;
  #closed = false;

  /** For the client's own use: a fid that is bound already. */
  constructor(readonly client: Client, readonly fid: number, public qid: Qid) {}

  get isOpen(): boolean {
    return this.#opened !== undefined;
  }
  get isDirectory(): boolean {
    return (this.qid.type & Qt.DIR) !== 0;
  }
  /** The flags that it was opened with. */
  get flags(): number {
    return this.#opened?.flags ?? 0;
  }
  /** The most that one read or write may carry, bytes. */
  get iounit(): number {
    return this.#opened?.iounit ?? this.client.iounit;
  }

  /** The file at these names below this one, none of which may be `.`. However many they are. */
  walk(names: readonly string[], signal?: AbortSignal): Promise<RemoteFile> {
    return walk(this, names, signal);
  }
  /** Another fid of the same file. */
  clone(signal?: AbortSignal): Promise<RemoteFile> {
    return walk(this, [], signal);
  }

  getattr(signal?: AbortSignal): Promise<RemoteAttr> {
    return verbsOf(this.client).getattr(this.fid, signal);
  }
  setattr(change: Change, signal?: AbortSignal): Promise<void> {
    return verbsOf(this.client).setattr(this.fid, this.qid.type, change, signal);
  }

  /** Opens this fid. `flags` are `O` flags. */
  async open(flags: number, signal?: AbortSignal): Promise<this> {
    return this.#became(flags, await verbsOf(this.client).open(this.fid, flags, signal));
  }
  /** Makes a regular file in this directory; this fid becomes the open file. */
  async create(name: string, what: NewFile, flags: number, signal?: AbortSignal): Promise<this> {
    return this.#became(flags, await verbsOf(this.client).create(this.fid, name, what, flags, signal));
  }
  #became(flags: number, { qid, iounit }: Opened): this {
    const most = this.client.iounit;
    this.qid = qid;
    this.#opened = { flags, iounit: iounit === 0 ? most : Math.min(iounit, most) };
    return this;
  }

  /** Makes a directory, symbolic link, device, fifo or socket in this directory. */
  async make(name: string, what: NewFile, signal?: AbortSignal): Promise<void> {
    using spare = await this.#spare(signal);
    await verbsOf(this.client).make(spare.fid, name, what, signal);
  }
  /** Gives `file` another name, in this directory. */
  async link(file: RemoteFile, name: string, signal?: AbortSignal): Promise<void> {
    using spare = await this.#spare(signal);
    await verbsOf(this.client).link(file.fid, spare.fid, name, signal);
  }
  /** What may be spent on making something: .L needs none. */
  async #spare(signal?: AbortSignal): Promise<Disposable & { readonly fid: number }> {
    if (this.client.dialect === "9P2000.L") return { fid: this.fid, [Symbol.dispose]: () => {} };
    const file = await this.clone(signal);
    return { fid: file.fid, [Symbol.dispose]: () => file.letGo() };
  }

  /** Removes the file; the fid is closed in any case. */
  async remove(signal?: AbortSignal): Promise<void> {
    this.#closed = true;
    let isGone = true;
    try {
      await this.client.rpc("Tremove", { fid: this.fid }, signal);
    } catch (thrown) {
      // After a cancelled removal the fid may still be there.
      isGone = !signal?.aborted;
      throw thrown;
    } finally {
      if (isGone) this.client.fids.give(this.fid);
      else this.client.clunk(this.fid).catch(() => {});
    }
  }

  readlink(signal?: AbortSignal): Promise<string> {
    return verbsOf(this.client).readlink(this.fid, signal);
  }
  statfs(signal?: AbortSignal): Promise<StatFs> {
    return verbsOf(this.client).statfs(this.fid, signal);
  }
  /** Resolves when what was written is durable. */
  fsync(dataOnly?: boolean, signal?: AbortSignal): Promise<void> {
    return verbsOf(this.client).fsync(this.fid, dataOnly ?? false, signal);
  }
  /** Takes or gives back a lock; false while another owner's is in the way. */
  lock(lock: LockRequest, signal?: AbortSignal): Promise<boolean> {
    return verbsOf(this.client).lock(this.fid, lock, signal);
  }
  /** The lock that is in the way of this one, if there is one. */
  getlock(lock: LockRequest, signal?: AbortSignal): Promise<LockRequest | undefined> {
    return verbsOf(this.client).getlock(this.fid, lock, signal);
  }

  getxattr(name: string, signal?: AbortSignal): Promise<Uint8Array> {
    return getxattr(this, name, signal);
  }
  listxattr(signal?: AbortSignal): Promise<string[]> {
    return listxattr(this, signal);
  }
  /** `value` is null to remove. `flags`: 1 XATTR_CREATE (EEXIST), 2 XATTR_REPLACE (ENODATA). */
  setxattr(name: string, value: Uint8Array | null, flags?: number, signal?: AbortSignal): Promise<void> {
    return setxattr(this, name, value, flags ?? 0, signal);
  }

  /** The entries of this open directory from the start. One listing at a time. */
  list(signal?: AbortSignal): AsyncGenerator<RemoteEntry> {
    return list(this, signal);
  }

  /** One request: up to `into.length` and `iounit` bytes at `offset`. The number read; 0 at the end. */
  read(offset: number, into: Uint8Array, signal?: AbortSignal): Promise<number> {
    const count = Math.min(into.byteLength, this.iounit);
    return this.client.call("Tread", { fid: this.fid, offset, count }, ({ data }) => {
      if (data.byteLength > count) throw tooMuch("read", data.byteLength, count);
      into.set(data);
      return data.byteLength;
    }, signal);
  }
  /** The same into a new array of just the bytes that there were. */
  readBytes(offset: number, most: number, signal?: AbortSignal): Promise<Uint8Array> {
    const count = Math.min(most, this.iounit);
    return this.client.call("Tread", { fid: this.fid, offset, count }, ({ data }) => {
      if (data.byteLength > count) throw tooMuch("read", data.byteLength, count);
      return data.slice();
    }, signal);
  }
  /**
   * One request: up to `iounit` bytes of `data`. The number written, at least one. `data` is copied before this returns
   * its promise where `client.isReady`; else it must stay as it is until the promise settles.
   */
  async write(offset: number, data: Uint8Array, signal?: AbortSignal): Promise<number> {
    const part = data.byteLength > this.iounit ? data.subarray(0, this.iounit) : data;
    const { count } = await this.client.rpc("Twrite", { fid: this.fid, offset, data: part }, signal);
    if (count > part.byteLength) throw tooMuch("write", count, part.byteLength);
    if (count === 0 && part.byteLength > 0) {
      throw new NineError("EIO", `The server wrote nothing of ${part.byteLength} bytes and gave no reason`);
    }
    return count;
  }
  /** Whether writes go to the end whatever their offset is. */
  get appends(): boolean {
    return (this.qid.type & Qt.APPEND) !== 0 || (this.flags & O.APPEND) !== 0;
  }

  /**
   * Clunks the fid. Throws what the server says to that; twice is harmless, and so is a connection that has gone. The
   * signal ends the waiting only, as in `Client.clunk`.
   */
  async close(signal?: AbortSignal): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    try {
      await this.client.clunk(this.fid, signal);
    } catch (thrown) {
      if (!isLost(this.client, thrown)) throw thrown;
    }
  }

  /** Clunks without waiting, where nobody has an interest in how it ends. */
  letGo(): void {
    this.close().catch(() => {});
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

function tooMuch(what: string, count: number, asked: number): NineError {
  return new NineError("EPROTO", `The server answered ${count} bytes to a ${what} of ${asked}`);
}
