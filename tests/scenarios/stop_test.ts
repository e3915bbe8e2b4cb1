/** How a node ends, and how the next one begins on the same home. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Client } from "../conformance/client.ts";
import { connect } from "./connect.ts";
import { makeHome, TestNode } from "./node.ts";
import { sleep, until } from "./process.ts";
import { RawClient } from "./raw_client.ts";

/** DESIGN: what is in flight is finished, and a blocked read, which has no end, is not waited for. */
const STOP_MS = 3000;
const LAUNCHER = fileURLToPath(new URL("../../lux9", import.meta.url));
const SIGNALS = ["SIGINT", "SIGTERM"] as const;

async function isThere(path: string): Promise<boolean> {
  return await Deno.lstat(path).then(() => true, () => false);
}

/** A read of /log/events that nothing answers. */
async function blockRead(client: Client): Promise<void> {
  const events = await client.walk(client.root, "log", "events");
  await client.open(events, "r");
  client.wire.send("Tread", { fid: events, offset: 0, count: 4096 });
  await client.getattr(client.root);
}

/** A read or a write that waits for the other end of a fifo. */
async function blockOnFifo(client: Client): Promise<void> {
  const data = await client.walk(client.root, "data");
  await client.rpc("Tmknod", { dfid: data, name: "fifo", mode: 0o10644, major: 0, minor: 0, gid: 0 });
  const fifo = await client.walk(data, "fifo");
  await client.open(fifo, "rw");
  client.wire.send("Tread", { fid: fifo, offset: 0, count: 4096 });
  await client.getattr(client.root);
}

for (const signal of SIGNALS) {
  Deno.test(`${signal} with blocked reads open: code 0, no socket, within ${STOP_MS} ms`, async () => {
    await using node = await TestNode.start({ listen: ["tcp!127.0.0.1!PORT"] });
    const clients = await Promise.all([1, 2, 3].map(() => node.connect()));
    await Promise.all(clients.map(blockRead));
    await blockOnFifo(clients[0]);
    const { code, stdout, stderr, ms } = await node.stop(signal);
    console.log(`stopped within ${ms.toFixed(0)} ms`);
    assert.equal(stderr, "");
    assert.equal(code, 0);
    assert.match(stdout, /no socket is left/);
    assert.ok(ms < STOP_MS);
    assert.equal(await isThere(join(node.home, "run", "9p")), false);
    for (const { wire } of clients) assert.ok(await wire.closes());
  });
}

Deno.test("a node that is told to stop before it has made its examples stops as any other", async () => {
  const home = await makeHome();
  try {
    const child = new Deno.Command(LAUNCHER, {
      args: ["up", "--demo", "--home", home],
      stdin: "null",
      stdout: "null",
      stderr: "piped",
    }).spawn();
    await until("it serves", () => isThere(join(home, "run", "9p")), 15_000);
    const client = await connect(`unix!${home}/run/9p`);
    const data = await client.walk(client.root, "data");
    await until("an example", async () => (await client.names(data)).length > 0);
    child.kill("SIGTERM");
    const { code, stderr } = await child.output();
    client.wire.close();
    assert.deepEqual([code, new TextDecoder().decode(stderr)], [0, ""]);
    assert.equal(await isThere(join(home, "run", "9p")), false);
  } finally {
    await Deno.remove(home, { recursive: true });
  }
});

Deno.test("two signals in a row are as good as one", async () => {
  await using node = await TestNode.start();
  await node.asOwner(async (client) => {
    await blockRead(client);
    node.signal("SIGINT");
    node.signal("SIGTERM");
    const { code, stderr, ms } = await node.stop("SIGINT");
    assert.deepEqual([code, stderr], [0, ""]);
    assert.ok(ms < STOP_MS);
  });
});

Deno.test("SIGTERM during 64 writes in flight: none that was answered is lost, and what was read is answered", async () => {
  await using node = await TestNode.start();
  const client = await node.connect({ msize: 64 * 1024 });
  const data = await client.walk(client.root, "data");
  const fid = await client.create(data, "file");
  const PART = 32 * 1024;
  let next = 0;
  const answered: number[] = [];
  /** Each keeps one write in flight until the node has gone. */
  const writer = async () => {
    for (;;) {
      const part = next++;
      try {
        await client.write(fid, part * PART, new Uint8Array(PART).fill(part % 251 + 1));
      } catch {
        return;
      }
      answered.push(part);
    }
  };
  const writers = Array.from({ length: 64 }, writer);
  await sleep(300);
  const { code, ms } = await node.stop();
  await Promise.all(writers);
  console.log(`${answered.length} writes were answered, stopped within ${ms.toFixed(0)} ms`);
  assert.equal(code, 0);
  assert.ok(ms < STOP_MS);
  assert.deepEqual(client.wire.violations.filter((what) => !what.includes("within a frame")), []);
  assert.ok(answered.length > 64);
  const file = await Deno.readFile(node.data("file"));
  for (const part of answered) {
    const bytes = file.subarray(part * PART, (part + 1) * PART);
    assert.equal(bytes.byteLength, PART);
    assert.ok(bytes.every((byte) => byte === part % 251 + 1), `part ${part} was answered and is not there`);
  }
});

Deno.test("a client that never reads its replies does not keep a node from stopping", async () => {
  await using node = await TestNode.start();
  await Deno.writeFile(node.data("large"), new Uint8Array(1024 * 1024));
  const silent = await RawClient.dial(node.socket, 1024 * 1024);
  await silent.open("data", "large");
  for (let tag = 0; tag < 30; tag++) {
    await silent.send("Tread", { fid: silent.file, offset: 0, count: 1024 * 1024 }, tag);
  }
  await until("a reply waits for it", async () => (await node.status()).bytesInFlight > 0);
  const { code, ms } = await node.stop();
  console.log(`stopped within ${ms.toFixed(0)} ms`);
  assert.equal(code, 0);
  assert.ok(ms < STOP_MS);
  silent.close();
});

Deno.test("after kill -9: the stale socket is taken over, and what was answered is there", async () => {
  const home = await makeHome();
  try {
    {
      await using node = await TestNode.start({ home });
      await node.asOwner(async (client) => {
        await client.put(await client.walk(client.root, "data"), "file", "answered");
      });
      node.signal("SIGKILL");
      await node.ended;
      assert.ok(await isThere(join(home, "run", "9p")), "a killed node leaves its socket");
    }
    await using next = await TestNode.start({ home });
    await next.asOwner(async (client) => {
      assert.equal(await client.get(client.root, "data", "file"), "answered");
    });
    assert.equal((await next.stop()).code, 0);
    assert.equal(await isThere(join(home, "run", "9p")), false);
  } finally {
    await Deno.remove(home, { recursive: true });
  }
});

Deno.test("a socket that another program listens on is not taken over", async () => {
  const home = await makeHome();
  try {
    await Deno.mkdir(join(home, "run"));
    using _other = Deno.listen({ transport: "unix", path: join(home, "run", "9p") });
    const { code, stderr } = await TestNode.refused({ home });
    assert.equal(code, 1);
    assert.match(stderr, /is in use by another program/);
    assert.ok(await isThere(join(home, "run", "9p")));
  } finally {
    await Deno.remove(home, { recursive: true });
  }
});

Deno.test("the socket is its owner's alone, in a folder that nobody else enters", async () => {
  await using node = await TestNode.start();
  const mode = async (path: string) => ((await Deno.stat(path)).mode ?? 0) & 0o777;
  assert.equal(await mode(join(node.home, "run")), 0o700);
  assert.equal(await mode(join(node.home, "run", "9p")), 0o600);
});
