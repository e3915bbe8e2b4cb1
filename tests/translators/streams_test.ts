/** Long inputs and outputs: in bounded memory, and readable before they are whole. */
import { ok, strictEqual } from "node:assert/strict";
import { createHash } from "node:crypto";
import { O } from "../../9p/mod.ts";
import { computingNode, text, whyNot } from "./computing_node.ts";

const MIB = 1024 * 1024;

function test(name: string, body: () => Promise<void>): void {
  const reason = whyNot();
  if (reason) console.log(`SKIP ${name}: ${reason}`);
  Deno.test({ name, ignore: reason !== undefined, fn: body });
}

test("a module that reads 1 GiB needs no 1 GiB of memory", async () => {
  await using node = await computingNode(["sha256", "wc"]);
  const { tree } = node;
  await tree.writeFile("/data/small", "x\n");
  await text(tree, "/x/wc/data/small");
  // Sparse, so that the disk need not have it.
  const path = node.node.data("big");
  await Deno.writeFile(path, new Uint8Array(0));
  await Deno.truncate(path, 1024 * MIB);
  const before = node.node.rssBytes();
  let most = before;
  const watch = setInterval(() => most = Math.max(most, node.node.rssBytes()), 50);
  const counts = await text(tree, "/x/wc/data/big");
  clearInterval(watch);
  strictEqual(counts.trim().split(/\s+/).join(" "), `0 1 ${1024 * MIB}`);
  console.log(`resident ${Math.round(before / MIB)} MiB before, at most ${Math.round(most / MIB)} MiB`);
  ok(most - before < 200 * MIB, `${(most - before) / MIB} MiB more`);
});

test("the first output can be read before the last is computed", async () => {
  await using node = await computingNode(["grep"], { yaml: "" });
  const { tree } = node;
  const path = node.node.data("lines");
  const block = new TextEncoder().encode("a line of a long file\n".repeat(50_000));
  {
    using file = await Deno.open(path, { create: true, write: true });
    for (let i = 0; i < 200; i++) await file.write(block);
  }
  const size = (await Deno.stat(path)).size;
  await using file = await tree.open("/x/grep:line/data/lines", O.RDONLY);
  const into = new Uint8Array(4096);
  const count = await file.read(0, into);
  ok(count > 0);
  const whileRunning = JSON.parse(await text(tree, "/translators/grep/stats.json")).runs;
  const hash = createHash("sha256").update(into.subarray(0, count));
  const piece = new Uint8Array(MIB);
  let at = count;
  for (let n; (n = await file.read(at, piece)) > 0; at += n) hash.update(piece.subarray(0, n));
  strictEqual(at, size);
  strictEqual(whileRunning, 0);
  const whole = createHash("sha256");
  for (let i = 0; i < 200; i++) whole.update(block);
  strictEqual(hash.digest("hex"), whole.digest("hex"));
  strictEqual((await tree.stat("/x/grep:line/data/lines")).size, size);
});

test("who goes away in the middle of a long output ends the run", async () => {
  await using node = await computingNode(["gzip"]);
  const { tree } = node;
  const path = node.node.data("big");
  await Deno.writeFile(path, new Uint8Array(0));
  await Deno.truncate(path, 2048 * MIB);
  {
    await using file = await tree.open("/x/gzip/data/big", O.RDONLY);
    ok(await file.read(0, new Uint8Array(1000)) > 0);
  }
  // The one Worker is free for somebody else at once.
  const begun = performance.now();
  await tree.writeFile("/data/t", "x");
  await text(tree, "/x/gzip/data/t");
  ok(performance.now() - begun < 3000);
  await new Promise((wake) => setTimeout(wake, 200));
  const left = [...Deno.readDirSync(`${node.node.home}/cache/results`)].filter(({ name }) =>
    name.startsWith("tmp.")
  );
  strictEqual(left.length, 0);
});
