import { type AttributesRecord, packAttributes, unpackAttributes } from "./attributes.ts";
import { compareTimes, Malformed, Packer, type Time, Unpacker } from "./bytes.ts";
import { type Author, creatorOf, type NodeId } from "./id.ts";
import { isName, NAME_BYTES_MAX } from "./name.ts";
import type { Stamp } from "./stamp.ts";

/** A place in a directory: the node is there under this name, or was. */
export interface Edge {
  readonly name: string;
  readonly directory: boolean;
  /**
   * Grows by one with every move of this place. Of several edges of one place the one with the highest (counter, author) holds; the others are
   * stale and stay hidden until re-rooting.
   */
  readonly counter: number;
  /** When the edge was written, and by whom: the author is the second half of (counter, author). */
  readonly stamp: Stamp;
  readonly time: Time;
  /** The place was removed by somebody who had seen this much; undefined where it was not. */
  readonly removed?: Removed;
  /** The node's attributes, in the edge that made the node. */
  readonly attributes?: AttributesRecord;
}

/**
 * What was seen of a file by whoever removed its name. A content that is in neither list was not, and brings the file back; so does one that was left to
 * other names, unless each of the names was removed by somebody who had seen it.
 */
export interface Removed {
  /** Versions of the content that went with the name. */
  readonly seen: readonly Stamp[];
  /** Losing versions that were left as they are, as conflict files. */
  readonly kept: readonly Stamp[];
  /** The file had other names then, and what was seen was left to those. */
  readonly others: boolean;
}

const REMOVED = 1;
const DIRECTORY = 2;
const MOVED = 4;
const ATTRIBUTES = 8;
/** The time is the attributes' ctime, as in every edge that makes a node. */
const ONE_TIME = 16;
/** Of a removed one: the file had others. */
const OTHERS = 32;
export const COUNTER_MAX = 2 ** 48;
export const STAMPS_MAX = 4096;

/** `flags[1] stamp [counter] name [seen kept] [time] [attributes]` */
export function packEdge(edge: Edge, node: NodeId): Uint8Array {
  const creator = creatorOf(node);
  const { attributes, time } = edge;
  const oneTime = attributes !== undefined && compareTimes(attributes.ctime, time) === 0;
  const packer = new Packer().u8(
    (edge.removed ? REMOVED : 0) | (edge.directory ? DIRECTORY : 0) | (edge.counter === 1 ? 0 : MOVED) |
      (attributes ? ATTRIBUTES : 0) | (oneTime ? ONE_TIME : 0) | (edge.removed?.others ? OTHERS : 0),
  ).stamp(edge.stamp, creator);
  if (edge.counter !== 1) packer.number(edge.counter);
  packer.text(edge.name);
  if (edge.removed) {
    packStamps(packer, edge.removed.seen, creator);
    packStamps(packer, edge.removed.kept, creator);
  }
  if (!oneTime) packer.time(time);
  if (attributes) packAttributes(packer, attributes, creator);
  return packer.take();
}

/** Throws Malformed for what packEdge would not have written. */
export function unpackEdge(bytes: Uint8Array, node: NodeId): Edge {
  const creator = creatorOf(node);
  const unpacker = new Unpacker(bytes);
  const flags = unpacker.u8();
  const oneTime = (flags & ONE_TIME) !== 0;
  const others = (flags & OTHERS) !== 0;
  if (flags >= OTHERS * 2 || oneTime && !(flags & ATTRIBUTES) || others && !(flags & REMOVED)) {
    throw new Malformed("A flag of an edge is unknown");
  }
  const stamp = unpacker.stamp(creator);
  const counter = flags & MOVED ? unpacker.number(COUNTER_MAX) : 1;
  if (flags & MOVED && counter < 2) throw new Malformed("A counter is told that goes without saying");
  const name = unpacker.text(NAME_BYTES_MAX);
  if (!isName(name)) throw new Malformed("A name is none that a directory may hold");
  const removed = flags & REMOVED
    ? { seen: unpackStamps(unpacker, creator), kept: unpackStamps(unpacker, creator), others }
    : undefined;
  const told = oneTime ? undefined : unpacker.time();
  const attributes = flags & ATTRIBUTES ? unpackAttributes(unpacker, creator) : undefined;
  unpacker.end();
  const time = told ?? (attributes as AttributesRecord).ctime;
  if (told && attributes && compareTimes(told, attributes.ctime) === 0) {
    throw new Malformed("A time is told that goes without saying");
  }
  const directory = (flags & DIRECTORY) !== 0;
  if (attributes && (attributes.kind === "directory") !== directory) {
    throw new Malformed("An edge and its attributes disagree on what the node is");
  }
  return { name, directory, counter, stamp, time, removed, attributes };
}

function packStamps(packer: Packer, stamps: readonly Stamp[], creator: Author): void {
  packer.number(stamps.length);
  for (const stamp of stamps) packer.stamp(stamp, creator);
}

function unpackStamps(unpacker: Unpacker, creator: Author): Stamp[] {
  return Array.from({ length: unpacker.number(STAMPS_MAX) }, () => unpacker.stamp(creator));
}
