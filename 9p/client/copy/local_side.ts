import { lstat } from "node:fs/promises";
import { Errno } from "../../errno.ts";
import { errnoOf, NineError } from "../../error.ts";
import type { Timestamp } from "../../server/file_server.ts";
import type { Source } from "../writing.ts";
import { type CopySide, FILE_MODE } from "./side.ts";

const NS_PER_SEC = 1_000_000_000n;

/** The file system of this machine as one end of a copy. */
export function localSide(): CopySide {
  return {
    async lstat(path) {
      try {
        const stat = await lstat(path, { bigint: true });
        return {
          mode: Number(stat.mode),
          size: Number(stat.size),
          rdev: Number(stat.rdev),
          atime: timestamp(stat.atimeNs),
          mtime: timestamp(stat.mtimeNs),
        };
      } catch (thrown) {
        if (errnoOf(thrown) === Errno.ENOENT) return undefined;
        throw thrown;
      }
    },
    async *names(path) {
      for await (const { name } of Deno.readDir(path)) yield name;
    },
    async source(path) {
      const file = await Deno.open(path, { read: true });
      return {
        read: (into) => file.read(into),
        [Symbol.asyncDispose]: () => Promise.resolve(file.close()),
      };
    },
    readlink: (path) => Deno.readLink(path),

    async write(path, source, what, onWritten, signal) {
      using file = await fresh(path, what.mode ?? FILE_MODE);
      await drain(source, file, onWritten, signal);
      if (what.mtime && what.atime) await file.utime(seconds(what.atime), seconds(what.mtime));
      if (what.mode !== undefined) await Deno.chmod(path, what.mode & 0o7777);
    },
    async mkdir(path, mode) {
      try {
        await Deno.mkdir(path, { mode: (mode & 0o777) | 0o700 });
      } catch (thrown) {
        // A link is not followed: what is copied stays below the place that was named.
        if (!(thrown instanceof Deno.errors.AlreadyExists) || !(await Deno.lstat(path)).isDirectory) {
          throw thrown;
        }
      }
    },
    async symlink(path, target) {
      try {
        await Deno.symlink(target, path);
      } catch (thrown) {
        if (!(thrown instanceof Deno.errors.AlreadyExists) || !(await Deno.lstat(path)).isSymlink) {
          throw thrown;
        }
        await Deno.remove(path);
        await Deno.symlink(target, path);
      }
    },
    special(path) {
      throw new NineError(
        "EOPNOTSUPP",
        `${
          JSON.stringify(path)
        } would be a device, fifo or socket: on this side only files, directories and links are made`,
      );
    },
    async finish(path, { mode, atime, mtime }) {
      if (mode !== undefined) await Deno.chmod(path, mode & 0o7777);
      if (atime && mtime) await Deno.utime(path, seconds(atime), seconds(mtime));
    },
  };
}

/** A new file, or a regular one emptied. Never through a link, which may lead out of the place that was named. */
async function fresh(path: string, mode: number): Promise<Deno.FsFile> {
  const options = { write: true, mode: (mode & 0o777) | 0o200 };
  try {
    return await Deno.open(path, { ...options, createNew: true });
  } catch (thrown) {
    if (!(thrown instanceof Deno.errors.AlreadyExists)) throw thrown;
  }
  const there = await Deno.lstat(path);
  if (!there.isFile) {
    throw new NineError("EEXIST", `${JSON.stringify(path)} is there and is no regular file: remove it first`);
  }
  return await Deno.open(path, { ...options, truncate: true });
}

/** Bytes that are moved at a time. */
const PART_BYTES = 512 * 1024;

async function drain(
  source: Source,
  file: Deno.FsFile,
  onWritten: (bytes: number) => void,
  signal?: AbortSignal,
): Promise<void> {
  const buffer = new Uint8Array(PART_BYTES);
  for (let count = await source.read(buffer); count !== null; count = await source.read(buffer)) {
    signal?.throwIfAborted();
    for (let done = 0; done < count;) done += await file.write(buffer.subarray(done, count));
    onWritten(count);
  }
}

function timestamp(ns: bigint): Timestamp {
  const sec = ns / NS_PER_SEC - (ns < 0n && ns % NS_PER_SEC !== 0n ? 1n : 0n);
  return { sec: Number(sec), nsec: Number(ns - sec * NS_PER_SEC) };
}

function seconds({ sec, nsec }: Timestamp): number {
  return sec + nsec / 1e9;
}
