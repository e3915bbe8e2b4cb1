/** A Worker for tests that dies in the middle of a run: of the ones whose first argument begins with `die`. */
import "./worker.ts";
import type { ToWorker } from "./messages.ts";

const scope = self as unknown as { onmessage: (event: MessageEvent<ToWorker>) => void };
const honest = scope.onmessage;
scope.onmessage = (event) => {
  const { data } = event;
  if (data.kind === "run" && data.args[0] === "die always") throw new Error("died as it was told to");
  if (data.kind === "run" && data.args[0].startsWith("die once ")) {
    const mark = data.args[0].slice("die once ".length);
    try {
      Deno.openSync(mark, { write: true, createNew: true }).close();
    } catch {
      return honest(event);
    }
    throw new Error("died as it was told to");
  }
  // A Worker that is busy with something that nothing can interrupt.
  if (data.kind === "run" && data.args[0] === "hang") {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
  }
  return honest(event);
};
