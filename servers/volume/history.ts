import { type Call, NineError, S } from "../../9p/mod.ts";
import type { Led, NodeRow, PastReader } from "../../state/store/mod.ts";
import { ROOT_INO } from "./inode.ts";
import type { Place } from "./place.ts";
import type { Tree } from "./tree.ts";

/**
 * The attribute by which a file tells its versions, as JSON. It is in no list, and nobody sets it. With a slash and a path
 * behind it, it tells those of what was at that path from there, also where nothing is any more. Of more than fit into one
 * value, `lux9.history@N` tells those before version N.
 */
export const HISTORY_XATTR = "lux9.history";
/** With names as long as they may be, these fit into what clients take, 128 KiB. */
const VERSIONS_MAX = 300;
/** Of one file: other attributes make other rows of one version. They are read while others wait. */
const ROWS_MAX = 1500;
/** Files that were at one path, the latest ones. */
const FILES_MAX = 1000;

/** A version of a file's contents. */
export interface FileVersion {
  /** Its number, which grows from version to version. */
  readonly version: number;
  /** When it was written, and by whom. */
  readonly time: string;
  readonly by: string;
  readonly size: number;
  /** Where it can be read, in the directory of the volume's snapshots. */
  readonly at: string;
}

/** What the attribute holds. */
export interface FileVersions {
  readonly volume: string;
  /** Newest first. */
  readonly versions: readonly FileVersion[];
  /** There are older ones. */
  readonly more: boolean;
}

/** What an attribute asks for: versions before one, and of a path. Undefined for another attribute. */
export function historyAsked(name: string): { before: number; path: string | undefined } | undefined {
  const [whole, before, path] = /^lux9\.history(?:@(\d{1,15}))?(?:\/(.*))?$/s.exec(name) ?? [];
  return whole === undefined ? undefined : { before: before === undefined ? Infinity : Number(before), path };
}

/**
 * The versions that are kept, newest first: those of the file, and those of files that had its path before, up to when
 * they left it. They are the owner's to see, and the file's owner's.
 */
export function historyOf(tree: Tree, place: Place, before: number, { user }: Call): Uint8Array {
  const { inode } = place;
  if (user.standing !== "owner" && user.name !== inode.uid) {
    throw new NineError("EACCES", `The history of file ${inode.ino} is that of ${inode.uid} to see`);
  }
  const { past } = tree.store.index;
  const files = place.removed ? new Map() : filesAt(past, namesTo(place));
  // Whatever names it had.
  files.set(inode.ino, Infinity);
  const isTheirs = ({ uid }: NodeRow) => user.standing === "owner" || user.name === uid;
  const found = versionsOf(past, files, before, isTheirs);
  if (found.versions.length === 0 && inode.isDirectory) {
    throw new NineError("ENODATA", `${place.path} is a directory, and these have no versions`);
  }
  return told(tree, found);
}

/** The same of a path from that place on, where something was. It is the owner's to see. */
export async function historyBelow(
  tree: Tree,
  place: Place,
  path: string,
  before: number,
  { user }: Call,
): Promise<Uint8Array> {
  if (user.standing !== "owner") {
    throw new NineError("EACCES", "What was at a path before is the owner's to see");
  }
  // What went a moment ago has been nowhere but in memory.
  await tree.store.caughtUp();
  const { past } = tree.store.index;
  const files = place.removed ? new Map() : filesAt(past, [...namesTo(place), ...path.split("/")]);
  const found = versionsOf(past, files, before, () => true);
  if (found.versions.length === 0 && !found.more) {
    throw new NineError("ENODATA", `No version is kept of a file at ${place.pathTo(path)}`);
  }
  return told(tree, found);
}

function told({ name }: Tree, found: Omit<FileVersions, "volume">): Uint8Array {
  const all: FileVersions = { volume: name, ...found };
  return new TextEncoder().encode(JSON.stringify(all));
}

function namesTo(place: Place): string[] {
  const names: string[] = [];
  for (let at = place; !at.isRoot; at = at.parent) names.unshift(at.name);
  return names;
}

/** The files that were ever at a path, and up to, and without, which record each was there at the last. */
function filesAt(past: PastReader, names: readonly string[]): Map<number, number> {
  let at: readonly Led[] = [{ ino: ROOT_INO, since: 0, until: Infinity }];
  for (const name of names) {
    at = at.flatMap((folder) =>
      past.led(folder.ino, name, FILES_MAX).flatMap(({ ino, ...led }) => {
        const since = Math.max(folder.since, led.since);
        const until = Math.min(folder.until, led.until);
        return since < until ? [{ ino, since, until }] : [];
      })
    ).sort((a, b) => b.since - a.since).slice(0, FILES_MAX);
  }
  const files = new Map<number, number>();
  for (const { ino, until } of at) files.set(ino, Math.max(until, files.get(ino) ?? 0));
  return files;
}

/** The versions before `before` that those files had up to, and without, a record. */
function versionsOf(
  past: PastReader,
  files: ReadonlyMap<number, number>,
  before: number,
  isTold: (node: NodeRow) => boolean,
): Omit<FileVersions, "volume"> {
  const versions = new Map<string, FileVersion>();
  /** Of some file not all older ones were looked at. */
  let oldest = 0;
  for (const [ino, until] of files) {
    const rows = past.history(ino, ROWS_MAX, { before, until });
    for (const { node, sec } of rows) {
      const { version, muid: by, size } = node;
      if ((node.mode & S.IFMT) !== S.IFREG || !isTold(node)) continue;
      const at = `@${ino}.${version}`;
      // Other attributes make other rows of the same version; the oldest is from when it was written. Its time is not that
      // of modification, which anybody may set to anything.
      versions.set(at, { version, time: new Date(sec * 1000).toISOString(), by, size, at });
    }
    if (rows.length < ROWS_MAX) continue;
    // The last of them may have older rows, so it is for the next time, unless it is the only one.
    const last = rows[rows.length - 1].node.version;
    oldest = Math.max(oldest, rows[0].node.version === last ? last : last + 1);
  }
  const sorted = [...versions.values()].filter(({ version }) => version >= oldest)
    .sort((a, b) => b.version - a.version);
  return { versions: sorted.slice(0, VERSIONS_MAX), more: oldest > 0 || sorted.length > VERSIONS_MAX };
}
