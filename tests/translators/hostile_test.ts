/**
 * Modules that mean no good, installed in a node: each is an error on that read, within its limit, with the reason in
 * the log, while another client's plain reads go on as before.
 */
import { deepStrictEqual, match, ok, rejects, strictEqual } from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { errnoOf, O, reasonOf, Tree } from "../../9p/mod.ts";
import { computingNode, install, text, whyNot } from "./computing_node.ts";
import { put, wasmOfText } from "./modules.ts";
import { within } from "../scenarios/node.ts";

const HOSTILE = fileURLToPath(new URL("../../translators/engine/testdata/hostile", import.meta.url));
const LIMITS = "limits: {time: 300ms, memory: 8MiB, output: 1MiB}";
/** How much later than its limit a read may fail: compiling, queueing, and a busy machine. */
const LATE_MS = 10_000;

/** Counts down for a while, and ends well. */
const BURN = `(module (memory (export "memory") 1)
  (func (export "_start") (local $n i64)
    (local.set $n (i64.const 300000000))
    (loop $l (local.set $n (i64.sub (local.get $n) (i64.const 1))) (br_if $l (i64.ne (local.get $n) (i64.const 0))))))`;

function test(name: string, body: () => Promise<void>): void {
  const reason = whyNot();
  if (reason) console.log(`SKIP ${name}: ${reason}`);
  Deno.test({ name, ignore: reason !== undefined, fn: body });
}

test("each hostile module is an error on that read within its limit, and the node goes on", async () => {
  const names: string[] = [];
  await using node = await computingNode(["sha256"], {
    async prepare(home) {
      for (const { name: file } of Deno.readDirSync(HOSTILE)) {
        const name = file.replace(".wat", "").replaceAll("_", "-").slice(0, 32);
        let wasm: Uint8Array;
        try {
          wasm = wasmOfText(await Deno.readTextFile(join(HOSTILE, file)));
        } catch {
          wasm = new TextEncoder().encode("no module at all");
        }
        await put(home, name, wasm, LIMITS);
        names.push(name);
      }
      await put(home, "empty", new Uint8Array(0), LIMITS);
      await put(
        home,
        "cut",
        (await Deno.readFile(join(home, "translators/sha256/module.wasm"))).subarray(0, 5000),
      );
      names.push("empty", "cut");
    },
  });
  const { tree } = node;
  await tree.writeFile("/data/t", "x\n");
  const outcomes: string[] = [];
  for (const name of names) {
    const begun = performance.now();
    const failed = await within(
      300 + LATE_MS,
      text(tree, `/x/${name}/data/t`).then(() => "", (thrown) => reasonOf(thrown)),
    );
    ok(
      failed,
      `${name} gave ${failed === "" ? "an answer" : "no answer"} after ${
        Math.round(performance.now() - begun)
      } ms`,
    );
    outcomes.push(failed);
    match(await text(tree, `/translators/${name}/log`), /The translator/, `${name}: ${failed}`);
  }
  // The reasons say what was allowed.
  const reasons = (await node.node.errors()).map(({ reason }) => reason).join("\n");
  for (const said of [/allowed/, /memory/, /stack/, /time|ms/]) match(reasons, said);
  strictEqual(
    (await text(tree, "/x/sha256/data/t")).slice(0, 64),
    "73cb3858a687a8494ca3323053016282f3dad39d42cf62ca4e79dda2aac7d9ac",
  );
});

test("a module that keeps failing is kept out, and a new content of it is not", async () => {
  const trap = '(module (memory (export "memory") 1) (func (export "_start") unreachable))';
  await using node = await computingNode([], { prepare: (home) => put(home, "bad", wasmOfText(trap)) });
  const { tree } = node;
  await tree.writeFile("/data/t", "x\n");
  for (let i = 0; i < 3; i++) await rejects(text(tree, "/x/bad/data/t"), { code: "EIO" });
  await rejects(text(tree, "/x/bad/data/t"), { code: "EAGAIN" });
  match(await text(tree, "/translators/bad/status"), /^state 'out until /);
  await put(
    node.node.home,
    "bad",
    wasmOfText('(module (memory (export "memory") 1) (func (export "_start")))'),
  );
  strictEqual(await text(tree, "/x/bad/data/t"), "");
});

test("what one user makes of a module keeps it out for that user only", async () => {
  // It does what its first argument's last character says: 1 is a trap.
  const asked = `(module
    (import "wasi_snapshot_preview1" "args_get" (func $get (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "args_sizes_get" (func $sizes (param i32 i32) (result i32)))
    (memory (export "memory") 1)
    (func (export "_start")
      (drop (call $get (i32.const 0) (i32.const 64)))
      (drop (call $sizes (i32.const 32) (i32.const 36)))
      (if (i32.eq (i32.load8_u (i32.add (i32.const 62) (i32.load (i32.const 36)))) (i32.const 49)) (then unreachable))))`;
  await using node = await computingNode([], {
    listen: ["tcp!127.0.0.1!PORT"],
    prepare: (home) => put(home, "asked", wasmOfText(asked), "parameters: [{name: how, type: string}]"),
  });
  const { tree } = node;
  await tree.writeFile("/data/t", "x\n");
  await using none = await Tree.dial(node.node.address());
  const codes: string[] = [];
  while (codes.at(-1) !== "EAGAIN" && codes.length < 4) {
    codes.push(await text(none, "/x/asked:1/data/t").then(() => "", ({ code }) => code));
  }
  // A reader may look at its length first, which is a run too.
  ok(codes.length > 1 && codes.pop() === "EAGAIN" && codes.every((code) => code === "EIO"), codes.join());
  match(await text(tree, "/translators/asked/status"), /^state 'out until [^']* for 1 user'/);
  strictEqual(await text(tree, "/x/asked:0/data/t"), "");
});

test("others' plain reads keep their p99 while the pool is saturated", async () => {
  await using node = await computingNode([], {
    prepare: (home) => put(home, "burn", wasmOfText(BURN), "limits: {time: 30s}"),
  });
  const { tree } = node;
  await tree.writeFile("/data/big", new Uint8Array(1_000_000));
  const measured: string[] = [];
  // A machine that is busy with other things says nothing about the node: a few tries.
  for (let i = 0; i < 5; i++) {
    const calm = await p99OfReads(node.node.socket);
    let isOver = false;
    const load = Array.from({ length: 8 }, async (_, k) => {
      for (let j = 0; !isOver; j++) {
        // Another input each time, so that nothing is cached.
        await tree.writeFile(`/data/in${k}`, `${i} ${k} ${j}\n`);
        await text(tree, `/x/burn/data/in${k}`);
      }
    });
    await new Promise((wake) => setTimeout(wake, 500));
    const busy = await p99OfReads(node.node.socket);
    isOver = true;
    await Promise.all(load);
    measured.push(`calm ${calm.toFixed(2)} ms, saturated ${busy.toFixed(2)} ms`);
    if (busy <= Math.max(2 * calm, 5)) {
      console.log(measured.join("; "));
      return;
    }
  }
  throw new Error(`p99 of plain reads: ${measured.join("; ")}`);
});

async function p99OfReads(socket: string): Promise<number> {
  await using tree = await Tree.dial(socket);
  await using file = await tree.open("/data/big", O.RDONLY);
  const into = new Uint8Array(4096);
  const times: number[] = [];
  for (let i = 0; i < 2000; i++) {
    const begun = performance.now();
    await file.read((i * 4096) % 900_000, into);
    times.push(performance.now() - begun);
  }
  times.sort((a, b) => a - b);
  return times[Math.floor(times.length * 0.99)];
}

test("a client that goes away ends the run that only it waited for", async () => {
  await using node = await computingNode(["sha256"], {
    prepare: (home) =>
      put(
        home,
        "endless",
        wasmOfText('(module (memory (export "memory") 1) (func (export "_start") (loop $l (br $l))))'),
        "limits: {time: 10min}",
      ),
  });
  const { tree } = node;
  await tree.writeFile("/data/t", "x\n");
  for (let i = 0; i < 5; i++) {
    const other = await Tree.dial(node.node.socket);
    const read = text(other, "/x/endless/data/t").catch(() => {});
    await new Promise((wake) => setTimeout(wake, 100));
    await other[Symbol.asyncDispose]();
    await read;
  }
  // Flushed ones as well.
  const aborter = new AbortController();
  const read = tree.readFile("/x/endless/data/t", 1000, aborter.signal);
  setTimeout(() => aborter.abort(), 100);
  await rejects(read, (thrown) => errnoOf(thrown) === 4);
  strictEqual((await text(tree, "/x/sha256/data/t")).length > 0, true);
});

test("what a module prints is shown as text, in bounds", async () => {
  const wat =
    `(module (import "wasi_snapshot_preview1" "fd_write" (func $w (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
    (memory (export "memory") 1) (data (i32.const 64) "\\1b]0;owned\\07\\e2\\80\\ae\\ff\\00end")
    (func (export "_start") (i32.store (i32.const 0) (i32.const 64)) (i32.store (i32.const 4) (i32.const 18))
      (drop (call $w (i32.const 2) (i32.const 0) (i32.const 1) (i32.const 32))) (call $exit (i32.const 3))))`;
  await using node = await computingNode([], { prepare: (home) => put(home, "rude", wasmOfText(wat)) });
  const { tree } = node;
  await tree.writeFile("/data/t", "x\n");
  await rejects(text(tree, "/x/rude/data/t"), { code: "EIO" });
  for (const path of ["/translators/rude/log", "/log/errors"]) {
    const said = await text(tree, path);
    match(said, /owned/);
    // deno-lint-ignore no-control-regex
    deepStrictEqual(said.match(/[\u0000-\u0009\u000b-\u001f\u007f\u202e]/g), null);
  }
});

test("a module's changed, broken or missing files are told as what they are", async () => {
  await using node = await computingNode(["sha256"]);
  const { tree } = node;
  await tree.writeFile("/data/t", "x\n");
  const before = await text(tree, "/x/sha256/data/t");
  await tree.writeFile("/translators/sha256/manifest.yaml", "name: sha256\nlimits: {time: never}\n");
  await rejects(text(tree, "/x/sha256/data/t"), { code: "EINVAL" });
  await tree.writeFile("/translators/sha256/manifest.yaml", "name: sha256\n");
  strictEqual(await text(tree, "/x/sha256/data/t"), before);
  await tree.remove("/translators/sha256/module.wasm");
  await rejects(text(tree, "/x/sha256/data/t"), { code: "ENOENT" });
  await install(node.node.home, ["sha256"]);
  strictEqual(await text(tree, "/x/sha256/data/t"), before);
});
