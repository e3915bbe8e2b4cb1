/**
 * A Worker: a client that behaves, asking for small things one after the other, and how long each took. In a thread of
 * its own, so that what the test does with a thousand clients does not delay it.
 */
import { connect } from "./connect.ts";

export interface Asked {
  readonly address: string;
  readonly path: readonly string[];
}

export interface Latencies {
  readonly count: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

const scope = self as unknown as Worker;
let going = true;

scope.onmessage = ({ data }: MessageEvent<Asked | "stop">) => {
  if (data === "stop") going = false;
  else run(data);
};

async function run({ address, path }: Asked): Promise<void> {
  const client = await connect(address);
  const fid = await client.walk(client.root, ...path);
  await client.open(fid, "rw");
  const data = new Uint8Array(4096).fill(7);
  const tookMs: number[] = [];
  scope.postMessage("started");
  while (going) {
    const started = performance.now();
    await client.write(fid, 0, data);
    const read = await client.read(fid, 0, 4096);
    await client.info(fid);
    // Three requests: their mean counts, so that no single one hides behind the others.
    tookMs.push((performance.now() - started) / 3);
    if (read.byteLength !== 4096 || read.some((byte) => byte !== 7)) throw new Error("Other bytes than were written");
    await new Promise((done) => setTimeout(done, 1));
  }
  client.wire.close();
  tookMs.sort((a, b) => a - b);
  const at = (share: number) => tookMs[Math.min(Math.floor(tookMs.length * share), tookMs.length - 1)];
  const latencies: Latencies = { count: tookMs.length, p50Ms: at(0.5), p99Ms: at(0.99), maxMs: at(1) };
  scope.postMessage(latencies);
  scope.close();
}
