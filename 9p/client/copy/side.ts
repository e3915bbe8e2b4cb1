import type { Timestamp } from "../../server/file_server.ts";
import type { Source } from "../writing.ts";

/** What a copy keeps of a file. */
export interface CopyAttr {
  /** `S` type bits and permission bits. */
  readonly mode: number;
  /** 0 where it is not known. */
  readonly size: number;
  readonly atime: Timestamp;
  readonly mtime: Timestamp;
  readonly rdev: number;
}

/** One end of a copy: a folder of this machine or a 9P tree. Paths are absolute, with `/`. No function follows a link. */
export interface CopySide {
  /** Undefined where there is nothing. */
  lstat(path: string, signal?: AbortSignal): Promise<CopyAttr | undefined>;
  /** The names in a directory, none of which has a slash or is `.` or `..`. */
  names(path: string, signal?: AbortSignal): AsyncIterable<string>;
  /** A file's contents. Its bytes are read to the end, whatever `size` says. */
  source(path: string, size: number, signal?: AbortSignal): Promise<Source & AsyncDisposable>;
  readlink(path: string, signal?: AbortSignal): Promise<string>;

  /** Makes the file, or replaces the contents of a regular one; anything else of that name is EEXIST. */
  write(
    path: string,
    source: Source,
    what: Wanted,
    onWritten: (bytes: number) => void,
    signal?: AbortSignal,
  ): Promise<void>;
  /** Makes the directory so that we can write in it; one that is there is taken. A link there is EEXIST. */
  mkdir(path: string, mode: number, signal?: AbortSignal): Promise<void>;
  /** Makes the link, in the place of another one. */
  symlink(path: string, target: string, signal?: AbortSignal): Promise<void>;
  /** Makes a device, fifo or socket. */
  special(path: string, attr: CopyAttr, signal?: AbortSignal): Promise<void>;
  /** Sets what is wanted, of a directory. */
  finish(path: string, what: Wanted, signal?: AbortSignal): Promise<void>;
}

/** What a new file gets; what is absent is left to the other side. */
export interface Wanted {
  readonly mode?: number;
  readonly atime?: Timestamp;
  readonly mtime?: Timestamp;
}

/** A new file's permissions where none are to be kept. */
export const FILE_MODE = 0o666;
export const DIRECTORY_MODE = 0o777;
