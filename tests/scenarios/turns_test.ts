/** Many clients that read much at once: the event loop goes round between them, so that small requests are served. */
import assert from "node:assert/strict";
import type { Call, FileServer } from "../../9p/mod.ts";
import { serveHere } from "./in_process.ts";
import { connect } from "./connect.ts";
import { TestNode } from "./node.ts";
import { startProbe } from "./probe.ts";
import { MIB, sleep } from "./process.ts";
import { RawClient } from "./raw_client.ts";

const CLIENTS = 40;
const MSIZE = 8 * MIB + 24;
/** What reads may copy in one turn, and what each that comes after that may still have. */
const TURN_BYTES = 8 * MIB;
const SHORT_BYTES = 64 * 1024;

Deno.test("40 clients read 8 MiB at once: one turn of the event loop copies a part of it", async () => {
  let inTurn = 0;
  let most = 0;
  const counting = (tree: FileServer): FileServer => ({
    ...tree,
    read(node: unknown, handle: unknown, offset: number, into: Uint8Array, call: Call) {
      if (inTurn === 0) setImmediate(() => inTurn = 0);
      const read = tree.read!(node, handle, offset, into, call);
      if (typeof read === "number") inTurn += read;
      most = Math.max(most, inTurn);
      return read;
    },
  } as FileServer);
  await using served = await serveHere({ wrap: counting });
  const owner = await connect(served.socket, { msize: MSIZE });
  const data = await owner.walk(owner.root, "data");
  await owner.put(data, "large", Uint8Array.from({ length: 8 * MIB }, (_, i) => i >> 12));
  const clients = await Promise.all(
    Array.from({ length: CLIENTS }, async () => {
      const client = await RawClient.dial(served.socket, MSIZE);
      await client.open("data", "large");
      return client;
    }),
  );
  for (let round = 0; round < 3; round++) {
    const asked = { fid: clients[0].file, offset: 0, count: 8 * MIB };
    await Promise.all(clients.map((client) => client.send("Tread", asked)));
    for (const reply of await Promise.all(clients.map((client) => client.receive()))) {
      assert.ok(reply.kind === "Rread" && reply.data.byteLength >= 4096);
      assert.ok(reply.data.every((byte, i) => byte === ((i >> 12) & 255)));
    }
  }
  console.log(`at most ${(most / MIB).toFixed(1)} MiB in one turn`);
  assert.ok(most <= TURN_BYTES + CLIENTS * SHORT_BYTES, `${most} bytes in one turn`);
  // Who is alone gets all of it.
  await sleep(5);
  const fid = await owner.walk(data, "large");
  await owner.open(fid, "r");
  assert.equal((await owner.read(fid, 0, 8 * MIB)).byteLength, 8 * MIB);
  for (const client of clients) client.close();
  owner.wire.close();
});

Deno.test("beside 40 clients that read 8 MiB at once, another's small requests are served", async () => {
  await using node = await TestNode.start();
  await Deno.writeFile(node.data("large"), new Uint8Array(8 * MIB).fill(1));
  await Deno.writeFile(node.data("small"), new Uint8Array(4096));
  const clients = await Promise.all(
    Array.from({ length: CLIENTS }, async () => {
      const client = await RawClient.dial(node.socket, MSIZE);
      await client.open("data", "large");
      return client;
    }),
  );
  const probe = await startProbe({ address: node.socket, path: ["data", "small"] });
  await sleep(300);
  const idle = await probe.lap();
  // None of them takes its reply yet: what is measured is the node, not how fast this test reads.
  for (let round = 0; round < 5; round++) {
    const asked = { fid: clients[0].file, offset: 0, count: 8 * MIB };
    await Promise.all(clients.map((client) => client.send("Tread", asked)));
    await sleep(60);
    await Promise.all(clients.map((client) => client.receive()));
  }
  const { count, p50Ms, p99Ms, maxMs } = await probe.lap();
  console.log(
    `${count} rounds, p50 ${p50Ms.toFixed(2)} ms, p99 ${p99Ms.toFixed(2)} ms, max ${maxMs.toFixed(1)} ms; ` +
      `before: p99 ${idle.p99Ms.toFixed(2)} ms, max ${idle.maxMs.toFixed(1)} ms`,
  );
  assert.ok(maxMs < 100 + 2 * idle.maxMs, `one round took ${maxMs} ms`);
  for (const client of clients) client.close();
  await probe.stop();
});
