import type { Attributes } from "./attributes.ts";
import { compareTimes, type Time } from "./bytes.ts";
import type { Base, Content, Version } from "./content.ts";
import { type Candidate, type Facts, seenIn } from "./facts.ts";
import type { NodeId } from "./id.ts";
import type { Slot } from "./key.ts";
import type { Touch } from "./small_records.ts";
import { compareStamps, compareText, type Stamp } from "./stamp.ts";

/** How a node stands by its own facts: which of its places are alive, what is in it and which versions are shown beside it. */
export interface Standing {
  /** The edge that holds of each of its places, sorted by slot. */
  readonly places: readonly Place[];
  /** The content that wins; for sides that are to be merged, the newest of them. */
  readonly content: Version | undefined;
  /** At least two versions, oldest first, that are to be merged as text. */
  readonly sides: readonly Version[];
  /** Losing versions that are shown as conflict files beside `beside`. */
  readonly losers: readonly Version[];
  readonly beside: Place | undefined;
}

export interface Place {
  readonly slot: Slot;
  readonly edge: Candidate;
  /** By itself: a directory that was removed is alive also while something in it is. */
  readonly alive: boolean;
}

/** A merge that somebody who can read contents is asked for. */
export interface MergeRequest {
  readonly node: NodeId;
  /** What all sides were made from; undefined for an empty file. */
  readonly base: Base | undefined;
  /** At least two, oldest first. */
  readonly sides: readonly Version[];
}

/**
 * Merges text, by `mergeText` on the bytes: a function of them alone, so that every copy gets the same. `unmergeable` where mergeText gives nothing, or where bytes are
 * not here, until they come and the node is refreshed: then one side wins and the others are conflict files.
 */
export type Merger = (
  request: MergeRequest,
) => Pick<Content, "size" | "descriptor"> | "unmergeable";

/** The rules of contents and removed names. `position` is given for a directory: the edge that holds once cycles are dealt with. */
export function standingOf(facts: Facts, position?: Candidate): Standing {
  const places = [...facts.places.keys()].sort(compareText).map((slot): Place => {
    const edge = slot === "" && position || (facts.places.get(slot) as readonly Candidate[])[0];
    return { slot, edge, alive: facts.attributes !== undefined && !edge.removed };
  });
  const none = { content: undefined, sides: [], losers: [], beside: undefined };
  if (!facts.attributes || facts.attributes.kind !== "file" || places.length === 0) {
    return { places, ...none };
  }
  const alive = places.find((place) => place.alive);
  if (alive) return { places, ...contentOf(facts.versions, facts.lost), beside: alive };

  // Every name was removed. What whoever did so had not seen brings the last of them back, without what was seen.
  const last = places.reduce((a, b) => compareStamps(a.edge.stamp, b.edge.stamp) >= 0 ? a : b);
  const { unseen: { versions, lost }, kept: beside } = seenIn(facts);
  if (versions.length === 0 && lost.length === 0) {
    return { places, ...none, losers: beside, beside: beside.length > 0 ? last : undefined };
  }
  const back = { ...last, alive: true };
  const content = versions.length > 0
    ? contentOf(versions, lost)
    : contentOf(lost.slice(0, 1), lost.slice(1));
  return {
    places: places.map((place) => place === last ? back : place),
    ...content,
    losers: [...content.losers, ...beside],
    beside: back,
  };
}

/** Contents that were written at the same time: merged where all are text, otherwise the newest wins. */
function contentOf(
  versions: readonly Version[],
  lost: readonly Version[],
): Pick<Standing, "content" | "sides" | "losers"> {
  const merged = versions.length > 1 && versions.every(({ text }) => text);
  return {
    content: versions[0],
    sides: merged ? [...versions].reverse() : [],
    losers: merged ? lost : [...versions.slice(1), ...lost],
  };
}

/** A standing after its sides were merged, or found to be no text after all. */
export function afterMerge(standing: Standing, merged: ReturnType<Merger>): Standing {
  const { content, sides, losers } = standing;
  if (!content || sides.length === 0) return standing;
  if (merged === "unmergeable") {
    return { ...standing, sides: [], losers: [...sides.slice(0, -1).reverse(), ...losers] };
  }
  const mtime = sides.map((side) => side.mtime).reduce((a, b) => compareTimes(a, b) >= 0 ? a : b);
  return { ...standing, content: { ...content, ...merged, mtime } };
}

/** The attributes with the times that are shown: each is told by whatever was written last. */
export function shownAttributes(
  facts: Facts,
  standing: Standing,
  touched: Touch | undefined,
): Attributes | undefined {
  const { attributes } = facts;
  if (!attributes) return undefined;
  const { kind, mode, uid, gid, atime, target, rdev } = attributes;
  const { content } = standing;
  const written: Touch[] = [];
  if (content) written.push({ stamp: content.stamp, time: content.mtime });
  if (touched) written.push(touched);
  const mtime = latest([{ stamp: attributes.stamps.mtime, time: attributes.mtime }, ...written]);
  const edges = standing.places.filter(({ alive, edge }) => alive || edge.directory).map(({ edge }) => edge);
  const ctime = latest([{ stamp: attributes.stamp, time: attributes.ctime }, ...written, ...edges]);
  return { kind, mode, uid, gid, atime, mtime, ctime, target, rdev };
}

function latest(touches: readonly { readonly stamp: Stamp; readonly time: Time }[]): Time {
  return touches.reduce((a, b) => compareTouches(a, b) >= 0 ? a : b).time;
}

export function compareTouches(a: Touch, b: Touch): number {
  return compareStamps(a.stamp, b.stamp) || compareTimes(a.time, b.time);
}
