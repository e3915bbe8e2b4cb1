/**
 * A Worker: a client that behaves, asking for small things one after the other, and how long each took. In a thread of
 * its own, so that what the test does with a thousand clients does not delay it.
 */
import { connect } from "./connect.ts";

export interface Asked {
  readonly address: string;
  readonly path: readonly string[];
}

/** Of rounds of a write, a read and a getattr. */
export interface Latencies {
  readonly count: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

const scope = self as unknown as Worker;
let going = true;
let tookMs: number[] = [];

scope.onmessage = ({ data }: MessageEvent<Asked | "lap" | "stop">) => {
  if (data === "lap") {
    scope.postMessage(latencies());
    tookMs = [];
  } else if (data === "stop") going = false;
  else run(data);
};

async function run({ address, path }: Asked): Promise<void> {
  const client = await connect(address);
  const fid = await client.walk(client.root, ...path);
  await client.open(fid, "rw");
  const data = new Uint8Array(4096).fill(7);
  scope.postMessage("started");
  while (going) {
    const started = performance.now();
    await client.write(fid, 0, data);
    const read = await client.read(fid, 0, 4096);
    await client.info(fid);
    tookMs.push(performance.now() - started);
    if (read.byteLength !== 4096 || read.some((byte) => byte !== 7)) {
      throw new Error("Other bytes than were written");
    }
    await new Promise((done) => setTimeout(done, 1));
  }
  client.wire.close();
  scope.postMessage(latencies());
}

function latencies(): Latencies {
  const sorted = tookMs.toSorted((a, b) => a - b);
  const at = (share: number) => sorted[Math.min(Math.floor(sorted.length * share), sorted.length - 1)];
  return { count: sorted.length, p50Ms: at(0.5), p99Ms: at(0.99), maxMs: at(1) };
}
