/** A recipe that reads thousands of files: whoever asks for something else meanwhile is answered between them. */
import { ok } from "node:assert/strict";
import { startProbe } from "../scenarios/probe.ts";
import { computingNode, whyNot } from "./computing_node.ts";

const FILES = 9000;
/**
 * A round of the probe is three requests, each of which may come upon a piece of 1 ms and a little more. All at once takes
 * 100 ms and more.
 */
const ROUND_MS_MAX = 20;

const reason = whyNot();
if (reason) console.log(`SKIP a glob over ${FILES} files: ${reason}`);

Deno.test({
  name: `while a glob over ${FILES} files is evaluated, plain reads and writes are answered`,
  ignore: reason !== undefined,
  async fn() {
    await using computing = await computingNode(["grep", "wc"]);
    const { node, tree } = computing;
    await Deno.mkdir(node.data("many"));
    for (let i = 0; i < FILES; i++) Deno.writeTextFileSync(node.data(`many/f${i}.txt`), `line ${i}\n`);
    await Deno.writeFile(node.data("small"), new Uint8Array(4096));
    const probe = await startProbe({ address: node.socket, path: ["data", "small"] });
    const read = async (what: string, path: string, expected: string) => {
      await probe.lap();
      const begun = performance.now();
      const text = new TextDecoder().decode(await tree.readFile(path));
      const ms = performance.now() - begun;
      const { count, p50Ms, p99Ms } = await probe.lap();
      console.log(`${what}: ${ms.toFixed(0)} ms, ${count} rounds, p50 ${p50Ms} ms, p99 ${p99Ms} ms`);
      // One that is still waiting is not in it.
      ok(count > 10 && p50Ms < ROUND_MS_MAX, `${what}: ${count} rounds, half within ${p50Ms} ms`);
      ok(text === expected, `${what}: ${text.length} characters, starting ${text.slice(0, 40)}`);
    };
    await using _stopped = { [Symbol.asyncDispose]: () => probe.stop() };
    const lines = Array.from({ length: FILES }, (_, i) => [`f${i}.txt`, `line ${i}\n`])
      .sort(([a], [b]) => a < b ? -1 : 1).map(([, line]) => line);
    // One that reads all, one for which all hashes are known, and one whose result is known as well.
    await Deno.writeTextFile(node.data("a.fn"), 'from: "many/*.txt"\npipe: grep:line\n');
    await Deno.writeTextFile(node.data("b.fn"), 'from: "many/f*"\npipe: wc:lines=true\n');
    await read("new", "/data/a", lines.join(""));
    await read("known inputs", "/data/b", `${FILES}\n`);
    await read("known result", "/data/a", lines.join(""));
  },
});
