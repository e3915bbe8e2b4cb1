import { type NodeId, parseNodeId } from "./id.ts";
import { parseVersionId, type VersionId } from "./stamp.ts";

/**
 * The keys of a document. A document is one flat map, since Automerge is fastest there:
 *
 * | key | value |
 * |---|---|
 * | `eNODE` | an edge: the node has a place in this document's directory (`edge.ts`), by its first name |
 * | `eNODE:SLOT` | the same for a further name of a file; the slot is an id of its own |
 * | `mNODE` | attributes, where they are no longer those of the edge that made the node (`attributes.ts`) |
 * | `cNODE` | content (`content.ts`) |
 * | `lNODE:VERSION` | a content that lost against another and that somebody wrote over since: it stays a conflict file |
 * | `rNODE:VERSION` | this losing version is resolved |
 * | `xNODE:NAME` | an extended attribute |
 * | `t` | what the directory's time comes from where re-rooting dropped it |
 *
 * All of a node's keys but `e` are in its home, the document in which it was made.
 */
export type Key = string;

/** A key taken apart: whose it is, and its own part without the node, such as `e`, `e:SLOT` or `x:user.tag`. */
export type KeyParts =
  | { readonly kind: "edge"; readonly node: NodeId; readonly part: string; readonly slot: Slot }
  | { readonly kind: "attributes" | "content"; readonly node: NodeId; readonly part: string }
  | {
    readonly kind: "lost" | "resolved";
    readonly node: NodeId;
    readonly part: string;
    readonly version: VersionId;
  }
  | { readonly kind: "xattr"; readonly node: NodeId; readonly part: string; readonly name: string };

/** Which of a file's names: "" is the first, others have an id that nothing else has. */
export type Slot = NodeId | "";

/** The key in a document of what a document says of its directory itself. */
export const TOUCHED_KEY: Key = "t";

export const XATTR_NAME_BYTES_MAX = 255;
const utf8 = new TextEncoder();

export function edgeKey(node: NodeId, slot: Slot): Key {
  return slot === "" ? "e" + node : `e${node}:${slot}`;
}

/** The key of a node's record of which `part` is the own part. */
export function keyOf(node: NodeId, part: string): Key {
  return part[0] + node + part.slice(1);
}

/** Takes a key apart; undefined for one that this program would not write. */
export function parseKey(key: Key): KeyParts | undefined {
  const colon = key.indexOf(":");
  const node = parseNodeId(colon < 0 ? key.slice(1) : key.slice(1, colon));
  if (node === undefined) return undefined;
  const letter = key[0];
  if (colon < 0) {
    if (letter === "e") return { kind: "edge", node, part: "e", slot: "" };
    if (letter === "m") return { kind: "attributes", node, part: "m" };
    return letter === "c" ? { kind: "content", node, part: "c" } : undefined;
  }
  const rest = key.slice(colon + 1);
  const part = letter + key.slice(colon);
  switch (letter) {
    case "e": {
      const slot = parseNodeId(rest);
      return slot === undefined ? undefined : { kind: "edge", node, part, slot };
    }
    case "l":
    case "r":
      if (!parseVersionId(rest)) return undefined;
      return { kind: letter === "l" ? "lost" : "resolved", node, part, version: rest as VersionId };
    case "x":
      return isXattrName(rest) ? { kind: "xattr", node, part, name: rest } : undefined;
  }
}

export function isXattrName(name: string): boolean {
  return name.length > 0 && !name.includes("\0") && name.isWellFormed() &&
    utf8.encode(name).length <= XATTR_NAME_BYTES_MAX;
}
