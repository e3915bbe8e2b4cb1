import {
  type Change,
  Errno,
  errnoOf,
  makedev,
  NineError,
  O,
  type Principals,
  reasonOf,
  type RemoteFile,
  S,
  type Timestamp,
  writeAll,
  writeFrom,
} from "../9p/mod.ts";
import type { TarEntry, TarReader } from "./tar/mod.ts";

export interface ImportOptions {
  readonly principals: Principals;
  readonly signal: AbortSignal;
  readonly onProgress: (files: number, bytes: number, path: string) => void;
  /** Told of each member that could not be taken. */
  readonly onError: (path: string, thrown: unknown) => void;
}

/** Up to this size contents are held, and several files are made at a time. */
const SMALL_BYTES_MAX = 64 * 1024;
const AT_ONCE = 16;
const NAME_BYTES_MAX = 255;
const DEPTH_MAX = 1000;
const TARGET_BYTES_MAX = 4095;
/** Directories that get their times at the end; of more, the first ones get them at once. */
const FOLDERS_MAX = 500_000;
/** What a principal without a number shows as. */
const NOBODY = 65534;

/**
 * Makes the members of an archive below a directory; what has their names there gives way, but for directories. Paths
 * are walked as they are, so that no symlink leads out of the directory. A member that cannot be made is told of and
 * left out; a broken archive ends it, and what was made until then stays.
 */
export async function importTree(
  root: RemoteFile,
  reader: TarReader,
  options: ImportOptions,
): Promise<{ files: number; bytes: number; failed: number }> {
  const importing = new Importing(root, options);
  return await importing.run(reader);
}

class Importing {
  #files = 0;
  #bytes = 0;
  #failed = 0;
  readonly #root: RemoteFile;
  readonly #options: ImportOptions;
  /** Small files that are being made, by their paths. */
  readonly #underWay = new Map<string, Promise<void>>();
  readonly #folders = new Map<string, Change>();

  constructor(root: RemoteFile, options: ImportOptions) {
    this.#root = root;
    this.#options = options;
  }

  async run(reader: TarReader): Promise<{ files: number; bytes: number; failed: number }> {
    const { signal, onProgress } = this.#options;
    try {
      for (;;) {
        signal.throwIfAborted();
        const entry = await reader.next();
        if (entry === undefined) break;
        if ("refused" in entry) {
          this.#fail(entry.path, new NineError("EOPNOTSUPP", `Left out: ${entry.refused}`));
          continue;
        }
        try {
          await this.#take(entry, reader);
        } catch (thrown) {
          // Of the archive itself, or of who waits for it, nothing more can be taken.
          if (thrown instanceof Broken) throw thrown.cause;
          if (signal.aborted) throw thrown;
          this.#fail(entry.path, thrown);
        }
        onProgress(this.#files, this.#bytes, entry.path);
      }
    } finally {
      await Promise.all(this.#underWay.values());
      for (const [path, change] of [...this.#folders].reverse()) await this.#finish(path, change);
    }
    return { files: this.#files, bytes: this.#bytes, failed: this.#failed };
  }

  async #take(entry: TarEntry, reader: TarReader): Promise<void> {
    const names = namesOf(entry.path);
    const path = names.join("/");
    if (names.length === 0) {
      if (entry.kind !== "directory") throw new NineError("EINVAL", "It has no name");
      return await this.#folder("", entry);
    }
    // What is about to change the same name, or makes what this leads to, is first.
    if (entry.kind === "file" && entry.size <= SMALL_BYTES_MAX) await this.#underWay.get(path);
    else await Promise.all(this.#underWay.values());
    if (entry.kind !== "file") {
      await this.#special(names, path, entry);
      this.#files++;
      return;
    }
    if (entry.size > SMALL_BYTES_MAX) return await this.#large(names, entry, reader);
    const bytes = new Uint8Array(entry.size);
    for (let done = 0; done < bytes.length;) done += await readOf(reader, bytes.subarray(done)) ?? 0;
    const making = this.#file(names, entry, (file) => writeAll(file, 0, bytes, this.#options.signal))
      .catch((thrown) => this.#fail(entry.path, thrown))
      .finally(() => this.#underWay.delete(path));
    this.#underWay.set(path, making);
    if (this.#underWay.size >= AT_ONCE) await Promise.race(this.#underWay.values());
  }

  async #large(names: readonly string[], entry: TarEntry, reader: TarReader): Promise<void> {
    const { signal, onProgress } = this.#options;
    const before = this.#bytes;
    let done = 0;
    await this.#file(names, entry, async (file) => {
      const source = { read: (into: Uint8Array) => readOf(reader, into) };
      await writeFrom(
        file,
        0,
        source,
        signal,
        (count) => onProgress(this.#files, before + (done += count), entry.path),
      );
    });
  }

  async #file(
    names: readonly string[],
    entry: TarEntry,
    write: (file: RemoteFile) => Promise<unknown>,
  ): Promise<void> {
    const { signal } = this.#options;
    const { dir, name } = await this.#at(names);
    await using file = dir;
    const what = { mode: S.IFREG | 0o600 };
    try {
      await file.create(name, what, O.WRONLY | O.EXCL, signal);
    } catch (thrown) {
      if (errnoOf(thrown) !== Errno.EEXIST) throw thrown;
      await this.#remove(file, name);
      await file.create(name, what, O.WRONLY | O.EXCL, signal);
    }
    try {
      await write(file);
    } catch (thrown) {
      // Half a file is none.
      const { dir } = await this.#at(names);
      await using parent = dir;
      await this.#remove(parent, name);
      throw thrown;
    }
    await this.#attributes(file, entry);
    this.#files++;
    this.#bytes += entry.size;
  }

  async #special(names: readonly string[], path: string, entry: TarEntry): Promise<void> {
    const { signal } = this.#options;
    const { dir, name } = await this.#at(names);
    await using parent = dir;
    const replacing = async (make: () => Promise<void>) => {
      try {
        await make();
      } catch (thrown) {
        if (errnoOf(thrown) !== Errno.EEXIST) throw thrown;
        await this.#remove(parent, name);
        await make();
      }
    };
    switch (entry.kind) {
      case "directory":
        return await this.#makeFolder(parent, name, path, entry);
      case "link": {
        const target = namesOf(entry.target);
        if (target.join("/") === path) return;
        await using file = await this.#root.walk(target, signal);
        return await replacing(() => parent.link(file, name, signal));
      }
      case "symlink":
        checkTarget(entry.target);
        await replacing(() => parent.make(name, { mode: S.IFLNK | 0o777, target: entry.target }, signal));
        break;
      case "fifo":
        await replacing(() => parent.make(name, { mode: S.IFIFO | 0o600 }, signal));
        break;
      default: {
        const type = entry.kind === "block" ? S.IFBLK : S.IFCHR;
        const rdev = makedev(entry.major, entry.minor);
        await replacing(() => parent.make(name, { mode: type | 0o600, rdev }, signal));
      }
    }
    await using file = await parent.walk([name], signal);
    await this.#attributes(file, entry);
  }

  async #makeFolder(parent: RemoteFile, name: string, path: string, entry: TarEntry): Promise<void> {
    const { signal } = this.#options;
    try {
      await parent.make(name, { mode: S.IFDIR | 0o700 }, signal);
    } catch (thrown) {
      if (errnoOf(thrown) !== Errno.EEXIST) throw thrown;
      await using there = await parent.walk([name], signal);
      if (!there.isDirectory) {
        await this.#remove(parent, name);
        await parent.make(name, { mode: S.IFDIR | 0o700 }, signal);
      }
    }
    await this.#folder(path, entry);
  }

  /** It is for all to use as the archive says only when everything is in it. */
  async #folder(path: string, entry: TarEntry): Promise<void> {
    await using file = await this.#root.walk(path === "" ? [] : path.split("/"), this.#options.signal);
    await this.#xattrs(file, entry);
    this.#folders.delete(path);
    this.#folders.set(path, this.#change(entry));
    if (this.#folders.size <= FOLDERS_MAX) return;
    const [[first, change]] = this.#folders;
    this.#folders.delete(first);
    await this.#finish(first, change);
  }

  async #finish(path: string, change: Change): Promise<void> {
    try {
      await using file = await this.#root.walk(path === "" ? [] : path.split("/"));
      await file.setattr(change);
    } catch (thrown) {
      this.#fail(path, thrown);
    }
  }

  /** The directory that the last name is in, made where the archive does not tell of it. The caller closes it. */
  async #at(names: readonly string[]): Promise<{ dir: RemoteFile; name: string }> {
    const { signal } = this.#options;
    const name = names[names.length - 1];
    const above = names.slice(0, -1);
    try {
      return { dir: await this.#root.walk(above, signal), name };
    } catch (thrown) {
      if (errnoOf(thrown) !== Errno.ENOENT) throw thrown;
    }
    let dir = await this.#root.clone(signal);
    for (const folder of above) {
      await using parent = dir;
      await parent.make(folder, { mode: S.IFDIR | 0o755 }, signal).catch((thrown) => {
        if (errnoOf(thrown) !== Errno.EEXIST) throw thrown;
      });
      dir = await parent.walk([folder], signal);
    }
    return { dir, name };
  }

  async #remove(dir: RemoteFile, name: string): Promise<void> {
    const file = await dir.walk([name]);
    await file.remove();
  }

  async #attributes(file: RemoteFile, entry: TarEntry): Promise<void> {
    // A symlink has no permissions of its own.
    const { mode, ...rest } = this.#change(entry);
    await file.setattr(entry.kind === "symlink" ? rest : { mode, ...rest }, this.#options.signal);
    // After the owner, since what is given away loses its capabilities.
    await this.#xattrs(file, entry);
  }

  /** What a volume does not keep, as access lists, is told, and the file is imported all the same. */
  async #xattrs(file: RemoteFile, { path, xattrs }: TarEntry): Promise<void> {
    for (const [name, value] of xattrs) {
      try {
        await file.setxattr(name, value, 0, this.#options.signal);
      } catch (thrown) {
        if (errnoOf(thrown) !== Errno.EOPNOTSUPP) throw thrown;
        this.#fail(path, new NineError("EOPNOTSUPP", `Left out its attribute ${JSON.stringify(name)}`));
      }
    }
  }

  #change({ mode, uid, gid, uname, gname, mtime, atime }: TarEntry): Change {
    const { principals } = this.#options;
    return {
      mode,
      // Numbers mean others on another machine, where the name is known here.
      uid: uname !== "" && principals.uid(uname) !== NOBODY ? uname : principals.user(uid),
      gid: gname !== "" && principals.gid(gname) !== NOBODY ? gname : principals.group(gid),
      mtime: checkTime(mtime),
      ...(atime ? { atime: checkTime(atime) } : {}),
    };
  }

  #fail(path: string, thrown: unknown): void {
    this.#failed++;
    this.#options.onError(path, thrown);
  }
}

/** What went wrong with the archive, as opposed to with a member. */
class Broken extends Error {}

async function readOf(reader: TarReader, into: Uint8Array): Promise<number | null> {
  try {
    return await reader.read(into);
  } catch (thrown) {
    throw new Broken(reasonOf(thrown), { cause: thrown });
  }
}

/** The names of a path in an archive. EINVAL for one that leads elsewhere, or that no file can have. */
function namesOf(path: string): string[] {
  const wrong = (why: string) =>
    new NineError("EINVAL", `Left out: its path or target ${JSON.stringify(path.slice(0, 300))} ${why}`);
  if (path.startsWith("/")) throw wrong("is absolute");
  const names = path.split("/").filter((name) => name !== "" && name !== ".");
  if (names.includes("..")) throw wrong("has .. in it");
  if (names.length > DEPTH_MAX) throw wrong(`has ${names.length} names, allowed are ${DEPTH_MAX}`);
  for (const name of names) {
    if (name.includes("\0")) throw wrong("has a zero byte in it");
    const bytes = new TextEncoder().encode(name).length;
    if (bytes > NAME_BYTES_MAX) throw wrong(`has a name of ${bytes} bytes, allowed are ${NAME_BYTES_MAX}`);
  }
  return names;
}

function checkTarget(target: string): void {
  const { length } = new TextEncoder().encode(target);
  if (length > 0 && length <= TARGET_BYTES_MAX && !target.includes("\0")) return;
  throw new NineError(
    "EINVAL",
    `Left out: a symbolic link to ${length} bytes, allowed are 1 to ${TARGET_BYTES_MAX}, none of them zero`,
  );
}

/** 9P carries times as unsigned numbers. */
function checkTime(time: Timestamp): Timestamp {
  return time.sec < 0 ? { sec: 0, nsec: 0 } : time;
}
