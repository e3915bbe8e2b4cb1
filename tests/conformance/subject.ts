import type { Dialect } from "../../9p/wire/field.ts";

/** A server under test, and what it can do. What a subject lacks is a skip with that reason, never a silent pass. */
export interface Subject {
  readonly name: string;
  /** A dial string, as `tcp!127.0.0.1!5640`. */
  readonly address: string;
  readonly aname: string;
  readonly dialects: readonly Dialect[];
  /** Who attaches: somebody who may do everything in the tree. */
  readonly uname: string;
  readonly uid: number;
  readonly writable: boolean;
  readonly features: Features;
}

export interface Features {
  /** A file whose reads wait, until they are flushed: a path below the root, and how it is opened for that. */
  readonly blocking?: { readonly path: string; readonly access: "r" | "rw" };
  /** A file whose reads never end, not even when the file server is told to end them. */
  readonly deafFile?: string;
  /** A control file or stream: its length is not known (rule R20). */
  readonly controlFile?: string;
  /** A file that can never be made durable (rule R43). */
  readonly unsyncableFile?: string;
  /** Another user than the subject's own, whose claim to be that user the server honours (rule R10). */
  readonly claims?: { readonly uname: string; readonly uid: number };
  /** Permission bits hold for that user. */
  readonly permissions?: boolean;
  /** Another way in to the same tree, where a wstat never replaces a file (rule R34). */
  readonly strictAddress?: string;
  /** DMAPPEND and DMEXCL. */
  readonly plan9Flags?: boolean;
  /** Extended attributes in `user.`. */
  readonly xattrs?: boolean;
  readonly symlinks?: boolean;
  readonly hardLinks?: boolean;
  readonly fifos?: boolean;
  /** mknod(2) of device files. */
  readonly devices?: boolean;
  /** Directories that belong to different mounted servers (rule R44). */
  readonly mounts?: readonly string[];
  /** The server asks for no authentication. */
  readonly noAuth?: boolean;
  /** What the server holds for clients that have gone, as one line each; to be empty once all have (rule R46). */
  readonly residue?: () => readonly string[];
}

export type Feature = keyof Features;

/** Why a test that needs the feature is skipped. */
export const LACKS: Record<Feature, string> = {
  blocking: "the subject names no file whose read waits",
  deafFile: "the subject names no file whose read never ends",
  controlFile: "the subject names no control file",
  unsyncableFile: "the subject names no file whose sync fails",
  claims: "the subject honours no claimed user",
  permissions: "the subject does not hold users to permission bits",
  strictAddress: "the subject has no strict address",
  plan9Flags: "the subject keeps no DMAPPEND and DMEXCL",
  xattrs: "the subject has no extended attributes",
  symlinks: "the subject has no symbolic links",
  hardLinks: "the subject has no hard links",
  fifos: "the subject makes no fifos",
  devices: "the subject makes no device files",
  mounts: "the subject names no mounted directories",
  noAuth: "the subject asks for authentication",
  residue: "what the subject holds can only be seen inside its process",
};

/** A subject that was started for the tests. */
export interface Started {
  readonly subject: Subject;
  /** Starts the server anew under the same address, after a test that may have broken it. */
  restart?(): Promise<void>;
  close(): Promise<void>;
}
