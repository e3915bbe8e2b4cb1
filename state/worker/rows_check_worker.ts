/** The Worker of `rows_check.ts`: it looks at what is in chunks, and at all rows but those of which documents are made. */
import { ContentsCheck, type Reached } from "./contents_check.ts";
import { wrongRows } from "./verify.ts";

/** What was found in a folder. */
export interface FoundWrong {
  readonly problems: readonly string[];
  /** Ids of chunks whose bytes are not what was written. */
  readonly damaged: readonly Uint8Array[];
}

export type ToCheck =
  /** The rows of chunks are there; their packs are about to come. */
  | { readonly kind: "contents"; readonly folder: string }
  | ({ readonly kind: "reached" } & Reached)
  /** All rows and packs are there. */
  | { readonly kind: "rows"; readonly folder: string };

export type FromCheck = { readonly kind: "begun" } | ({ readonly kind: "found" } & FoundWrong);

/** Deno's types here are those of a window. */
const scope = self as unknown as {
  onmessage: ((event: MessageEvent<ToCheck>) => void) | null;
  postMessage(message: FromCheck): void;
};

let contents: ContentsCheck | undefined;

scope.onmessage = ({ data }) => {
  switch (data.kind) {
    case "contents":
      contents = new ContentsCheck(data.folder);
      return scope.postMessage({ kind: "begun" });
    case "reached":
      return contents!.reach(data);
    case "rows": {
      contents?.reach({ pack: Infinity, end: Infinity });
      contents?.[Symbol.dispose]();
      const problems = wrongRows(data.folder, "rows but documents");
      scope.postMessage({ kind: "found", problems, damaged: contents?.damaged ?? [] });
    }
  }
};
