/** Clients that stop: what they hold is bounded, and after the stall time they are closed. */
import assert from "node:assert/strict";
import type { Call, FileServer } from "../../9p/mod.ts";
import type { Client } from "../conformance/client.ts";
import { connect } from "./connect.ts";
import { type Served, type ServedOptions, serveHere } from "./in_process.ts";
import { type ErrorLine, jsonLines, within } from "./node.ts";
import { startProbe } from "./probe.ts";
import { MIB, rssBytes, sleep, until } from "./process.ts";
import { RawClient } from "./raw_client.ts";

const STALL_MS = 600;
const MSIZE = 8 * MIB + 24;

/** A tree with a file of 8 MiB, served by this process with a short stall time, and its owner. */
async function start(options: ServedOptions = {}): Promise<Served & { readonly owner: Client }> {
  const served = await serveHere({ stallMs: STALL_MS, ...options });
  const owner = await connect(served.socket, { msize: MSIZE });
  const data = await owner.walk(owner.root, "data");
  await owner.put(data, "large", new Uint8Array(8 * MIB).fill(1));
  await owner.put(data, "small", new Uint8Array(4096));
  return {
    ...served,
    owner,
    async [Symbol.asyncDispose]() {
      owner.wire.close();
      await served[Symbol.asyncDispose]();
    },
  };
}

async function errorsOf(owner: Client): Promise<ErrorLine[]> {
  return jsonLines(await owner.get(owner.root, "log", "errors"));
}

/** Sends requests as fast as the other side takes them, until it closes. */
async function flood(client: RawClient, count: number): Promise<number> {
  let sent = 0;
  try {
    for (;;) await client.send("Tread", { fid: client.file, offset: 0, count }, sent++ % 60_000);
  } catch {
    return sent;
  }
}

for (const count of [64 * 1024, MIB, 8 * MIB]) {
  Deno.test(`a client asks for ${count / 1024} KiB again and again and never reads: closed, and it says so`, async () => {
    await using served = await start();
    const { engine, service, socket, owner } = served;
    const probe = await startProbe({ address: socket, path: ["data", "small"] });
    try {
      const client = await RawClient.dial(socket, MSIZE);
      await client.open("data", "large");
      await probe.lap();
      await sleep(300);
      const idle = await probe.lap();
      const before = rssBytes(Deno.pid);
      const started = performance.now();
      const flooded = flood(client, count);
      let heldMax = 0;
      const held = await until("the client is closed", () => {
        heldMax = Math.max(heldMax, engine.budget.used);
        return service.connections.size === 2;
      }, 10 * STALL_MS);
      const { p99Ms, maxMs } = await probe.lap();
      console.log(
        `closed after ${held.toFixed(0)} ms, ${
          (heldMax / MIB).toFixed(1)
        } MiB of the budget at most, p99 of another ` +
          `client ${p99Ms.toFixed(2)} ms (${idle.p99Ms.toFixed(2)} ms before), max ${maxMs.toFixed(0)} ms`,
      );
      assert.ok(performance.now() - started > STALL_MS * 0.9, "not before the stall time");
      assert.ok(heldMax <= 3 * 8 * MIB, `${heldMax} bytes`);
      assert.ok(rssBytes(Deno.pid) - before < 96 * MIB);
      assert.ok(p99Ms < 50 + 2 * idle.p99Ms, `p99 ${p99Ms} ms`);
      assert.equal(engine.budget.used, 0);
      await flooded;
      client.close();
      const [line] = (await errorsOf(owner)).filter(({ code }) => code === "ETIMEDOUT");
      assert.match(line.reason, /^A client did not read its replies for \d+ ms and was closed$/);
    } finally {
      await probe.stop();
    }
  });
}

Deno.test("a client that reads slowly, yet reads, is not closed", async () => {
  await using served = await start();
  const client = await RawClient.dial(served.socket, MSIZE);
  await client.open("data", "large");
  await client.send("Tread", { fid: client.file, offset: 0, count: 8 * MIB });
  const bytes = new Uint8Array(128 * 1024);
  let sum = 0;
  // Twice the stall time in all.
  for (let i = 0; i < 40; i++) {
    sum += await client.conn.read(bytes) ?? 0;
    await sleep(STALL_MS / 20);
  }
  while (sum < 8 * MIB + 11) {
    const count = await client.conn.read(bytes);
    assert.ok(count, "closed within the reply");
    sum += count;
  }
  assert.deepEqual(await errorsOf(served.owner), []);
  client.close();
});

Deno.test("a client that rests after a large write is not taken for one that does not end its frame", async () => {
  await using served = await start();
  // Over TCP one read of the node may bring megabytes.
  const client = await connect(served.tcp, { msize: MSIZE });
  const fid = await client.walk(client.root, "data", "large");
  await client.open(fid, "rw");
  assert.equal(await client.write(fid, 0, new Uint8Array(8 * MIB).fill(2)), 8 * MIB);
  await sleep(2 * STALL_MS);
  assert.equal(served.engine.budget.used, 0, "what it does not use is given back");
  assert.equal((await client.read(fid, 0, 100)).byteLength, 100);
  client.wire.close();
});

Deno.test("a client that does not end its frame is closed, and what it held is given back", async () => {
  await using served = await start();
  const client = await RawClient.dial(served.socket, MSIZE);
  await client.open("data", "large");
  await client.sendPartOfWrite(8 * MIB, new Uint8Array(MIB));
  await until("the budget is taken", () => served.engine.budget.used > 7 * MIB);
  const ms = await until("the client is closed", () => served.service.connections.size === 1, 5 * STALL_MS);
  assert.ok(ms > STALL_MS * 0.5);
  assert.equal(served.engine.budget.used, 0);
  const [line] = await errorsOf(served.owner);
  assert.match(line.reason, /^A client did not end its frame for \d+ ms and was closed$/);
  client.close();
});

Deno.test("where the budget is short, who holds it and does not move goes first", async () => {
  const stallMs = 4000;
  await using served = await start({ stallMs, bytesInFlightMax: 24 * MIB });
  const holders = await Promise.all([0, 1].map(() => RawClient.dial(served.socket, MSIZE)));
  for (const client of holders) {
    await client.open("data", "large");
    await client.sendPartOfWrite(8 * MIB, new Uint8Array(MIB));
  }
  await until("the budget is taken", () => served.engine.budget.used > 15 * MIB);
  const { owner } = served;
  const fid = await owner.walk(owner.root, "data", "large");
  await owner.open(fid, "w");
  const started = performance.now();
  assert.equal(await owner.write(fid, 0, new Uint8Array(8 * MIB - 1024)), 8 * MIB - 1024);
  const ms = performance.now() - started;
  console.log(`8 MiB had to wait ${ms.toFixed(0)} ms, the stall time is ${stallMs} ms`);
  assert.ok(ms < stallMs / 2);
  for (const client of holders) client.close();
});

Deno.test("replies that come late do not pile up for a client that never reads", async () => {
  // As an import does: each read answers by a Promise.
  const later = (tree: FileServer): FileServer => ({
    ...tree,
    async read(node: unknown, handle: unknown, offset: number, into: Uint8Array, call: Call) {
      const own = new Uint8Array(into.byteLength);
      await sleep(5);
      return own.subarray(0, await tree.read!(node, handle, offset, own, call) as number);
    },
  } as FileServer);
  await using served = await start({ wrap: later, bytesInFlightMax: 32 * MIB });
  const client = await RawClient.dial(served.socket, MSIZE);
  await client.open("data", "large");
  const before = rssBytes(Deno.pid);
  // It may be closed before it has asked for all of them.
  const asking = (async () => {
    for (let tag = 0; tag < 400; tag++) {
      await client.send("Tread", { fid: client.file, offset: 0, count: MIB }, tag);
    }
  })().catch(() => {});
  let peak = before;
  await until("the client is closed", () => {
    peak = Math.max(peak, rssBytes(Deno.pid));
    return served.service.connections.size === 1;
  }, 5 * STALL_MS);
  await asking;
  console.log(`400 replies of 1 MiB took ${((peak - before) / MIB).toFixed(0)} MiB`);
  // The budget of 32 MiB, twice: what the server made, and its copy in the reply; and 4 KiB for each of the others.
  assert.ok(peak - before < 128 * MIB);
  assert.equal(served.engine.budget.used, 0);
  client.close();
});

Deno.test("blocked reads hold nothing of the budget, however much they ask for", async () => {
  await using served = await start();
  const client = await RawClient.dial(served.socket, MSIZE);
  await client.open("data", "small");
  await client.rpc("Twalk", { fid: client.root, newfid: 2, wname: ["log", "events"] });
  await client.rpc("Tlopen", { fid: 2, flags: 0 });
  await until("what the owner wrote with is given back", () => served.engine.budget.used === 0);
  for (let tag = 10; tag < 110; tag++) await client.send("Tread", { fid: 2, offset: 0, count: 8 * MIB }, tag);
  await client.rpc("Tgetattr", { fid: client.root, requestMask: 0x7ff });
  assert.equal(served.engine.budget.used, 0);
  await sleep(2 * STALL_MS);
  // Waiting is no stall: it is still there.
  assert.ok(await within(1000, client.rpc("Tgetattr", { fid: client.root, requestMask: 0x7ff })));
  client.close();
});

/** Takes all of the budget, as somebody does who moves on slowly; how many bytes. */
function holdAll({ budget }: Served["engine"]): number {
  for (let held = 0;;) {
    const taken = budget.takeUpTo(MIB);
    if (taken === 0) return held;
    held += taken;
  }
}

Deno.test("a client that dies while it waits for memory is let go, though there is none", async () => {
  await using served = await start({ stallMs: 8000, bytesInFlightMax: 16 * MIB });
  const { engine, service, owner } = served;
  const held = holdAll(engine);
  const clients = await Promise.all(
    [served.socket, served.tcp].map((address) => RawClient.dial(address, MSIZE)),
  );
  for (const client of clients) {
    await client.open("data", "large");
    await client.sendPartOfWrite(8 * MIB, new Uint8Array(100 * 1024));
  }
  await until("both are there", () => service.connections.size === 3);
  await sleep(50);
  assert.equal(service.connections.size, 3);
  for (const client of clients) client.close();
  const ms = await until("both are let go", () => service.connections.size === 1, 3000);
  console.log(`let go after ${ms.toFixed(0)} ms`);
  engine.budget.give(held);
  assert.equal(engine.budget.used, 0);
  assert.ok(!engine.budget.isShort);
  assert.equal((await owner.get(owner.root, "data", "small")).length, 4096);
});

Deno.test("a client that waits for memory loses nothing of what it sends meanwhile", async () => {
  await using served = await start({ stallMs: 2000, bytesInFlightMax: 16 * MIB });
  const { engine, owner } = served;
  let held = holdAll(engine);
  const data = Uint8Array.from({ length: 5 * MIB }, (_, i) => i * 31 >> 3);
  for (const address of [served.socket, served.tcp]) {
    const writer = await connect(address, { msize: MSIZE });
    const fid = await writer.create(await writer.walk(writer.root, "data"), `from ${address.slice(0, 3)}`);
    const writing = writer.write(fid, 0, data);
    // Some is read ahead meanwhile.
    await sleep(600);
    engine.budget.give(held);
    assert.equal(await writing, data.byteLength);
    const back = await writer.read(fid, 0, 5 * MIB);
    assert.ok(back.every((byte, i) => byte === data[i]));
    writer.wire.close();
    await until("it is let go", () => served.service.connections.size === 1);
    held = holdAll(engine);
  }
  engine.budget.give(held);
  assert.equal((await owner.get(owner.root, "data", "small")).length, 4096);
});

Deno.test("a client that waits for memory for too long is closed, and it says so", async () => {
  await using served = await start({ stallMs: 200, bytesInFlightMax: 16 * MIB });
  const { engine, service, owner } = served;
  const held = holdAll(engine);
  const client = await RawClient.dial(served.socket, MSIZE);
  await client.open("data", "large");
  // More than the node and the kernel keep: nobody can see that it has gone.
  client.sendPartOfWrite(8 * MIB, new Uint8Array(4 * MIB)).catch(() => {});
  await sleep(200);
  client.close();
  await until("it is closed", () => service.connections.size === 1, 5000);
  engine.budget.give(held);
  assert.match((await errorsOf(owner)).at(-1)!.reason, /^A client waited 800 ms for memory and was closed$/);
});
