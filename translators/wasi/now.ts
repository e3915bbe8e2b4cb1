import type { Later } from "../../9p/mod.ts";
import { WasiError } from "./errno.ts";

/** A guest waits for the answer of a call, so a file server behind it must have one at once. */
export function now<T>(answer: Later<T>): T {
  if (!(answer instanceof Promise)) return answer;
  // Nobody waits for it any more, so its failure is nobody's news.
  answer.catch(() => {});
  throw new WasiError("IO", "A file server answered later: one that serves a guest must answer at once");
}
