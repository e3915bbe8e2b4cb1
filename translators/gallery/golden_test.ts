import { deepEqual, equal, match, rejects, throws } from "node:assert/strict";
import { join } from "node:path";
import { errnoName } from "../../9p/mod.ts";
import { argumentsOf, type Case, checkCase, loadCases, type RunResult } from "./golden.ts";

const text = (text: string) => new TextEncoder().encode(text);
const plain: Case = { name: "", with: {}, input: text("in"), fails: false, output: text("out") };
const NO_MODULE = new Uint8Array();

function gives(stdout: string, exitCode = 0, stderr = ""): () => RunResult {
  return () => ({ exitCode, stdout: text(stdout), stderr: text(stderr) });
}

async function load(cases: string, files: Record<string, string> = {}): Promise<readonly Case[]> {
  const folder = await Deno.makeTempDir({ prefix: "lux9-golden-" });
  try {
    for (const [name, content] of Object.entries({ "cases.yaml": cases, ...files })) {
      await Deno.writeTextFile(join(folder, name), content);
    }
    return await loadCases(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("loadCases reads text, base64 and files", async () => {
  const [first, second, third] = await load(
    "- {name: a, input: x, output: y}\n" +
      "- {name: b, with: {n: 1, s: t, f: false}, inputBase64: /wA=, outputFile: f}\n" +
      "- {name: c, inputFile: f, fails: true, message: m}\n",
    { f: "content" },
  );
  deepEqual([first.input, first.output, first.fails], [text("x"), text("y"), false]);
  deepEqual([second.input, second.output], [new Uint8Array([255, 0]), text("content")]);
  deepEqual({ ...second.with }, { n: 1, s: "t", f: false });
  deepEqual([third.input, third.output, third.fails, third.message], [text("content"), undefined, true, "m"]);
});

Deno.test("loadCases refuses a table that could not fail, or that leads out of the folder", async () => {
  const wrong = [
    "",
    "[]",
    "- {name: a, input: x}",
    "- {name: a, output: x}",
    "- {name: a, input: x, inputBase64: eA==, output: x}",
    "- {name: a, input: x, output: x, outputSha256: x}",
    "- {name: a, inputFile: ../x, output: x}",
    "- {name: a, inputFile: /etc/hostname, output: x}",
    "- {name: a, input: x, output: x, expect: y}",
    "- {name: a, input: x, output: x, with: {n: [1]}}",
    "- {name: a, inputBase64: '*', output: x}",
    "- {name: a, input: [",
  ];
  for (const cases of wrong) {
    await rejects(load(cases), (thrown: { errno: number }) => errnoName(thrown.errno) === "EINVAL", cases);
  }
  await rejects(load("- {name: a, inputFile: none, output: x}"), /none is missing/);
  await rejects(load(`#${" ".repeat(1024 * 1024)}`), /bytes, allowed are/);
});

Deno.test("argumentsOf: in the order of the manifest, with defaults, without what has neither", () => {
  const parameters = [{ name: "a", default: 1 }, { name: "b" }, { name: "c", default: false }, { name: "d" }];
  deepEqual(argumentsOf(parameters, { d: "x=y", a: 2 }), ["a=2", "c=false", "d=x=y"]);
  throws(() => argumentsOf(parameters, { e: 1 }), /no parameter "e"; there are: a, b, c, d/);
});

Deno.test("checkCase passes what is right and names the first byte that is not", async () => {
  const check = (one: Partial<Case>, run: () => RunResult) =>
    checkCase({ ...plain, ...one }, NO_MODULE, [], run);
  equal(await check({}, gives("out")), undefined);
  match(await check({}, gives("oUt")) ?? "", /differs .* at byte 1/);
  match(await check({}, gives("ou")) ?? "", /at byte 2: the end/);
  match(await check({}, gives("out", 3, "why")) ?? "", /exited with 3, expected 0; it said: why/);
  match(await check({ output: "0".repeat(64) }, gives("out")) ?? "", /SHA-256/);
  match(await check({ fails: true, output: undefined }, gives("out")) ?? "", /expected a failure/);
  equal(await check({ fails: true, output: undefined }, gives("other", 1)), undefined);
  match(
    await check({ fails: true, message: "why" }, gives("out", 1, "because")) ?? "",
    /expected "why" in it/,
  );
});

Deno.test("checkCase takes what the run throws for a trap, which is a failure", async () => {
  const trap = () => {
    throw new Error("unreachable");
  };
  equal(
    await checkCase({ ...plain, fails: true, output: undefined, message: "unreach" }, NO_MODULE, [], trap),
    undefined,
  );
  match(await checkCase(plain, NO_MODULE, [], trap) ?? "", /It trapped, expected 0; it said: unreachable/);
});
