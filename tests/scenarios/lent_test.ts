/** Long reads of files are sent from where they lie in memory: the same bytes, whatever happens meanwhile. */
import assert from "node:assert/strict";
import type { FileServer } from "../../9p/mod.ts";
import { connect } from "./connect.ts";
import { type Served, serveHere } from "./in_process.ts";
import { MIB } from "./process.ts";
import { RawClient } from "./raw_client.ts";

const FILE_BYTES = 9 * MIB + 12_345;
const COUNT = 64 * 1024;
/** Every byte says where it is, as far as one byte can. */
const PATTERN = new Uint8Array(FILE_BYTES).map((_, i) => (i * 31 + (i >>> 8) * 7 + (i >>> 16)) & 0xff);
/** A node begins to lend when it has seen so many long reads at most. */
const WARM_UP = 60;

interface Lending extends Served {
  /** How often something was lent. */
  readonly lent: number;
}

/** The tree of a node with `large` in its folder /data and in a tree in memory; `after` is told of each that is lent. */
async function start(after: (file: string) => void = () => {}): Promise<Lending> {
  let lent = 0;
  const wrap = (tree: FileServer): FileServer => ({
    ...tree,
    lend(...request) {
      const now = tree.lend!(...request);
      if (now) {
        lent++;
        after(`${served.home}/data/large`);
      }
      return now;
    },
  });
  const served = await serveHere({ wrap, config: "mounts:\n  - { at: /mem, mem: {} }\n" });
  const owner = await connect(served.socket);
  await owner.put(await owner.walk(owner.root, "data"), "large", PATTERN);
  await owner.put(await owner.walk(owner.root, "mem"), "large", PATTERN);
  owner.wire.close();
  return {
    ...served,
    get lent() {
      return lent;
    },
    [Symbol.asyncDispose]: served[Symbol.asyncDispose],
  };
}

/** A client of that file for which the node lends. */
async function lentTo(served: Lending, tree: string): Promise<RawClient> {
  const client = await RawClient.dial(served.tcp, COUNT + 24);
  await client.open(tree, "large");
  for (let i = 0; i < WARM_UP && served.lent === 0; i++) {
    await client.rpc("Tread", { fid: client.file, offset: 0, count: COUNT });
    // A descriptor is looked for ten times a second at most.
    await new Promise((wake) => setTimeout(wake, 5));
  }
  assert.ok(served.lent > 0, "Nothing was lent");
  return client;
}

function offsetOf(i: number): number {
  // Across windows of 4 MiB, at the end, and behind it.
  if (i % 16 === 15) return FILE_BYTES - 40_000;
  if (i % 16 === 14) return FILE_BYTES + 5;
  return (i * 1_234_567) % FILE_BYTES;
}

function expected(offset: number): Uint8Array {
  return PATTERN.subarray(offset, offset + COUNT);
}

for (const tree of ["data", "mem"]) {
  Deno.test(`reads of a file in /${tree} that is lent come whole and in order, other requests between them`, async () => {
    await using served = await start();
    const client = await lentTo(served, tree);
    const sendAll = async () => {
      for (let i = 0; i < 300; i++) {
        if (i % 5 === 4) await client.send("Tgetattr", { fid: client.file, requestMask: 0x7ff }, i);
        else await client.send("Tread", { fid: client.file, offset: offsetOf(i), count: COUNT }, i);
      }
    };
    const sent = sendAll();
    // The node's replies fill all buffers first, so that most of them cannot leave at once.
    await new Promise((wake) => setTimeout(wake, 200));
    for (let i = 0; i < 300; i++) {
      const reply = await client.receive();
      assert.equal(reply.tag, i);
      if (i % 5 === 4) assert.equal(reply.kind === "Rgetattr" && reply.size, FILE_BYTES);
      else assert.deepEqual(reply.kind === "Rread" && reply.data, expected(offsetOf(i)), `read ${i}`);
    }
    await sent;
    client.close();
  });
}

Deno.test("a file that is closed right behind reads of it was read whole", async () => {
  await using served = await start();
  const client = await lentTo(served, "data");
  for (let round = 0; round < 50; round++) {
    for (let i = 0; i < 6; i++) {
      await client.send("Tread", { fid: client.file, offset: offsetOf(i), count: COUNT }, i);
    }
    await client.send("Tclunk", { fid: client.file }, 6);
    for (let i = 0; i < 6; i++) {
      const reply = await client.receive();
      assert.deepEqual(reply.kind === "Rread" && reply.data, expected(offsetOf(i)));
    }
    assert.equal((await client.receive()).kind, "Rclunk");
    await client.open("data", "large");
    for (let i = 0; i < 4; i++) await client.rpc("Tread", { fid: client.file, offset: 0, count: COUNT });
  }
  client.close();
});

Deno.test("another program cuts the file just when it is lent: zeros where nothing is, and the node goes on", async () => {
  let cuts = false;
  await using served = await start((file) => {
    if (cuts) Deno.truncateSync(file, 100_000);
  });
  const client = await lentTo(served, "data");
  cuts = true;
  const offset = 90_000;
  const { data } = await client.rpc("Tread", { fid: client.file, offset, count: COUNT });
  // A page that is in memory is sent to its end, which is zeros.
  const wanted = new Uint8Array(COUNT);
  wanted.set(PATTERN.subarray(offset, 100_000));
  assert.deepEqual(data, wanted);
  const next = await client.rpc("Tread", { fid: client.file, offset, count: COUNT });
  assert.deepEqual(next.data, PATTERN.subarray(offset, 100_000));
  client.close();
});
