import {
  Errno,
  errnoOf,
  major,
  minor,
  NineError,
  pieces,
  type Principal,
  type Principals,
  reasonOf,
  type RemoteFile,
  S,
} from "../9p/mod.ts";
import type { TarEntry, TarKind, TarWriter } from "./tar/mod.ts";

export interface ExportOptions {
  readonly principals: Principals;
  readonly signal: AbortSignal;
  readonly onProgress: (files: number, bytes: number, path: string) => void;
  /** Told of what has no place in an archive. */
  readonly onLeftOut: (path: string, reason: string) => void;
}

const KINDS = new Map<number, TarKind>([
  [S.IFREG, "file"],
  [S.IFDIR, "directory"],
  [S.IFLNK, "symlink"],
  [S.IFIFO, "fifo"],
  [S.IFCHR, "character"],
  [S.IFBLK, "block"],
]);
/** Files with several names whose first one is remembered. */
const LINKED_MAX = 10_000_000;

/** Writes all that is below a directory that does not change. Files and bytes that there were. */
export async function exportTree(
  root: RemoteFile,
  writer: TarWriter,
  options: ExportOptions,
): Promise<{ files: number; bytes: number }> {
  const { principals, signal } = options;
  const firstNames = new Map<number | bigint, string>();
  let [files, bytes] = [0, 0];

  async function member(file: RemoteFile, path: string): Promise<void> {
    const attr = await file.getattr(signal);
    const type = attr.mode & S.IFMT;
    const kind = KINDS.get(type);
    if (kind === undefined) return options.onLeftOut(path, "an archive cannot have a socket");
    const first = kind !== "directory" && attr.nlink > 1 ? firstNames.get(attr.qid.path) : undefined;
    const entry: TarEntry = {
      kind: first === undefined ? kind : "link",
      path: path === "" ? "./" : kind === "directory" ? `${path}/` : path,
      mode: attr.mode & 0o7777,
      uid: principals.uid(attr.uid),
      gid: principals.gid(attr.gid),
      uname: nameOf(attr.uid),
      gname: nameOf(attr.gid),
      size: kind === "file" && first === undefined ? Number(attr.size) : 0,
      mtime: { sec: Number(attr.mtimeSec), nsec: Number(attr.mtimeNsec) },
      target: first ?? (kind === "symlink" ? await file.readlink(signal) : ""),
      major: type === S.IFCHR || type === S.IFBLK ? major(attr.rdev) : 0,
      minor: type === S.IFCHR || type === S.IFBLK ? minor(attr.rdev) : 0,
      xattrs: first === undefined ? await xattrsOf(file) : new Map(),
    };
    await writer.entry(entry);
    if (path !== "") files++;
    if (first === undefined && kind !== "directory" && attr.nlink > 1 && firstNames.size < LINKED_MAX) {
      firstNames.set(attr.qid.path, path);
    }
    if (entry.size > 0) {
      await contents(file, entry.size, path).catch((thrown) => {
        if (!(thrown instanceof NineError) || signal.aborted) throw thrown;
        throw new NineError(errnoOf(thrown), `${path}: ${reasonOf(thrown)}. The archive ends there`);
      });
    }
    options.onProgress(files, bytes, path);
    if (kind === "directory") await members(file, path);
  }

  async function members(dir: RemoteFile, path: string): Promise<void> {
    await using open = await dir.clone(signal);
    await open.open(0, signal);
    for await (const { name } of open.list(signal)) {
      await using file = await dir.walk([name], signal);
      await member(file, path === "" ? name : `${path}/${name}`);
    }
  }

  async function contents(file: RemoteFile, size: number, path: string): Promise<void> {
    await using open = await file.clone(signal);
    await open.open(0, signal);
    let left = size;
    for await (const piece of pieces(open, { size, signal })) {
      const part = piece.subarray(0, left);
      await writer.content(part);
      left -= part.byteLength;
      bytes += part.byteLength;
      options.onProgress(files, bytes, path);
      if (left === 0) return;
    }
    if (left > 0) throw new NineError("EIO", `${path} ended ${left} bytes before its size`);
  }

  async function xattrsOf(file: RemoteFile): Promise<Map<string, Uint8Array>> {
    const found = new Map<string, Uint8Array>();
    try {
      for (const name of await file.listxattr(signal)) found.set(name, await file.getxattr(name, signal));
    } catch (thrown) {
      if (errnoOf(thrown) !== Errno.EOPNOTSUPP) throw thrown;
    }
    return found;
  }

  await member(root, "");
  await writer.finish();
  return { files, bytes };
}

/** A principal that is no number has a name beyond this machine. */
function nameOf(principal: Principal): string {
  return /^[ug]id:/.test(principal) ? "" : principal;
}
