import type { Qid, U64 } from "../../qid.ts";
import type { Change, Creation, StatFs } from "../../server/file_server.ts";
import type { RemoteAttr } from "../attr.ts";

/** What a new file gets; its owner is the session's user. */
export type NewFile = Pick<Creation, "mode" | "gid" | "flags" | "rdev" | "target">;

/** What an open told. */
export interface Opened {
  readonly qid: Qid;
  /** The most that one request may carry, bytes. */
  readonly iounit: number;
}

/** One name of a remote directory. */
export interface RemoteEntry {
  name: string;
  qid: Qid;
  /** `S` type bits; the permission bits are 0 in .L, whose listings do not carry them. */
  mode: number;
  /** Where a listing goes on after this entry; in 9P2000 and .u only after the last entry of a page. */
  cookie: U64;
  /** In 9P2000 and .u, where entries are whole stats. */
  attr?: RemoteAttr;
}

export interface Page {
  readonly entries: RemoteEntry[];
  /** Where the next page starts. */
  readonly next: U64;
  readonly isEnd: boolean;
}

/** A POSIX byte-range lock, fcntl(2). */
export interface LockRequest {
  readonly type: "read" | "write" | "unlock";
  readonly start: number;
  /** 0: to the end, however far it grows. */
  readonly length: number;
  /** Whose lock it is: locks of one process of one client never conflict. */
  readonly procId: number;
  readonly clientId: string;
}

/** What a dialect does with a fid. A dialect that has no such thing throws EOPNOTSUPP. */
export interface Verbs {
  getattr(fid: number, signal?: AbortSignal): Promise<RemoteAttr>;
  /** `type` is the file's qid.type: stat(5) sets its bits along with the permissions. */
  setattr(fid: number, type: number, change: Change, signal?: AbortSignal): Promise<void>;
  /** `flags` are `O` flags. */
  open(fid: number, flags: number, signal?: AbortSignal): Promise<Opened>;
  /** Makes a regular file; the directory's fid becomes the open file. */
  create(dirFid: number, name: string, what: NewFile, flags: number, signal?: AbortSignal): Promise<Opened>;
  /**
   * Makes what is no regular file. `spare` is a fid of the directory that may be spent on it and is clunked by the
   * caller: 9P2000 makes directories by the same message as files.
   */
  make(spare: number, name: string, what: NewFile, signal?: AbortSignal): Promise<void>;
  /** `spare` as above. */
  link(fid: number, spare: number, name: string, signal?: AbortSignal): Promise<void>;
  /** Renames within the directory that the file is in, by the file's fid. */
  renameHere(fid: number, dirFid: number, name: string, signal?: AbortSignal): Promise<void>;
  /** EXDEV where the dialect has no such message. */
  renameAt(from: number, oldName: string, to: number, newName: string, signal?: AbortSignal): Promise<void>;
  /** The entries from `at` on (0: from the start), `bytes` bytes of them. `.` and `..` are left out. */
  list(fid: number, at: U64, bytes: number, signal?: AbortSignal): Promise<Page>;
  readlink(fid: number, signal?: AbortSignal): Promise<string>;
  statfs(fid: number, signal?: AbortSignal): Promise<StatFs>;
  fsync(fid: number, dataOnly: boolean, signal?: AbortSignal): Promise<void>;
  /** False while another owner's lock is in the way. */
  lock(fid: number, lock: LockRequest, signal?: AbortSignal): Promise<boolean>;
  /** The lock that is in the way, if there is one. */
  getlock(fid: number, lock: LockRequest, signal?: AbortSignal): Promise<LockRequest | undefined>;
  /** Makes `newfid` readable as the attribute of that name, "" for the list of names; its size in bytes. */
  xattrWalk(fid: number, newfid: number, name: string, signal?: AbortSignal): Promise<number>;
  /** Makes the fid writable as the attribute, which is set when it is clunked. */
  xattrCreate(fid: number, name: string, size: number, flags: number, signal?: AbortSignal): Promise<void>;
}
