import { S } from "../../9p/mod.ts";
import type { NodeRow } from "../store/mod.ts";
import type { Attributes, Kind } from "../tree/mod.ts";

/** A Plan 9 file's flags, as an attribute of the documents alone. */
export const FLAGS_XATTR = "lux9.flags";

const TYPES: ReadonlyMap<Kind, number> = new Map([
  ["file", S.IFREG],
  ["directory", S.IFDIR],
  ["symlink", S.IFLNK],
  ["fifo", S.IFIFO],
  ["character", S.IFCHR],
  ["block", S.IFBLK],
  ["socket", S.IFSOCK],
]);
const KINDS = new Map([...TYPES].map(([kind, type]) => [type, kind]));

/** `S` type bits and permission bits. */
export function modeOf({ kind, mode }: Attributes): number {
  return TYPES.get(kind)! | mode;
}

/** What the documents keep of a row of the index. */
export function attributesOf(row: Pick<NodeRow, Exclude<keyof Attributes, "kind">>): Attributes {
  const { mode, uid, gid, atime, mtime, ctime, target, rdev } = row;
  return {
    kind: KINDS.get(mode & S.IFMT)!,
    mode: mode & 0o7777,
    uid,
    gid,
    atime,
    mtime,
    ctime,
    target,
    rdev,
  };
}

/** The flags among the attributes of the documents, and the others. */
export function flagsOf(xattrs: ReadonlyMap<string, Uint8Array>): number {
  return xattrs.get(FLAGS_XATTR)?.at(0) ?? 0;
}
