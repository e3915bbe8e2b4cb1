import { NineError } from "../../9p/mod.ts";
import { edgeSum } from "./node_row.ts";

/** A name in a directory. */
export interface EdgeRow {
  readonly eid: number;
  readonly name: string;
  readonly ino: number;
}

/** EIO where a row is not what was stored. */
export function checkEdge(
  { eid, parent, name, ino, sum }: EdgeRow & { readonly parent: number; readonly sum: number },
): void {
  if (edgeSum(eid, parent, name, ino) === sum) return;
  throw new NineError(
    "EIO",
    `The index row of name ${JSON.stringify(name)} in directory ${parent} does not match its checksum: ` +
      "run volume verify",
  );
}
