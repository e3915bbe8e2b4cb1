import { Errno } from "../../errno.ts";
import { errnoOf, NineError } from "../../error.ts";
import { O, S } from "../../qid.ts";
import type { Change } from "../../server/file_server.ts";
import type { RemoteFile } from "../file.ts";
import { pieces } from "../reading.ts";
import type { Tree } from "../tree.ts";
import { type Source, writeFrom } from "../writing.ts";
import { type CopySide, FILE_MODE, type Wanted } from "./side.ts";

/** A 9P tree as one end of a copy. */
export function remoteSide(tree: Tree): CopySide {
  return {
    async lstat(path, signal) {
      try {
        const attr = await tree.stat(path, {}, signal);
        return {
          mode: attr.mode,
          size: attr.size,
          rdev: attr.rdev,
          atime: { sec: attr.atimeSec, nsec: attr.atimeNsec },
          mtime: { sec: attr.mtimeSec, nsec: attr.mtimeNsec },
        };
      } catch (thrown) {
        if (errnoOf(thrown) === Errno.ENOENT) return undefined;
        throw thrown;
      }
    },
    async *names(path, signal) {
      for await (const { name } of tree.list(path, signal)) yield name;
    },
    async source(path, size, signal) {
      const file = await tree.open(path, O.RDONLY, signal);
      return new PieceSource(file, pieces(file, { size, signal }));
    },
    readlink: (path, signal) => tree.readlink(path, signal),

    async write(path, source, what, onWritten, signal) {
      await using file = await fresh(tree, path, what.mode ?? FILE_MODE, signal);
      await writeFrom(file, 0, source, signal, onWritten);
      const change = changeOf(what);
      if (Object.keys(change).length > 0) await file.setattr(change, signal);
    },
    async mkdir(path, mode, signal) {
      try {
        await tree.mkdir(path, mode | 0o700, signal);
      } catch (thrown) {
        if (errnoOf(thrown) !== Errno.EEXIST) throw thrown;
        const { mode } = await tree.stat(path, {}, signal);
        if ((mode & S.IFMT) !== S.IFDIR) throw thrown;
      }
    },
    async symlink(path, target, signal) {
      try {
        await tree.symlink(target, path, signal);
      } catch (thrown) {
        if (errnoOf(thrown) !== Errno.EEXIST) throw thrown;
        const { mode } = await tree.stat(path, {}, signal);
        if ((mode & S.IFMT) !== S.IFLNK) throw thrown;
        await tree.remove(path, signal);
        await tree.symlink(target, path, signal);
      }
    },
    special: (path, { mode, rdev }, signal) => tree.make(path, { mode, rdev }, signal),
    finish: (path, what, signal) => tree.setattr(path, changeOf(what), signal),
  };
}

/** Making is tried first: a copy mostly goes to where nothing is. */
async function fresh(tree: Tree, path: string, mode: number, signal?: AbortSignal): Promise<RemoteFile> {
  try {
    // We must be able to write it, whatever its permissions will be.
    return await tree.create(path, (mode & 0o777) | 0o200, O.WRONLY, signal);
  } catch (thrown) {
    if (errnoOf(thrown) !== Errno.EEXIST) throw thrown;
    const attr = await tree.stat(path, {}, signal);
    if ((attr.mode & S.IFMT) !== S.IFREG) {
      throw new NineError(
        "EEXIST",
        `${JSON.stringify(path)} is there and is no regular file: remove it first`,
      );
    }
    return await tree.open(path, O.WRONLY | O.TRUNC, signal);
  }
}

function changeOf({ mode, atime, mtime }: Wanted): Change {
  return {
    ...(mode === undefined ? {} : { mode: mode & 0o7777 }),
    ...(atime === undefined ? {} : { atime }),
    ...(mtime === undefined ? {} : { mtime }),
  };
}

/** Pieces that arrive, given out in whatever amounts are asked for. */
class PieceSource implements Source, AsyncDisposable {
  readonly #file: RemoteFile;
  readonly #pieces: AsyncGenerator<Uint8Array>;
  #piece: Uint8Array = new Uint8Array();

  constructor(file: RemoteFile, pieces: AsyncGenerator<Uint8Array>) {
    this.#file = file;
    this.#pieces = pieces;
  }

  async read(into: Uint8Array): Promise<number | null> {
    if (this.#piece.byteLength === 0) {
      const { value, done } = await this.#pieces.next();
      if (done) return null;
      this.#piece = value;
    }
    const part = this.#piece.subarray(0, into.byteLength);
    into.set(part);
    this.#piece = this.#piece.subarray(part.byteLength);
    return part.byteLength;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#pieces.return(undefined);
    await this.#file.close();
  }
}
