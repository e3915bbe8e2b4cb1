/**
 * Modules that mean no good, a file each in testdata/hostile/: `;; reason: …` is what its run must fail with,
 * `;; says: …` what the error must say, `;; limits: …` what is allowed beyond the usual. After each, an honest run works.
 */
import assert from "node:assert/strict";
import { WASI_FUNCTIONS } from "../wasi/mod.ts";
import { CAT, command, engineTest, LIMITS, type Source, source, testEngine, wat } from "./_testing.ts";
import type { Limits } from "./run.ts";

const FOLDER = new URL("./testdata/hostile/", import.meta.url);
/** Of a run that is to be late, ms. */
const WALL_MS = 150;
/** Of all others: a machine may be busy, and collecting garbage all the time (LUX9_GC=1) is slow. */
const PATIENCE_MS = 60_000;
/** How much later than that it may be over, ms: a machine may be busy. */
const LATE_MS = 2000;

engineTest({
  name: "hostile modules each fail within their limit, and the pool goes on",
  async fn(t) {
    await using test = testEngine({ workersMax: 1 });
    const { engine, request } = test;
    const honest = command(CAT);
    const run = (module: Source, limits: Partial<Limits> = {}) =>
      engine.run(request(module, { limits: { ...LIMITS, wallMs: WALL_MS, ...limits } }));
    const stillRuns = async () => {
      const bytes = new TextEncoder().encode("still here");
      const result = await engine.run(request(honest, { stdin: { kind: "bytes", bytes } }));
      assert.equal(result.failure, undefined);
      assert.deepEqual(result.output, { kind: "bytes", bytes });
    };
    await stillRuns();
    const files = [...Deno.readDirSync(FOLDER)].map(({ name }) => name).sort();
    assert.ok(files.length > 40, `${files.length} modules`);
    for (const name of files) {
      await t.step(name, async () => {
        const { module, reason, says, limits } = read(name);
        const wallMs = reason === "deadline" ? WALL_MS : PATIENCE_MS;
        const { wallUs, failure, output } = await run(module, { wallMs, ...limits });
        assert.equal(failure?.reason, reason, failure?.error.message);
        for (const words of says) assert.ok(failure.error.message.includes(words), failure.error.message);
        assert.ok(wallUs < (wallMs + LATE_MS) * 1000, `${wallUs} µs`);
        assert.deepEqual(output, { kind: "bytes", bytes: new Uint8Array(0) });
        await stillRuns();
      });
    }
    await t.step("bad pointers to every function", async () => {
      for (const value of [-1, 0x7fffffff, -65536, 131071]) {
        const { failure } = await run(callsOfAll(value), { wallMs: PATIENCE_MS });
        assert.equal(failure, undefined, failure?.error.message);
      }
      await stillRuns();
    });
    await t.step("malformed binaries", async () => {
      for (const bytes of malformed(honest.bytes)) {
        const { failure } = await run(source(bytes));
        assert.equal(failure?.reason, "invalid module", `${bytes.length} bytes: ${failure?.error.message}`);
      }
      // A bit that fell over may leave a module that is one: whatever it is then, it ends.
      for (let at = 9; at < honest.bytes.length; at += 29) {
        const bytes = honest.bytes.slice();
        bytes[at] ^= 1 << at % 8;
        const { failure, wallUs } = await run(source(bytes));
        assert.notEqual(failure?.reason, "engine", failure?.error.message);
        assert.ok(wallUs < (WALL_MS + LATE_MS) * 1000, `${wallUs} µs`);
      }
      await stillRuns();
    });
    assert.equal(engine.status().replaced, 0);
    for (const entry of Deno.readDirSync(test.folder)) assert.ok(!entry.name.startsWith("spool"), entry.name);
  },
});

function read(name: string) {
  const text = Deno.readTextFileSync(new URL(name, FOLDER));
  const notes = [...text.matchAll(/^;; (\w+): (.*)$/gm)];
  const of = (key: string) => notes.filter((note) => note[1] === key).map((note) => note[2]);
  const { fuel, ...limits } = JSON.parse(of("limits")[0] ?? "{}");
  return {
    module: wat(text),
    reason: of("reason")[0],
    says: of("says"),
    limits: { ...limits, ...(fuel && { fuel: BigInt(fuel) }) },
  };
}

/** Calls everything but the end of the program, each argument that value, and ends well whatever comes back. */
function callsOfAll(value: number): Source {
  const functions = WASI_FUNCTIONS.filter(({ name }) => name !== "proc_exit" && name !== "proc_raise");
  const imports = functions.map(({ name, params, results }) =>
    `(import "wasi_snapshot_preview1" "${name}" (func $${name} (param ${params.join(" ")}) (result ${
      results.join(" ")
    })))`
  );
  // Closing and renumbering comes last, as the others need descriptors that are there.
  const last = (name: string) => Number(/close|renumber/.test(name));
  const calls = functions.toSorted((a, b) => last(a.name) - last(b.name)).flatMap(({ name, params }) =>
    [0, 1, 3, value].map((first) => {
      const args = params.map((type, i) => `(${type}.const ${i === 0 ? first : value})`);
      return `(drop (call $${name} ${args.join(" ")}))`;
    })
  );
  return wat(
    `(module ${imports.join("\n")} (memory (export "memory") 2) (func (export "_start") ${
      calls.join("\n")
    }))`,
  );
}

function malformed(honest: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer>[] {
  const noise = new Uint8Array(1000).map((_, i) => (i * 7919) >> 3);
  const hugeSection = Uint8Array.from([...honest.subarray(0, 8), 1, 0xff, 0xff, 0xff, 0xff, 0x0f]);
  const cut = [honest.length - 1, honest.length >> 1, 11, 5].map((end) => honest.slice(0, end));
  return [new Uint8Array(0), noise, hugeSection, ...cut];
}
