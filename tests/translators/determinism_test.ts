/** The same inputs give the same bytes: on every run, on every Worker, after a restart, and by the golden cases. */
import { deepStrictEqual, notDeepStrictEqual, strictEqual } from "node:assert/strict";
import { join } from "node:path";
import { Tree } from "../../9p/mod.ts";
import { GALLERY } from "../../translators/gallery/mod.ts";
import { TestNode } from "../scenarios/node.ts";
import { computingNode, whyNot } from "./computing_node.ts";
import { CHANCE, put, wasmOfText } from "./modules.ts";

const INPUTS: Record<string, string> = {
  csv2json: 'a,b\n1,"2\n3"\n',
  grep: "/x",
  gunzip: "",
  gzip: "hello ".repeat(1000),
  head: "a\nb\n",
  jq: '{"b": [1, 2.5, "x"], "a": null}',
  md2html: "# A title\n\n- one\n- two\n\n| a | b |\n|---|---|\n| 1 | 2 |\n",
  sha256: "abc",
  sort: "b\na\nc\n",
  wc: "one two\nthree\n",
};
const ARGS: Record<string, string> = { grep: ":x", jq: ":." };

function test(name: string, body: () => Promise<void>): void {
  const reason = whyNot();
  if (reason) console.log(`SKIP ${name}: ${reason}`);
  Deno.test({ name, ignore: reason !== undefined, fn: body });
}

/** What every module of the gallery makes, computed anew. */
async function computeAll(tree: Tree, home: string): Promise<Record<string, string>> {
  const results: Record<string, string> = {};
  for (const name of [...GALLERY, "chance"]) {
    const bytes = await tree.readFile(`/x/${name}${ARGS[name] ?? ""}/data/${name}`);
    results[name] = bytes.toHex();
  }
  for await (const { name } of Deno.readDir(join(home, "cache", "results"))) {
    await Deno.remove(join(home, "cache", "results", name));
  }
  return results;
}

test("the whole gallery gives the same bytes on every run, at the same time, and after a restart", async () => {
  await using node = await computingNode(GALLERY, {
    prepare: (home) => put(home, "chance", wasmOfText(CHANCE)),
  });
  const { tree } = node;
  for (const name of [...GALLERY, "chance"]) await tree.writeFile(`/data/${name}`, INPUTS[name] ?? name);
  const zipped = await tree.readFile("/x/gzip/data/gzip");
  await tree.writeFile("/data/gunzip", zipped);
  const first = await computeAll(tree, node.node.home);
  strictEqual(new TextDecoder().decode(Uint8Array.fromHex(first.gunzip)), INPUTS.gzip);
  const { home } = node.node;
  await node.node.stop();
  // Results are gone and compiled modules too: all is made anew.
  await Deno.remove(join(home, "cache"), { recursive: true });
  await using again = await TestNode.start({ home });
  await using after = await Tree.dial(again.socket);
  deepStrictEqual(await computeAll(after, home), first);
  await again.stop();
  await using third = await TestNode.start({ home });
  const trees = await Promise.all(Array.from({ length: 4 }, () => Tree.dial(third.socket)));
  for (const result of await Promise.all(trees.map((tree) => readAll(tree)))) deepStrictEqual(result, first);
  for (const tree of trees) await tree[Symbol.asyncDispose]();
});

async function readAll(tree: Tree): Promise<Record<string, string>> {
  const results: Record<string, string> = {};
  for (const name of [...GALLERY, "chance"]) {
    results[name] = (await tree.readFile(`/x/${name}${ARGS[name] ?? ""}/data/${name}`)).toHex();
  }
  return results;
}

test("chance and the clock follow from module, input and arguments alone", async () => {
  await using node = await computingNode([], { prepare: (home) => put(home, "chance", wasmOfText(CHANCE)) });
  const { tree } = node;
  for (const [name, content] of [["a", "same"], ["b", "same"], ["c", "other"]]) {
    await tree.writeFile(`/data/${name}`, content);
  }
  const read = async (path: string) => await tree.readFile(path);
  const a = await read("/x/chance/data/a");
  deepStrictEqual(await read("/x/chance/data/b"), a);
  notDeepStrictEqual(await read("/x/chance/data/c"), a);
  notDeepStrictEqual(await read("/x/chance:1/data/a"), a);
  const clock = new DataView(a.buffer, a.byteOffset);
  // The time of day is one moment; the monotonic clock goes on.
  strictEqual(clock.getBigUint64(48, true) > clock.getBigUint64(40, true), true);
});
