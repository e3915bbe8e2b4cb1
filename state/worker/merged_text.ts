import { Errno, errnoOf } from "../../9p/mod.ts";
import { mergeText } from "../automerge/mod.ts";
import { type Content, MERGE_BYTES_MAX, type MergeRequest } from "../tree/mod.ts";

type Stored = Pick<Content, "size" | "descriptor">;

/** What the sides of a merge come to; undefined where they do not, or where bytes of them or of their base are not here or damaged: then the sides stand next to each other. */
export function mergedText(
  { base, sides }: MergeRequest,
  bytesOf: (content: Stored) => Uint8Array,
): Uint8Array | undefined {
  if ([...sides, ...base ? [base] : []].some(({ size }) => size > MERGE_BYTES_MAX)) return undefined;
  try {
    return mergeText(base ? bytesOf(base) : new Uint8Array(0), sides.map(bytesOf));
  } catch (thrown) {
    if (errnoOf(thrown) !== Errno.EIO) throw thrown;
    return undefined;
  }
}
