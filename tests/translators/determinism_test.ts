/** The same inputs give the same bytes: on every run, on every Worker, after a restart, and by the golden cases. */
import { deepStrictEqual, notDeepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { join } from "node:path";
import { Tree } from "../../9p/mod.ts";
import { type Source, source, testEngine, wat } from "../../translators/engine/_testing.ts";
import type { RunRequest } from "../../translators/engine/mod.ts";
import { argumentsOf, GALLERY, galleryFolder, loadCases } from "../../translators/gallery/mod.ts";
import { parseManifest, runLimits } from "../../translators/manifest/mod.ts";
import { TestNode } from "../scenarios/node.ts";
import { computingNode, text, whyNot } from "./computing_node.ts";
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

const MODULES = [...GALLERY, "chance"];

/** What every module of the gallery makes. */
async function readAll(tree: Tree): Promise<Record<string, string>> {
  const results: Record<string, string> = {};
  for (const name of MODULES) {
    results[name] = (await tree.readFile(`/x/${name}${ARGS[name] ?? ""}/data/${name}`)).toHex();
  }
  return results;
}

test("the whole gallery gives the same bytes on every run, at the same time, and after a restart", async () => {
  await using node = await computingNode(GALLERY, {
    prepare: (home) => put(home, "chance", wasmOfText(CHANCE)),
  });
  const { tree, node: { home } } = node;
  for (const name of MODULES) await tree.writeFile(`/data/${name}`, INPUTS[name] ?? name);
  await tree.writeFile("/data/gunzip", await tree.readFile("/x/gzip/data/gzip"));
  const first = await readAll(tree);
  strictEqual(new TextDecoder().decode(Uint8Array.fromHex(first.gunzip)), INPUTS.gzip);
  await node.node.stop();
  for (const [clients, forgotten] of [[1, "cache"], [4, "cache/results"]] as const) {
    // Only now, since what a node has it also keeps in memory and writes when it ends. Compiled modules go too, once.
    await Deno.remove(join(home, forgotten), { recursive: true });
    await using again = await TestNode.start({ home });
    const trees = await Promise.all(Array.from({ length: clients }, () => Tree.dial(again.socket)));
    for (const result of await Promise.all(trees.map(readAll))) deepStrictEqual(result, first);
    for (const name of MODULES) {
      const { runs, failures } = JSON.parse(await text(trees[0], `/translators/${name}/stats.json`));
      ok(runs > 0 && failures === 0, `${name} was run ${runs} times, ${failures} of them in vain`);
    }
    for (const tree of trees) await tree[Symbol.asyncDispose]();
    await again.stop();
  }
});

/** How many Workers run the same at the same time. */
const WORKERS = 3;

test("the golden cases of the whole gallery give the same bytes on every Worker", async () => {
  await using test = testEngine({ workersMax: WORKERS });
  const { engine, request } = test;
  let together = 0;
  /** Runs it on all Workers at once, and compares. */
  async function same(
    what: string,
    module: Source,
    more: Partial<RunRequest>,
    input: Uint8Array,
  ): Promise<void> {
    const all = Promise.withResolvers<void>();
    let begun = 0;
    const results = await Promise.all(Array.from({ length: WORKERS }, () => {
      let isFirst = true;
      const read = async (offset: number, into: Uint8Array): Promise<number> => {
        // Until all of them want their input, so that each has a Worker of its own.
        if (isFirst && ++begun === WORKERS) {
          strictEqual(engine.status().busy, WORKERS);
          together++;
          all.resolve();
        }
        isFirst = false;
        await all.promise;
        const part = input.subarray(offset, offset + into.length);
        into.set(part);
        return part.length;
      };
      return engine.run(request(module, { ...more, stdin: { kind: "stream", size: input.length, read } }));
    }));
    const told = results.map(({ output, exitCode, stderr, failure }) => [
      output.kind === "bytes" ? output.bytes.toHex() : Deno.readFileSync(output.path).toHex(),
      exitCode,
      stderr.toHex(),
      failure?.reason,
    ]);
    for (const one of told) deepStrictEqual(one, told[0], what);
  }
  let cases = 0;
  for (const name of GALLERY) {
    const folder = galleryFolder(name);
    const module = source(await Deno.readFile(join(folder, "module.wasm")));
    const manifest = parseManifest(await Deno.readTextFile(join(folder, "manifest.yaml")), name);
    for (const one of await loadCases(folder)) {
      const args = [name, ...argumentsOf(manifest.parameters, one.with)];
      await same(`${name}: ${one.name}`, module, { args, limits: runLimits(manifest.limits) }, one.input);
      cases++;
    }
  }
  console.log(`${cases} cases, ${together} of which were run by ${WORKERS} Workers at once`);
  ok(together > cases / 2);
  together = 0;
  await same("chance", wat(READS_AND_CHANCE), {}, new Uint8Array(1));
  strictEqual(together, 1);
  strictEqual(engine.status().replaced, 0);
});

/** The same after a byte of input, for which it waits. */
const READS_AND_CHANCE = CHANCE.replace(
  "(module",
  '(module (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))',
).replace(
  '(func (export "_start")',
  `(func (export "_start")
    (i32.store (i32.const 0) (i32.const 2048)) (i32.store (i32.const 4) (i32.const 1))
    (drop (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 24)))`,
);

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
