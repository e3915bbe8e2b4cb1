/** The isolate of a pool's Worker: runs what it is told to, one thing after the other. */
import { reasonOf } from "../../9p/mod.ts";
import { openLibrary } from "./library.ts";
import type { FromWorker, Outcome, ToWorker } from "./messages.ts";
import { Runner } from "./runner.ts";

const scope = self as unknown as {
  onmessage: (event: MessageEvent<ToWorker>) => void;
  postMessage(message: FromWorker, transfer?: Transferable[]): void;
  close(): void;
};

/** To hand over memory takes longer than to copy that much. */
const COPIED_BYTES_MAX = 16 * 1024;

let runner: Runner | undefined;

scope.onmessage = ({ data }) => {
  switch (data.kind) {
    case "start": {
      const [plain, metered] = data.engines.map((address) => Deno.UnsafePointer.create(address)!);
      runner = new Runner(
        openLibrary(data.library),
        [plain, metered],
        data.control,
        (message) => scope.postMessage(message),
      );
      return scope.postMessage({ kind: "ready" });
    }
    case "run": {
      const outcome = runOf(data);
      const { bytes } = outcome;
      const message: FromWorker = { kind: "done", run: data.run, outcome };
      return bytes && bytes.byteLength > COPIED_BYTES_MAX
        ? scope.postMessage(message, [bytes.buffer])
        : scope.postMessage(message);
    }
    case "drop":
      return runner!.drop(data.key, data.address);
    case "end":
      runner!.close();
      return scope.close();
  }
};

function runOf(order: ToWorker & { kind: "run" }): Outcome {
  try {
    return runner!.run(order);
  } catch (thrown) {
    const failure = { reason: "engine", detail: reasonOf(thrown) } as const;
    return { failure, exitCode: 0, stderr: new Uint8Array(0), fuel: 0n, wallUs: 0, memoryBytes: 0 };
  }
}
