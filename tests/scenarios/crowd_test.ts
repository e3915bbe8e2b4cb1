/** A thousand clients that each want 8 MiB at once: the node's memory stays within its budget, and nobody waits. */
import assert from "node:assert/strict";
import { connect } from "./connect.ts";
import { TestNode, within } from "./node.ts";
import { type Probe, startProbe } from "./probe.ts";
import { MIB, peakBytes, resetPeak, sleep, until } from "./process.ts";
import { RawClient } from "./raw_client.ts";

const CLIENTS = 1000;
const MSIZE = 8 * MIB + 24;
const FILE_BYTES = 8 * MIB;
/** What all connections together may hold of large requests and replies: `Engine`'s default. */
const BUDGET = 256 * MIB;
/** For what is free of it (32 MiB each way), and for what V8 has not collected yet. */
const SLACK = 96 * MIB;
/** Of a client that behaves, on an idle machine; where the machine is busy without the crowd, so much more. */
const P99_MS = 50;
/** For as long, so that the percentile is of many rounds. */
const LOAD_MS = 2500;

interface Crowd extends AsyncDisposable {
  readonly node: TestNode;
  readonly probe: Probe;
  readonly clients: readonly RawClient[];
  /** Resident memory of the node with all clients connected and idle, bytes. */
  readonly idleBytes: number;
  readonly idleP99Ms: number;
}

/** A node, a client that behaves, and a thousand others, each with the same file of 8 MiB open. */
async function gather(): Promise<Crowd> {
  const node = await TestNode.start();
  await Deno.writeFile(node.data("large"), new Uint8Array(FILE_BYTES).fill(1));
  await Deno.writeFile(node.data("small"), new Uint8Array(4096));
  const probe = await startProbe({ address: node.socket, path: ["data", "small"] });
  const clients: RawClient[] = [];
  while (clients.length < CLIENTS) {
    const some = Array.from({ length: 100 }, async () => {
      const client = await RawClient.dial(node.socket, MSIZE);
      await client.open("data", "large");
      return client;
    });
    clients.push(...await Promise.all(some));
  }
  await probe.lap();
  await sleep(500);
  const { p99Ms: idleP99Ms } = await probe.lap();
  resetPeak(node.pid);
  return {
    node,
    probe,
    clients,
    idleBytes: node.rssBytes(),
    idleP99Ms,
    async [Symbol.asyncDispose]() {
      for (const client of clients) client.close();
      await probe.stop();
      await node[Symbol.asyncDispose]();
    },
  };
}

/** What must hold while the crowd is at it. */
async function checkUnderLoad({ node, probe, idleBytes, idleP99Ms }: Crowd): Promise<void> {
  const { count, p50Ms, p99Ms, maxMs } = await probe.lap();
  const peak = peakBytes(node.pid) - idleBytes;
  console.log(
    `memory +${mib(peak)} MiB over ${
      mib(idleBytes)
    } MiB with ${CLIENTS} idle clients; a client that behaves: ` +
      `${count} rounds, p50 ${p50Ms.toFixed(2)} ms, p99 ${p99Ms.toFixed(2)} ms (${
        idleP99Ms.toFixed(2)
      } ms before), ` +
      `max ${maxMs.toFixed(0)} ms`,
  );
  assert.ok(peak < BUDGET + SLACK, `The node took ${mib(peak)} MiB for the crowd`);
  assert.ok(p99Ms < P99_MS + 2 * idleP99Ms, `p99 is ${p99Ms} ms, ${idleP99Ms} ms without the crowd`);
}

/** What must hold once it has gone. */
async function checkFreed({ node, idleBytes }: Crowd): Promise<void> {
  // The client that behaves and the one that asks.
  await until("all connections are let go", async () => (await node.status()).connections === 2);
  const { bytesInFlight, fids } = await node.status();
  assert.equal(bytesInFlight, 0);
  assert.equal(fids, 4);
  const left = node.rssBytes() - idleBytes;
  console.log(`afterwards: ${left < 0 ? "" : "+"}${mib(left)} MiB`);
  assert.ok(left < 64 * MIB, `${mib(left)} MiB more than before the crowd`);
}

function mib(bytes: number): number {
  return Math.round(bytes / MIB);
}

Deno.test("1,000 clients ask for 8 MiB at once, and half of them never read it", async () => {
  await using crowd = await gather();
  const { node, clients } = crowd;
  await Promise.all(
    clients.map((client) => client.send("Tread", { fid: client.file, offset: 0, count: FILE_BYTES })),
  );
  const readers = clients.filter((_, i) => i % 2 === 0);
  const replies = await within(30_000, Promise.all(readers.map((client) => client.receive())));
  assert.ok(replies, "who reads is answered");
  for (const reply of replies) {
    assert.ok(reply.kind === "Rread" && reply.data.byteLength >= 4096, reply.kind);
    assert.ok(reply.data.every((byte) => byte === 1));
  }
  await sleep(LOAD_MS);
  await checkUnderLoad(crowd);
  for (const client of clients) client.close();
  await checkFreed(crowd);

  const after = await connect(node.socket, { msize: MSIZE });
  const fid = await after.walk(after.root, "data", "large");
  await after.open(fid, "r");
  assert.equal(
    (await after.read(fid, 0, FILE_BYTES)).byteLength,
    FILE_BYTES,
    "there is room for all of it again",
  );
  after.wire.close();
});

Deno.test("1,000 clients announce a Twrite of 8 MiB and send half of it", async () => {
  await using crowd = await gather();
  const { node, clients } = crowd;
  const half = new Uint8Array(FILE_BYTES / 2);
  // Those that the node does not read from cannot send it all: their writes end with the connection.
  for (const client of clients) client.sendPartOfWrite(FILE_BYTES, half).catch(() => {});
  await until(
    "the budget is used up",
    async () => (await node.status()).bytesInFlight > BUDGET * 0.8,
    10_000,
  );

  const other = await connect(node.socket, { msize: 512 * 1024 });
  const dir = await other.walk(other.root, "data");
  const started = performance.now();
  await other.put(dir, "beside", new Uint8Array(4 * MIB).fill(3));
  console.log(`beside them, 4 MiB in pieces of 512 KiB took ${(performance.now() - started).toFixed(0)} ms`);
  other.wire.close();

  await sleep(LOAD_MS);
  await checkUnderLoad(crowd);
  for (const client of clients) client.close();
  await checkFreed(crowd);
  assert.equal((await Deno.stat(node.data("beside"))).size, 4 * MIB);
  assert.ok(
    (await Deno.readFile(node.data("large"))).every((byte) => byte === 1),
    "half a write writes nothing",
  );
});
