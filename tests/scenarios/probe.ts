import type { Asked, Latencies } from "./prober.ts";

/** A client that behaves, at work until `stop` says how it fared. */
export interface Probe {
  stop(): Promise<Latencies>;
}

/** Starts one that writes and reads the file at `path`. */
export async function startProbe(asked: Asked): Promise<Probe> {
  const worker = new Worker(new URL("./prober.ts", import.meta.url), { type: "module" });
  const next = () =>
    new Promise<Latencies | "started">((resolve, reject) => {
      worker.onmessage = ({ data }: MessageEvent<Latencies | "started">) => resolve(data);
      worker.onerror = (event) => reject(new Error(event.message));
    });
  const started = next();
  worker.postMessage(asked);
  await started;
  return {
    async stop() {
      const latencies = next();
      worker.postMessage("stop");
      const found = await latencies;
      worker.terminate();
      return found as Latencies;
    },
  };
}
