import { type NodeId, parseNodeId, parseVersionId, type VersionId, versionId } from "../tree/mod.ts";
import type { Version } from "../tree/mod.ts";

/** What a file of the index stands for: a node of the tree, or a losing version of one, which is a file of its own here. */
export interface Stands {
  readonly node: NodeId;
  /** Of a conflict file. */
  readonly version: VersionId | undefined;
}

/** What a file of the index is called for ever. Neither part has a `~`. */
export function fileId(node: NodeId, version: Version | undefined): string {
  return version === undefined ? node : `${node}~${versionId(version.stamp)}`;
}

/** What a file without a name, which somebody holds, is called once another has its name for ever. */
export function leftId(id: string, ino: number): string {
  return `${id}!${ino}`;
}

/** Undefined for what stands for nothing in the tree any longer. */
export function parseFileId(id: string): Stands | undefined {
  const [first, second, ...others] = id.split("~");
  const node = parseNodeId(first);
  if (node === undefined || others.length > 0) return undefined;
  if (second === undefined) return { node, version: undefined };
  return parseVersionId(second) && { node, version: second as VersionId };
}
