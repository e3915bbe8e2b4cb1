import { type Address, parseAddress } from "../address.ts";
import { concatenate } from "../concatenate.ts";
import { errnoOf, NineError } from "../error.ts";
import { Errno } from "../errno.ts";
import { dial } from "../net.ts";
import { NONUNAME } from "../principal.ts";
import { O, S } from "../qid.ts";
import type { Change, StatFs } from "../server/file_server.ts";
import { NOFID } from "../wire/codec.ts";
import type { RemoteAttr } from "./attr.ts";
import { Client, type ClientOptions } from "./client.ts";
import type { NewFile, RemoteEntry } from "./dialects/verbs.ts";
import { RemoteFile } from "./file.ts";
import { namesOf, splitPath } from "./path.ts";
import { pieces } from "./reading.ts";
import { rename } from "./rename.ts";
import { resolve } from "./resolve.ts";
import { abandon } from "./walk.ts";
import { type Source, writeAll, writeFrom } from "./writing.ts";

export interface AttachOptions {
  /** Who asks; a claim, of which the server makes what it wants. Default: `none`. */
  readonly uname?: string;
  /** Which of the server's trees. Default: "", the only or first one. */
  readonly aname?: string;
  /** The user's number, which wins over the name in .u and .L; ~0 (default) for none. */
  readonly nUname?: number;
  readonly signal?: AbortSignal;
}

/** What `readFile` takes at most where nothing else is said, bytes. */
const WHOLE_BYTES_MAX = 64 * 1024 * 1024;

/**
 * A server's tree by paths. Symbolic links on the way are followed; the last name is followed by what reads and writes
 * contents, not by what is about the name itself. Every function takes an AbortSignal, which cancels by Tflush, and
 * throws NineErrors.
 */
export class Tree implements AsyncDisposable {
  #owned: Client | undefined;

  private constructor(readonly client: Client, readonly root: RemoteFile) {}

  /** Connects and attaches; closing the tree closes the connection. `address` is one, or a dial string. */
  static async dial(address: Address | string, options: ClientOptions & AttachOptions = {}): Promise<Tree> {
    const where = typeof address === "string" ? parseAddress(address) : address;
    const client = await Client.start(await dial(where, options.signal), options);
    try {
      const tree = await Tree.attach(client, options);
      tree.#owned = client;
      return tree;
    } catch (thrown) {
      await client[Symbol.asyncDispose]();
      throw thrown;
    }
  }

  /** Attaches on a client, which may have other trees too and outlives this one. */
  static async attach(client: Client, options: AttachOptions = {}): Promise<Tree> {
    const { uname = "none", aname = "", nUname = NONUNAME, signal } = options;
    const fid = client.fids.take();
    try {
      const { qid } = await client.rpc("Tattach", { fid, afid: NOFID, uname, aname, nUname }, signal);
      return new Tree(client, new RemoteFile(client, fid, qid));
    } catch (thrown) {
      abandon(client, fid, signal?.aborted === true);
      throw thrown;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.root.close();
    await this.#owned?.[Symbol.asyncDispose]();
  }

  /** A fid of the file at `path`. */
  walk(
    path: string,
    options?: { follow?: boolean },
    signal?: AbortSignal,
  ): Promise<RemoteFile> {
    return resolve(this.root, path, options?.follow ?? false, signal);
  }

  /** Opens what is there. `flags` are `O` flags. */
  async open(path: string, flags?: number, signal?: AbortSignal): Promise<RemoteFile> {
    return await orClose(
      await resolve(this.root, path, true, signal),
      (file) => file.open(flags ?? O.RDONLY, signal),
    );
  }

  /** Makes a regular file and opens it; EEXIST where the name is taken. */
  async create(path: string, mode: number, flags: number, signal?: AbortSignal): Promise<RemoteFile> {
    const { dir, name } = splitPath(path);
    return await orClose(
      await resolve(this.root, dir, true, signal),
      (file) => file.create(name, { mode: S.IFREG | mode }, flags | O.EXCL, signal),
    );
  }

  /** Opens a file to write it anew: empties the one that is there, else makes one. */
  async openOrCreate(path: string, mode?: number, signal?: AbortSignal): Promise<RemoteFile> {
    // Who makes and who removes the name meanwhile may each be first: two rounds tell.
    for (let round = 0;; round++) {
      try {
        return await this.open(path, O.WRONLY | O.TRUNC, signal);
      } catch (thrown) {
        if (errnoOf(thrown) !== Errno.ENOENT) throw thrown;
      }
      try {
        return await this.create(path, mode ?? 0o666, O.WRONLY, signal);
      } catch (thrown) {
        if (errnoOf(thrown) !== Errno.EEXIST || round > 0) throw thrown;
      }
    }
  }

  async stat(path: string, options?: { follow?: boolean }, signal?: AbortSignal): Promise<RemoteAttr> {
    await using file = await this.walk(path, options, signal);
    return await file.getattr(signal);
  }
  async setattr(path: string, change: Change, signal?: AbortSignal): Promise<void> {
    await using file = await this.walk(path, {}, signal);
    await file.setattr(change, signal);
  }

  /** The whole contents. EFBIG beyond `bytesMax`. */
  async readFile(path: string, bytesMax?: number, signal?: AbortSignal): Promise<Uint8Array> {
    const most = bytesMax ?? WHOLE_BYTES_MAX;
    await using file = await this.open(path, O.RDONLY, signal);
    const { size } = await file.getattr(signal);
    const parts: Uint8Array[] = [];
    let total = 0;
    for await (const piece of pieces(file, { size, signal })) {
      total += piece.byteLength;
      if (total > most) {
        throw new NineError(
          "EFBIG",
          `${JSON.stringify(path)} has more than the ${most} bytes that are allowed here`,
        );
      }
      parts.push(piece.slice());
    }
    return concatenate(parts);
  }

  /** Replaces the contents, or makes the file. */
  async writeFile(
    path: string,
    data: Uint8Array | string | Source,
    mode?: number,
    signal?: AbortSignal,
  ): Promise<void> {
    await using file = await this.openOrCreate(path, mode, signal);
    if (typeof data === "string") await writeAll(file, 0, new TextEncoder().encode(data), signal);
    else if (data instanceof Uint8Array) await writeAll(file, 0, data, signal);
    else await writeFrom(file, 0, data, signal);
  }

  /** The entries of a directory, in the server's order. */
  async *list(path: string, signal?: AbortSignal): AsyncGenerator<RemoteEntry> {
    await using dir = await this.open(path, O.RDONLY, signal);
    if (!dir.isDirectory) throw new NineError("ENOTDIR", `${JSON.stringify(path)} is no directory`);
    yield* dir.list(signal);
  }

  async mkdir(path: string, mode?: number, signal?: AbortSignal): Promise<void> {
    await this.make(path, { mode: S.IFDIR | (mode ?? 0o777) }, signal);
  }
  async symlink(target: string, path: string, signal?: AbortSignal): Promise<void> {
    await this.make(path, { mode: S.IFLNK | 0o777, target }, signal);
  }
  /** Makes what is no regular file: a directory, symbolic link, device, fifo or socket. */
  async make(path: string, what: NewFile, signal?: AbortSignal): Promise<void> {
    const { dir, name } = splitPath(path);
    await using parent = await resolve(this.root, dir, true, signal);
    await parent.make(name, what, signal);
  }
  async link(path: string, newPath: string, signal?: AbortSignal): Promise<void> {
    const { dir, name } = splitPath(newPath);
    await using file = await this.walk(path, {}, signal);
    await using parent = await resolve(this.root, dir, true, signal);
    await parent.link(file, name, signal);
  }
  async readlink(path: string, signal?: AbortSignal): Promise<string> {
    await using file = await this.walk(path, {}, signal);
    return await file.readlink(signal);
  }

  /** EXDEV where the dialect renames within a directory only, or the server keeps the two apart. */
  async rename(path: string, newPath: string, signal?: AbortSignal): Promise<void> {
    const source = splitPath(path);
    const target = splitPath(newPath);
    await using from = await resolve(this.root, source.dir, true, signal);
    await using to = await resolve(this.root, target.dir, true, signal);
    await rename(from, source.name, to, target.name, signal);
  }

  /** Removes a file or an empty directory. */
  async remove(path: string, signal?: AbortSignal): Promise<void> {
    if (namesOf(path).length === 0) throw new NineError("EBUSY", "The root of the tree cannot be removed");
    const file = await this.walk(path, {}, signal);
    await file.remove(signal);
  }

  async statfs(path?: string, signal?: AbortSignal): Promise<StatFs> {
    await using file = await this.walk(path ?? "/", { follow: true }, signal);
    return await file.statfs(signal);
  }
}

/** A fid that did not become what it was made for is closed. */
async function orClose(
  file: RemoteFile,
  become: (file: RemoteFile) => Promise<RemoteFile>,
): Promise<RemoteFile> {
  try {
    return await become(file);
  } catch (thrown) {
    await file.close().catch(() => {});
    throw thrown;
  }
}
