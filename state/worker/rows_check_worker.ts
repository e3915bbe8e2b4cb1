/** The Worker of `rows_check.ts`: it looks at all rows but those of which documents are made. */
import { wrongRows } from "./verify.ts";

/** Deno's types here are those of a window. */
const scope = self as unknown as {
  onmessage: ((event: MessageEvent<string>) => void) | null;
  postMessage(problems: readonly string[]): void;
};

scope.onmessage = ({ data }) => scope.postMessage(wrongRows(data, "rows but documents"));
