/** The Worker of `rows_check.ts`: it looks at all rows but those of which documents are made, and at what is in chunks. */
import { DatabaseSync } from "node:sqlite";
import { realDisk } from "../disk/mod.ts";
import { DATABASE } from "../guard/mod.ts";
import { damagedChunks } from "./clone_contents.ts";
import { wrongRows } from "./verify.ts";

export interface ToCheck {
  readonly folder: string;
  /** Also what is in chunks. */
  readonly withContents: boolean;
}

/** What was found in a folder. */
export interface FoundWrong {
  readonly problems: readonly string[];
  /** Ids of chunks whose bytes are not what was written. */
  readonly damaged: readonly Uint8Array[];
}

/** Deno's types here are those of a window. */
const scope = self as unknown as {
  onmessage: ((event: MessageEvent<ToCheck>) => void) | null;
  postMessage(found: FoundWrong): void;
};

scope.onmessage = ({ data: { folder, withContents } }) => {
  const problems = wrongRows(folder, "rows but documents");
  if (problems.length > 0 || !withContents) return scope.postMessage({ problems, damaged: [] });
  using db = new DatabaseSync(`${folder}/${DATABASE}`, { readOnly: true });
  scope.postMessage({ problems, damaged: damagedChunks(db, realDisk(folder)) });
};
