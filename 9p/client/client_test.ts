import assert from "node:assert/strict";
import { Errno } from "../errno.ts";
import { errnoOf, type NineError } from "../error.ts";
import { Scripted } from "./_scripted.ts";
import { Client } from "./client.ts";

async function start(msize?: number): Promise<{ peer: Scripted; client: Client }> {
  const peer = new Scripted();
  const [client] = await Promise.all([Client.start(peer), peer.agree(msize)]);
  return { peer, client };
}

const errno = (name: keyof typeof Errno) => (thrown: unknown) => errnoOf(thrown) === Errno[name];
const turn = () => new Promise((done) => setTimeout(done, 0));

Deno.test("Client goes down the dialects until the server agrees, and takes its msize", async () => {
  const peer = new Scripted("9P2000");
  const starting = Client.start(peer);
  const asked: unknown[] = [];
  for (const version of ["unknown", "unknown", "9P2000"]) {
    const request = await peer.request();
    asked.push(request.kind === "Tversion" && request.version);
    peer.reply("Rversion", request.tag, { msize: 4096, version });
  }
  await using client = await starting;
  assert.deepEqual(asked, ["9P2000.L", "9P2000.u", "9P2000"]);
  assert.equal(client.dialect, "9P2000");
  assert.equal(client.msize, 4096);
});

Deno.test("Client takes an error to Tversion as a no", async () => {
  const peer = new Scripted("9P2000");
  const starting = Client.start(peer);
  const first = await peer.request();
  peer.reply("Rerror", first.tag, { ename: "what?", errno: 0 });
  const second = await peer.request();
  peer.reply("Rversion", second.tag, { msize: 8192, version: "9P2000" });
  await using client = await starting;
  assert.equal(client.dialect, "9P2000");
});

Deno.test("Client refuses a larger msize than it asked for, and a server that speaks nothing it knows", async () => {
  const large = new Scripted();
  await Promise.all([
    assert.rejects(Client.start(large, { msize: 8192 }), errno("EPROTO")),
    large.agree(8193),
  ]);
  assert.ok(large.isClosed);
  const strange = new Scripted();
  const refused = assert.rejects(Client.start(strange, { dialects: ["9P2000.L"] }), errno("EPROTO"));
  strange.reply("Rversion", (await strange.request()).tag, { msize: 8192, version: "9P3000" });
  await refused;
});

Deno.test("Client matches replies that come out of order", async () => {
  const { peer, client } = await start();
  await using _ = client;
  const first = client.rpc("Treadlink", { fid: 1 });
  const second = client.rpc("Treadlink", { fid: 2 });
  const a = await peer.request();
  const b = await peer.request();
  peer.reply("Rreadlink", b.tag, { target: "two" });
  assert.equal((await second).target, "two");
  peer.reply("Rreadlink", a.tag, { target: "one" });
  assert.equal((await first).target, "one");
});

Deno.test("Client copies bytes out of the reply", async () => {
  const { peer, client } = await start();
  await using _ = client;
  const replies = [1, 2].map(() => client.rpc("Tread", { fid: 1, offset: 0, count: 4 }));
  for (const byte of [1, 2]) {
    const { tag } = await peer.request();
    peer.reply("Rread", tag, { data: new Uint8Array(4).fill(byte) });
  }
  assert.deepEqual((await Promise.all(replies)).map(({ data }) => [...data]), [[1, 1, 1, 1], [2, 2, 2, 2]]);
});

Deno.test("Client cancels by Tflush and rejects only after Rflush", async () => {
  const { peer, client } = await start();
  await using _ = client;
  const aborter = new AbortController();
  let settled = false;
  const reading = client.rpc("Tread", { fid: 1, offset: 0, count: 4 }, aborter.signal);
  reading.catch(() => {}).finally(() => settled = true);
  const read = await peer.request();
  aborter.abort();
  const flush = await peer.request();
  assert.equal(flush.kind === "Tflush" && flush.oldtag, read.tag);
  await turn();
  assert.ok(!settled, "a cancelled request is over when Rflush has come, not before");
  // The tag is not given again meanwhile.
  const other = client.rpc("Tclunk", { fid: 2 });
  const clunk = await peer.request();
  assert.notEqual(clunk.tag, read.tag);
  peer.reply("Rclunk", clunk.tag, {});
  await other;
  peer.reply("Rflush", flush.tag, {});
  await assert.rejects(reading, { name: "AbortError" });
  assert.equal(client.inFlight, 0);
});

Deno.test("Client honours the reply that comes before Rflush, and keeps the tag until Rflush", async () => {
  const { peer, client } = await start();
  await using _ = client;
  const aborter = new AbortController();
  const linking = client.rpc("Treadlink", { fid: 1 }, aborter.signal);
  const { tag } = await peer.request();
  aborter.abort();
  const flush = await peer.request();
  peer.reply("Rreadlink", tag, { target: "there" });
  assert.equal((await linking).target, "there");
  assert.equal(client.inFlight, 1);
  peer.reply("Rflush", flush.tag, {});
  await turn();
  assert.equal(client.inFlight, 0);
});

Deno.test("Client sends nothing for a signal that is aborted already", async () => {
  const { peer, client } = await start();
  await using _ = client;
  await assert.rejects(client.rpc("Tclunk", { fid: 1 }, AbortSignal.abort()), { name: "AbortError" });
  await turn();
  assert.equal(peer.waiting, 0);
});

Deno.test("Client rejects everything under way when the connection dies, and what comes after", async () => {
  const { peer, client } = await start();
  const requests = [client.rpc("Tclunk", { fid: 1 }), client.rpc("Treadlink", { fid: 1 })];
  await peer.request();
  peer.close();
  for (const request of requests) await assert.rejects(request, errno("ECONNRESET"));
  await assert.rejects(client.rpc("Tclunk", { fid: 1 }), errno("ECONNRESET"));
  assert.match((await client.ended).message, /closed the connection/);
  await client[Symbol.asyncDispose]();
});

const frame = (...bytes: number[]) => Uint8Array.of(bytes.length + 4, 0, 0, 0, ...bytes);
const BROKEN: Record<string, (tag: number) => Uint8Array> = {
  "a tag that nobody has": () => frame(121, 99, 0),
  "another reply than is due": (tag) => frame(123, tag, 0),
  "a type that does not exist": (tag) => frame(200, tag, 0),
  "a request": (tag) => frame(120, tag, 0, 1, 0, 0, 0),
  "bytes left over": (tag) => frame(121, tag, 0, 9),
  "a field cut short": (tag) => frame(7, tag, 0, 1),
  "a frame larger than msize": () => Uint8Array.of(0, 0, 1, 0, 121, 0, 0),
  "a frame shorter than its header": () => Uint8Array.of(6, 0, 0, 0, 121, 0),
  "an Rflush for what was not flushed": (tag) => frame(109, tag, 0x80),
};
for (const [what, bytes] of Object.entries(BROKEN)) {
  Deno.test(`Client ends a connection on which comes ${what}`, async () => {
    const { peer, client } = await start();
    const asked = client.rpc("Tclunk", { fid: 1 });
    const { tag } = await peer.request();
    assert.ok(tag < 256);
    peer.raw(bytes(tag));
    await assert.rejects(asked, (thrown: NineError) => ["ECONNRESET", "EPROTO"].includes(thrown.code));
    assert.equal((await client.ended).errno, Errno.EPROTO);
    assert.ok(peer.isClosed);
    await client[Symbol.asyncDispose]();
  });
}

Deno.test("Client refuses a message larger than msize without sending it", async () => {
  const { client } = await start(256);
  await using _ = client;
  const data = new Uint8Array(300);
  await assert.rejects(client.rpc("Twrite", { fid: 1, offset: 0, data }), errno("EMSGSIZE"));
  assert.equal(client.inFlight, 0);
});

Deno.test("Client puts frames together that arrive byte by byte", async () => {
  const { peer, client } = await start();
  await using _ = client;
  const asked = client.rpc("Treadlink", { fid: 1 });
  const { tag } = await peer.request();
  const bytes = frame(23, tag, 0, 2, 0, 0x61, 0x62);
  for (const byte of bytes) peer.raw(Uint8Array.of(byte));
  assert.equal((await asked).target, "ab");
});
