/** Another node's tree in this one: what comes through, and what happens when the other node is away. */
import assert from "node:assert/strict";
import type { Client } from "../conformance/client.ts";
import { refuses } from "./connect.ts";
import { TestNode } from "./node.ts";
import { sleep, until } from "./process.ts";

async function command(client: Client, line: string): Promise<void> {
  const fid = await client.walk(client.root, "ctl");
  try {
    await client.open(fid, "w");
    await client.write(fid, 0, line);
  } finally {
    await client.clunk(fid);
  }
}

Deno.test("import by lux9.yaml and by /ctl: files both ways, and unmount ends the connection", async () => {
  await using far = await TestNode.start({ listen: ["tcp!127.0.0.1!PORT,users=owner"] });
  await using near = await TestNode.start({ yaml: `mounts: [{at: /n/far, import: "${far.address()}"}]\n` });
  await near.asOwner(async (client) => {
    const data = await client.walk(client.root, "n", "far", "data");
    await client.put(data, "file", "from near");
    await far.asOwner(async (there) => {
      assert.equal(await there.get(there.root, "data", "file"), "from near");
      await there.put(await there.walk(there.root, "data"), "other", "from far");
    });
    assert.equal(await client.get(data, "other"), "from far");
    assert.deepEqual(await client.names(data), ["file", "other"]);
    await refuses(
      "EXDEV",
      client.rename(await client.walk(data, "file"), await client.walk(client.root, "data"), "x"),
    );

    const { connections } = await far.status();
    await command(client, `import ${far.address()} /n/part /data`);
    assert.equal(await client.get(client.root, "n", "part", "other"), "from far");
    assert.equal((await far.status()).connections, connections + 1);
    assert.ok((await client.get(client.root, "ns")).includes(`mount ${far.address()} /n/part\n`));
    await command(client, "unmount /n/part");
    await until("the connection is ended", async () => (await far.status()).connections === connections);
    await refuses("ENOENT", client.walk(await client.walk(client.root, "n"), "part"));
  });
});

Deno.test("a node that is killed: its files fail, nothing else does, and they come back with it", async () => {
  let far = await TestNode.start();
  await using near = await TestNode.start();
  const client = await near.connect();
  await command(client, `import ${far.socket} /n/far`);
  await far.asOwner(async (there) => await there.put(await there.walk(there.root, "data"), "file", "kept"));
  const data = await client.walk(client.root, "n", "far", "data");
  const held = await client.walk(data, "file");
  await client.open(held, "r");
  const events = await client.walk(client.root, "n", "far", "log", "events");
  await client.open(events, "r");
  const blocked = client.wire.send("Tread", { fid: events, offset: 0, count: 1000 });
  await sleep(50);

  far.signal("SIGKILL");
  await far.ended;
  await refuses("EIO", client.wire.answer("Tread", blocked), "what was under way");
  await refuses("EIO", client.read(held));
  const started = performance.now();
  await assert.rejects(client.names(data));
  assert.ok(performance.now() - started < 1000, "it does not hang");
  assert.ok((await client.names(client.root)).includes("n"));
  await client.put(await client.walk(client.root, "data"), "mine", "as ever");

  const { home } = far;
  far = await TestNode.start({ home });
  try {
    await until("the far node is found again", async () => {
      try {
        return await client.get(data, "file") === "kept";
      } catch {
        return false;
      }
    }, 12_000);
    await client.clunk(held);
    client.wire.close();
  } finally {
    await far[Symbol.asyncDispose]();
    await Deno.remove(home, { recursive: true });
  }
});

Deno.test("a node that hangs: who asks it waits and can give up, the others notice nothing", async () => {
  await using far = await TestNode.start();
  await using near = await TestNode.start();
  const client = await near.connect();
  const second = await near.connect();
  await command(client, `import ${far.socket} /n/far`);
  await client.put(await client.walk(client.root, "n", "far", "data"), "file", "contents");
  const fid = await client.walk(client.root, "n", "far", "data", "file");
  await client.open(fid, "r");
  const dir = await client.walk(client.root, "n", "far", "data");
  far.signal("SIGSTOP");
  try {
    const tag = client.wire.send("Tread", { fid, offset: 0, count: 100 });
    assert.ok(await client.wire.silent(tag, 100));
    // The same connection, another, and a stop of what waits.
    assert.ok((await client.names(client.root)).includes("data"));
    await second.put(await second.walk(second.root, "data"), "mine", "as ever");
    const walking = second.wire.send("Twalk", { fid: second.root, newfid: 77, wname: ["n", "far", "data"] });
    assert.ok(await second.wire.silent(walking, 50));
    for (const [one, oldtag] of [[client, tag], [second, walking]] as const) {
      const started = performance.now();
      await one.rpc("Tflush", { oldtag });
      assert.ok(performance.now() - started < 500, "a flush ends it at once");
    }
    // What nobody can take back, as only the far node knows whether it has happened: asked a while, then given up.
    const creating = client.wire.send("Tlcreate", { fid: dir, name: "new", flags: 2, mode: 0o644, gid: 0 });
    await client.getattr(client.root);
    const started = performance.now();
    await client.rpc("Tflush", { oldtag: creating });
    const waited = performance.now() - started;
    console.log(`gave up on a create after ${waited.toFixed(0)} ms`);
    assert.ok(waited < 3000);
    const { code, ms } = await near.stop();
    console.log(`stopped within ${ms.toFixed(0)} ms`);
    assert.equal(code, 0);
    assert.ok(ms < 5000);
  } finally {
    far.signal("SIGCONT");
  }
  client.wire.close();
  second.wire.close();
});
