import { type Call, NineError } from "../../9p/mod.ts";
import type { Inode } from "./inode.ts";
import type { Tree } from "./tree.ts";

/** The attribute by which a file tells its versions, as JSON. It is in no list, and nobody sets it. */
export const HISTORY_XATTR = "lux9.history";
const VERSIONS_MAX = 10_000;

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

/** The versions that are kept, newest first. They are the owner's to see, and the file's owner's. */
export function historyOf(tree: Tree, inode: Inode, { user }: Call): Uint8Array {
  if (user.standing !== "owner" && user.name !== inode.uid) {
    throw new NineError("EACCES", `The history of file ${inode.ino} is that of ${inode.uid} to see`);
  }
  const versions: FileVersion[] = [];
  for (const { node, sec } of tree.store.index.past.history(inode.ino)) {
    const { version, muid: by, size, ino } = node;
    // Other attributes make other rows of the same version; the first is from when it was written.
    if (versions.at(-1)?.version === version) continue;
    versions.push({
      version,
      // Not the time of modification, which anybody may set to anything.
      time: new Date(sec * 1000).toISOString(),
      by,
      size,
      at: `@${ino}.${version}`,
    });
  }
  const latest = versions.slice(-VERSIONS_MAX).reverse();
  return new TextEncoder().encode(JSON.stringify({ volume: tree.name, versions: latest }));
}
