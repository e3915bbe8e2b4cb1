/** A server's word for which file this is: qid(5). */
export interface Qid {
  /** Bits `Qt`. */
  type: number;
  /** Changes when the content does; 0 for files of unknown length (rule R20). 32 bits. */
  version: number;
  /** The same path ⇔ the same file, for ever. 64 bits; our own servers stay below 2^53 (rule R44). */
  path: U64;
}

/** An exact 64-bit number: a bigint from 2^53 on, so that it is fit for comparing and as a key, not for arithmetic. */
export type U64 = number | bigint;

/** Bits of qid.type, and of the top byte of a Plan 9 mode. */
export const Qt = {
  DIR: 0x80,
  APPEND: 0x40,
  EXCL: 0x20,
  MOUNT: 0x10,
  AUTH: 0x08,
  TMP: 0x04,
  SYMLINK: 0x02,
  LINK: 0x01,
  FILE: 0x00,
} as const;

/** File type bits of a Unix mode, inode(7). */
export const S = {
  IFMT: 0o170000,
  IFSOCK: 0o140000,
  IFLNK: 0o120000,
  IFREG: 0o100000,
  IFBLK: 0o060000,
  IFDIR: 0o040000,
  IFCHR: 0o020000,
  IFIFO: 0o010000,
  ISUID: 0o4000,
  ISGID: 0o2000,
  ISVTX: 0o1000,
} as const;

/** Linux open(2) flags, as 9P2000.L carries them on every architecture. */
export const O = {
  ACCMODE: 0o3,
  RDONLY: 0o0,
  WRONLY: 0o1,
  RDWR: 0o2,
  CREAT: 0o100,
  EXCL: 0o200,
  TRUNC: 0o1000,
  APPEND: 0o2000,
  NONBLOCK: 0o4000,
  DIRECTORY: 0o200000,
  NOFOLLOW: 0o400000,
  SYNC: 0o4000000,
  DSYNC: 0o10000,
  /** Not of Linux: an open to execute (OEXEC of open(5)), which asks for the x bit and then reads. */
  EXEC: 0x40000000,
} as const;

/** Whether an open with these flags may read. */
export const canRead = (flags: number): boolean => (flags & O.ACCMODE) !== O.WRONLY;
/** Whether an open with these flags may write. */
export const canWrite = (flags: number): boolean => (flags & O.ACCMODE) !== O.RDONLY;

const LOW = 2 ** 32;

/** A qid.path below 2^53 for what a text names: FNV-1a over UTF-16 units, twice with different starts. */
export function pathOfText(text: string): number {
  let low = 0x811c9dc5;
  let high = 0x01000193;
  for (let i = 0; i < text.length; i++) {
    low = Math.imul(low ^ text.charCodeAt(i), 0x01000193);
    high = Math.imul(high ^ text.charCodeAt(i), 0x85ebca6b);
  }
  return ((high >>> 11) & 0x1fffff) * LOW + (low >>> 0);
}
