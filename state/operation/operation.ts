import type { Principal, Timestamp } from "../../9p/mod.ts";

/**
 * What can be done to a volume: one record of its operation log each. An operation says what came of a request, not what
 * was asked ("now" is a time, a mode is whole), so that applying it again, at any time, gives the same tree.
 */
export type Operation =
  | Create
  | Link
  | Unlink
  | Rename
  | SetAttributes
  | Write
  | Settle
  | Forget
  | SetXattr
  | Snapshot
  | Unsnapshot
  | Restore
  | Receive;

interface Of<Kind extends string> {
  readonly kind: Kind;
  /** Who did it, and when. */
  readonly by: Principal;
  readonly time: Timestamp;
}

/** A new file with its first name. */
export interface Create extends Of<"create"> {
  readonly ino: number;
  readonly parent: number;
  /** Number of the name, which a listing goes on after; it grows from name to name. */
  readonly eid: number;
  readonly name: string;
  /** `S` type bits and permission bits. */
  readonly mode: number;
  readonly uid: Principal;
  readonly gid: Principal;
  /** Qt.APPEND, Qt.EXCL, Qt.TMP. */
  readonly flags: number;
  readonly rdev: number;
  /** Of a symlink. */
  readonly target: string;
}

/** One more name for a file. */
export interface Link extends Of<"link"> {
  readonly ino: number;
  readonly parent: number;
  readonly eid: number;
  readonly name: string;
}

/** A name goes. */
export interface Unlink extends Of<"unlink"> {
  readonly ino: number;
  readonly parent: number;
  readonly name: string;
  /** Somebody holds the file: without another name it stays, until it is forgotten. */
  readonly held: boolean;
}

/** A name moves. What has the name there already, if anything, loses it. */
export interface Rename extends Of<"rename"> {
  readonly ino: number;
  readonly parent: number;
  readonly name: string;
  readonly toParent: number;
  readonly toName: string;
  readonly eid: number;
  /** Somebody holds the file that loses its name. */
  readonly held: boolean;
}

/** The attributes that a file has from now on. */
export interface SetAttributes extends Of<"attributes"> {
  readonly ino: number;
  readonly mode: number;
  readonly uid: Principal;
  readonly gid: Principal;
  readonly flags: number;
  readonly atime: Timestamp;
  readonly mtime: Timestamp;
  /** What a regular file is cut or extended to; undefined leaves its contents as they are. */
  readonly size: number | undefined;
}

/** Bytes of a file. They stay in the log until the file is settled. */
export interface Write extends Of<"write"> {
  readonly ino: number;
  readonly offset: number;
  readonly bytes: Uint8Array;
}

/** What was written to the file is a version of it now, and goes where contents are kept. */
export interface Settle extends Of<"settle"> {
  readonly ino: number;
}

/** A file without a name is held by nobody any longer. */
export interface Forget extends Of<"forget"> {
  readonly ino: number;
}

/** `value` is null where the attribute goes. */
export interface SetXattr extends Of<"xattr"> {
  readonly ino: number;
  readonly name: string;
  readonly value: Uint8Array | null;
}

/** Names the tree as it is now. */
export interface Snapshot extends Of<"snapshot"> {
  readonly name: string;
}

export interface Unsnapshot extends Of<"unsnapshot"> {
  readonly name: string;
}

/**
 * What is at a path becomes as it was in a snapshot. It is not called by its record of the journal: applying the log again
 * may take fewer transactions, and give that number to another.
 */
export interface Restore extends Of<"restore"> {
  readonly snapshot: string;
  /** Names from the root on, with slashes between; empty for everything. */
  readonly path: string;
  /** Files that somebody holds: without a name they stay, until they are forgotten. */
  readonly held: readonly number[];
}

/**
 * What others changed is taken in after this. It does nothing: its number is that of the versions that files get by it,
 * which no operation of this side has then.
 */
export type Receive = Of<"receive">;

/** The types of log records. Numbers once given stay. */
export const RECORD_TYPES: { readonly [Kind in Operation["kind"]]: number } = {
  create: 1,
  link: 2,
  unlink: 3,
  rename: 4,
  attributes: 5,
  write: 6,
  settle: 7,
  forget: 8,
  xattr: 9,
  snapshot: 10,
  unsnapshot: 11,
  // 12 was one that called the snapshot by its record.
  restore: 13,
  receive: 14,
};
