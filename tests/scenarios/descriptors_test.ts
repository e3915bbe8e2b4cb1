/** A node that has run out of descriptors: an error for the request that needed one, and everything else goes on. */
import assert from "node:assert/strict";
import { Errno } from "../../9p/errno.ts";
import type { Client } from "../conformance/client.ts";
import { Refused } from "../conformance/wire.ts";
import { refuses } from "./connect.ts";
import { TestNode, within } from "./node.ts";
import { until } from "./process.ts";

const DESCRIPTORS_MAX = 100;

/** Opens the file again and again until there is no descriptor left. */
async function openMany(client: Client, dir: number): Promise<number[]> {
  const fids: number[] = [];
  for (;;) {
    const fid = await client.walk(dir, "file");
    try {
      await client.open(fid, "r");
    } catch (thrown) {
      assert.ok(thrown instanceof Refused && thrown.errno === Errno.EMFILE, `${thrown}`);
      await client.clunk(fid);
      return fids;
    }
    fids.push(fid);
  }
}

Deno.test("files that a stranger opens leave descriptors to the owner, and the owner's to new clients", async () => {
  await using node = await TestNode.start({
    listen: ["tcp!127.0.0.1!PORT,users=none"],
    before: ["sh", "-c", `ulimit -n ${DESCRIPTORS_MAX} && exec "$@"`, "sh"],
  });
  await Deno.writeTextFile(node.data("file"), "contents");
  const owner = await node.connect();
  const dir = await owner.walk(owner.root, "data");
  const stranger = await node.connect({ address: node.address() });
  await openMany(stranger, await stranger.walk(stranger.root, "data"));
  assert.equal(await owner.get(dir, "file"), "contents");
  await owner.clunk(await owner.create(dir, "new"));
  await openMany(owner, dir);
  await refuses("EMFILE", owner.create(dir, "refused"));
  await assert.rejects(Deno.stat(node.data("refused")), Deno.errors.NotFound);
  const late = await within(3000, node.connect({ address: node.address() }));
  assert.ok(late, "a new client is let in");
  await late.walk(late.root, "data", "file");
  for (const { wire } of [owner, stranger, late]) wire.close();
  assert.equal((await node.stop()).code, 0);
});

Deno.test("EMFILE in the node: for that request only, others and later clients are served", async () => {
  await using node = await TestNode.start({
    before: ["sh", "-c", `ulimit -n ${DESCRIPTORS_MAX} && exec "$@"`, "sh"],
  });
  await Deno.mkdir(node.data("dir"));
  await Deno.writeTextFile(node.data("file"), "contents");
  await Deno.writeTextFile(node.data("dir", "other"), "other");
  const greedy = await node.connect();
  const second = await node.connect();
  const held = await second.walk(second.root, "data", "file");
  await second.open(held, "rw");
  const before = node.descriptors();

  const dir = await greedy.walk(greedy.root, "data");
  const fids = await openMany(greedy, dir);
  console.log(
    `${fids.length} files were open when descriptors were gone, ${node.descriptors()} of ${DESCRIPTORS_MAX} in use`,
  );
  assert.ok(fids.length > 10);

  // What is open goes on, for both.
  assert.equal(await greedy.readText(fids[0]), "contents");
  assert.equal(await second.readText(held), "contents");
  await second.write(held, 0, "CONTENTS");
  assert.ok((await second.names(second.root)).includes("data"));
  // What needs a descriptor is refused, and says so.
  await refuses("EMFILE", second.open(await second.walk(second.root, "data", "file"), "r"));

  // Nobody can be let in now; who waits is let in as soon as there is room.
  const waiting = Array.from({ length: 40 }, () => node.connect());
  await within(1000, Promise.all(waiting));
  assert.equal(await second.readText(held), "CONTENTS");
  for (const fid of fids) await greedy.clunk(fid);
  const served = await within(5000, Promise.any(waiting));
  assert.ok(served, "the node accepts again");
  for (const client of waiting) client.then(({ wire }) => wire.close(), () => {});
  await Promise.allSettled(waiting);
  const later = await node.connect();
  assert.equal(await later.get(later.root, "data", "dir", "other"), "other");
  await until("descriptors are as before", () => node.descriptors() <= before + 2, 8000);
  const reasons = (await node.errors()).filter(({ code }) => code === "EMFILE");
  assert.ok(reasons.some(({ request }) => request === "Tlopen"));
  const accepting = reasons.filter(({ user }) => user === "none").length;
  assert.ok(accepting > 0 && accepting < 5, `${accepting} lines: clients that have to wait are told of once`);
  for (const { wire } of [greedy, second, later]) wire.close();
  assert.equal((await node.stop()).code, 0);
});
