import { createHash } from "node:crypto";
import { conflictName } from "./name.ts";
import type { EdgeRow } from "./rows.ts";
import { compareText, versionId } from "./stamp.ts";

/** Which of two edges to different nodes has a name: that with the higher (counter, author) comes first. */
export function compareRivals(a: EdgeRow, b: EdgeRow): number {
  return b.counter - a.counter || compareText(b.author, a.author) || compareText(b.node, a.node) ||
    compareText(b.slot, a.slot);
}

/** How the edges to one name are shown. */
export interface Verdict {
  /** Directories are one; the first of them stands for all. */
  readonly directories: readonly EdgeRow[];
  /** The file that has the name, where no directory has it. */
  readonly winner: EdgeRow | undefined;
  /** Files that get a conflict name. */
  readonly losers: readonly EdgeRow[];
}

/**
 * Decides between the live edges to one name in one shown directory. Directories come before files, whatever the counters, so that paths through them hold;
 * and they are merged, so none of them loses.
 */
export function decide(rivals: readonly EdgeRow[]): Verdict {
  const sorted = [...rivals].sort(compareRivals);
  const directories = sorted.filter((row) => row.directory);
  const files = sorted.filter((row) => !row.directory);
  return directories.length > 0
    ? { directories, winner: undefined, losers: files }
    : { directories, winner: files[0], losers: files.slice(1) };
}

/**
 * Names for all that lost in one directory. Each gets the name with 8 digits of its hash, unless something else has that name by its own edge, or a loser with a
 * lower hash has it already; then twice as many digits. Nobody gets so far who did not look for two equal hashes.
 */
export function conflictNames(
  losers: readonly EdgeRow[],
  isTaken: (name: string) => boolean,
): Map<EdgeRow, string> {
  const names = new Map<EdgeRow, string>();
  const given = new Set<string>();
  const hashed = losers.map((row) => ({ row, hash: hashOf(row) }));
  for (const { row, hash } of hashed.sort((a, b) => compareText(a.hash, b.hash))) {
    const author = row.version?.stamp.author ?? row.author;
    let digits = 8;
    let name = conflictName(row.name, author, hash.slice(0, digits));
    while (isTaken(name) || given.has(name)) {
      digits *= 2;
      // Beyond the whole hash it is hashed again, so that this ends whatever names there are.
      const longer = digits <= 64 ? hash.slice(0, digits) : hashText(hash + digits);
      name = conflictName(row.name, author, longer);
    }
    given.add(name);
    names.set(row, name);
  }
  return names;
}

/** The hash of the losing change: of the content's version, or of the edge. */
function hashOf({ node, slot, version, counter, author, name }: EdgeRow): string {
  return version
    ? hashText(`${node} ${versionId(version.stamp)}`)
    : hashText(`${node} ${slot} ${counter} ${author} ${name}`);
}

function hashText(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
