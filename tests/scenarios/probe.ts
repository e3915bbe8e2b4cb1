import type { Asked, Latencies } from "./prober.ts";

/** A client that behaves, at work until it is stopped. */
export interface Probe {
  /** How it has fared since the last lap. */
  lap(): Promise<Latencies>;
  stop(): Promise<void>;
}

/** Starts one that writes and reads the file at `path`. */
export async function startProbe(asked: Asked): Promise<Probe> {
  const worker = new Worker(new URL("./prober.ts", import.meta.url), { type: "module" });
  const ask = (message: Asked | "lap" | "stop") =>
    new Promise<Latencies>((resolve, reject) => {
      worker.onmessage = ({ data }: MessageEvent<Latencies>) => resolve(data);
      worker.onerror = (event) => reject(new Error(event.message));
      worker.postMessage(message);
    });
  await ask(asked);
  return {
    lap: () => ask("lap"),
    async stop() {
      await ask("stop");
      worker.terminate();
    },
  };
}
