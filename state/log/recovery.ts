import { NineError } from "../../9p/mod.ts";
import type { Disk, DiskFile } from "../disk/mod.ts";
import type { LogDamage } from "./damage.ts";
import { Scan } from "./scan.ts";
import {
  readHeader,
  readMark,
  SEGMENT_HEADER,
  type SegmentHeader,
  segmentName,
  segmentsIn,
} from "./segment.ts";

/** A segment that is kept. */
export interface KeptSegment extends SegmentHeader {
  readonly index: number;
  readonly file: DiskFile;
  /** Number of its last record; one less than `first` where it has none. */
  last: number;
  /** Where the next record goes. */
  end: number;
}

/** What was behind the last good record, and is no longer: it had been appended and never been durable. */
export interface TornTail {
  readonly segment: number;
  readonly offset: number;
  /** How many bytes were cut off, also in later segments. */
  readonly bytes: number;
  /** The number that the first record cut off had. */
  readonly first: number;
}

export interface Recovered {
  readonly segments: KeptSegment[];
  /** Number of the last record. */
  readonly last: number;
  /** Up to here records are known to be durable. */
  readonly synced: number;
  readonly torn: TornTail | undefined;
  readonly damage: LogDamage[];
  /** Greater than the number of every segment there was. */
  readonly nextSegment: number;
}

interface Found {
  readonly index: number;
  readonly path: string;
  readonly file: DiskFile;
  readonly size: number;
  readonly header: SegmentHeader | undefined;
  readonly synced: number;
}

/**
 * Finds out what a log holds, after whatever ended the process that wrote it.
 *
 * The records kept are 1. in order without a gap, but for damage; 2. all that were durable by the last mark; 3. none
 * after the first that is missing and was not durable: what was appended later may depend on it. So a bad record up to
 * the mark is damage and those behind it stay, and one past the mark is where power or death cut the log, and all
 * behind it go. What goes is gone for good before this returns, lest a record written in its place be followed by it.
 */
export function recover(disk: Disk, folder: string, after: number): Recovered {
  const all = segmentsIn(disk, folder).map((index): Found => {
    const path = `${folder}/${segmentName(index)}`;
    const file = disk.open(path);
    return { index, path, file, size: file.size(), header: readHeader(file, path), synced: readMark(file) };
  });
  const nextSegment = (all.at(-1)?.index ?? 0) + 1;
  const found = withoutApplied(disk, all, after);
  const synced = Math.max(0, ...found.map(({ synced }) => synced));
  const state: State = { segments: [], damage: [], torn: undefined, after, expected: undefined };
  for (let i = 0; i < found.length; i++) {
    if (keep(found, i, synced, state)) continue;
    cutAt(disk, folder, found, i, state);
    break;
  }
  const last = (state.expected ?? after + 1) - 1;
  // Marked as durable, and not even there at the end.
  if (last < synced && found.length > 0) {
    const { index, size } = found[found.length - 1];
    state.damage.push({ segment: index, offset: size, bytes: 0, first: last + 1, last: synced });
  }
  return { ...state, last: Math.max(last, synced), synced, nextSegment };
}

/** Removes the segments of which nothing is needed, as each record is at most `after`. */
function withoutApplied(disk: Disk, all: readonly Found[], after: number): Found[] {
  const start = Math.max(
    0,
    all.findLastIndex(({ header }) => header !== undefined && header.first <= after + 1),
  );
  for (const { path, file } of all.slice(0, start)) {
    file.close();
    disk.remove(path);
  }
  return all.slice(start);
}

interface State {
  readonly segments: KeptSegment[];
  readonly damage: LogDamage[];
  torn: TornTail | undefined;
  readonly after: number;
  /** The number of the next record; undefined before the first segment. */
  expected: number | undefined;
}

/** Takes a segment over as far as it is good. False where the log ends in it, or before it. */
function keep(all: readonly Found[], at: number, synced: number, state: State): boolean {
  const { header, index, path, file, size } = all[at];
  const next = all[at + 1]?.header;
  const expected = state.expected ?? state.after + 1;
  if (header === undefined) {
    if (expected > synced) return false;
    // All its records are lost; how many they were, the next good segment says.
    const last = (all.slice(at + 1).find(({ header }) => header !== undefined)?.header?.first ?? synced + 1) -
      1;
    if (last >= expected) {
      state.damage.push({ segment: index, offset: 0, bytes: size, first: expected, last });
    }
    state.expected = Math.max(expected, last + 1);
    file.close();
    return true;
  }
  if (header.first > expected) {
    // A segment that is the first was not begun before the records it lacks had gone elsewhere.
    if (state.expected !== undefined && expected > synced) return false;
    const before = state.segments.at(-1);
    const place = { segment: before?.index ?? index, offset: before?.end ?? 0, bytes: 0 };
    state.damage.push({ ...place, first: expected, last: header.first - 1 });
  } else if (header.first < expected && state.expected !== undefined) {
    throw new NineError("EIO", `${path} starts with record ${header.first}; ${expected} was due`);
  }
  const kept: KeptSegment = { ...header, index, file, last: header.first - 1, end: SEGMENT_HEADER };
  state.segments.push(kept);
  if (next !== undefined && next.first - 1 <= synced) {
    // All durable: replay checks it.
    finish(kept, size, next.first, state);
    return true;
  }
  return scanAll(kept, synced, state);
}

function scanAll(kept: KeptSegment, synced: number, state: State): boolean {
  const scan = new Scan(kept.file, kept.salt, kept.first);
  for (;;) {
    const offset = scan.at;
    const first = scan.expected;
    const found = scan.next();
    if (found !== "record") {
      if (found === "end") break;
      if (first > synced) {
        finish(kept, offset, first, state);
        return false;
      }
      const more = scan.resume();
      const last = more ? scan.expected - 1 : synced;
      const bytes = (more ? scan.at : scan.size) - offset;
      state.damage.push({ segment: kept.index, offset, bytes, first, last });
      if (more) continue;
      finish(kept, scan.size, Math.max(first, synced + 1), state);
      return true;
    }
  }
  finish(kept, scan.at, scan.expected, state);
  return true;
}

function finish(kept: KeptSegment, end: number, expected: number, state: State): void {
  kept.end = end;
  kept.last = expected - 1;
  state.expected = expected;
}

/** Ends the log where `state` is: the segments from `from` on go, and what the last kept one has behind its end. */
function cutAt(disk: Disk, folder: string, found: readonly Found[], from: number, state: State): void {
  const kept = state.segments.at(-1);
  const isKept = kept?.index === found[from].index;
  const gone = found.slice(isKept ? from + 1 : from);
  let bytes = gone.reduce((sum, { size }) => sum + size, 0);
  // The last first: what is left after a crash in the middle is cut again.
  for (const { path, file } of gone.reverse()) {
    file.close();
    disk.remove(path);
  }
  if (gone.length > 0) disk.syncFolderBlocking(folder);
  if (isKept) {
    bytes += found[from].size - kept.end;
    kept.file.truncate(kept.end);
    kept.file.syncBlocking();
  }
  state.torn = {
    segment: found[from].index,
    offset: isKept ? kept.end : 0,
    bytes,
    first: state.expected ?? 1,
  };
}
