import type { Timestamp } from "../../9p/mod.ts";

export type TarKind = "file" | "link" | "symlink" | "character" | "block" | "directory" | "fifo";

/** One member of an archive. */
export interface TarEntry {
  readonly kind: TarKind;
  /** As the archive has it: nobody has looked whether it is safe. */
  readonly path: string;
  /** 07777 */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Empty where there is none. */
  readonly uname: string;
  readonly gname: string;
  /** Bytes that follow. */
  readonly size: number;
  readonly mtime: Timestamp;
  readonly atime?: Timestamp;
  /** What a link is another name of, or where a symlink points to. */
  readonly target: string;
  readonly major: number;
  readonly minor: number;
  readonly xattrs: ReadonlyMap<string, Uint8Array>;
}

/** The type byte of each kind. */
export const TYPES: Readonly<Record<TarKind, string>> = {
  file: "0",
  link: "1",
  symlink: "2",
  character: "3",
  block: "4",
  directory: "5",
  fifo: "6",
};

export const BLOCK = 512;
/** Of all records of a member: attributes of a file have 256 KiB, and a path some KiB. */
export const PAX_BYTES_MAX = 1024 * 1024;
/** Of a name that is told by GNU tar's own headers. */
export const LONG_BYTES_MAX = 64 * 1024;
