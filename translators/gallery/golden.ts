/**
 * Golden cases: `cases.yaml` beside a module says what goes in, with which parameters, and what must come out.
 *
 * ```yaml
 * - name: the first line only
 *   with: {n: 1}
 *   input: "a\nb\n"           # or inputFile: a path in this folder, or inputBase64
 *   output: "a\n"             # or outputFile, outputBase64, outputSha256
 * - name: a negative number is refused
 *   with: {n: -1}
 *   input: ""
 *   fails: true               # a trap, or any exit code but 0; what came out before does not matter unless given
 *   message: whole number     # a part of what the module prints to standard error
 * ```
 *
 * Who runs the module is an argument, so the engine, V8 and a native program are judged by the same table.
 */
import { createHash } from "node:crypto";
import { isAbsolute, join, normalize } from "node:path";
import { LineCounter, parseDocument } from "yaml";
import { z } from "zod";
import { NineError, reasonOf } from "../../9p/mod.ts";

export interface Case {
  readonly name: string;
  readonly with: Readonly<Record<string, Given>>;
  readonly input: Uint8Array;
  readonly fails: boolean;
  readonly message?: string;
  /** What must come out, or its SHA-256 in hexadecimal; undefined where a case that fails does not say. */
  readonly output?: Uint8Array | string;
}

export type Given = string | number | boolean;

/** As much of a manifest's parameter as the arguments depend on. */
export interface ParameterDefault {
  readonly name: string;
  readonly default?: Given;
}

/** Runs a module. What it throws is a trap. */
export type Run = (
  module: Uint8Array<ArrayBuffer>,
  args: readonly string[],
  stdin: Uint8Array,
) => RunResult | Promise<RunResult>;

export interface RunResult {
  readonly exitCode: number;
  readonly stdout: Uint8Array;
  readonly stderr: Uint8Array;
}

const CASES = "cases.yaml";
const CASES_MAX = 10_000;
const BYTES_MAX = 64 * 1024 * 1024;
const CASES_BYTES_MAX = 1024 * 1024;
const EXCERPT_BYTES = 40;

const given = z.union([z.string(), z.number(), z.boolean()]);
const path = z.string().min(1).max(4096).refine(
  (path) => !isAbsolute(path) && !normalize(path).startsWith(".."),
  { error: "must be a path inside the folder" },
);
const schema = z.array(
  z.strictObject({
    name: z.string().min(1).max(200),
    with: z.record(z.string(), given).default({}),
    input: z.string().optional(),
    inputFile: path.optional(),
    inputBase64: z.base64().optional(),
    output: z.string().optional(),
    outputFile: path.optional(),
    outputBase64: z.base64().optional(),
    outputSha256: z.string().regex(/^[0-9a-f]{64}$/, "must be 64 hexadecimal digits").optional(),
    fails: z.boolean().default(false),
    message: z.string().optional(),
  }).refine(
    (one) => count(one.input, one.inputFile, one.inputBase64) === 1,
    { error: "must have one of input, inputFile and inputBase64" },
  ).refine(
    (one) => {
      const outputs = count(one.output, one.outputFile, one.outputBase64, one.outputSha256);
      return outputs === 1 || (one.fails && outputs === 0);
    },
    {
      error:
        "must have one of output, outputFile, outputBase64 and outputSha256, or fails and at most one of them",
    },
  ),
).min(1, "must have a case").max(CASES_MAX);

function count(...values: readonly unknown[]): number {
  return values.filter((value) => value !== undefined).length;
}

/** The cases of a translator's folder; EINVAL with each thing that is wrong with the table. */
export async function loadCases(folder: string): Promise<readonly Case[]> {
  const file = join(folder, CASES);
  const lines = new LineCounter();
  const text = new TextDecoder().decode(await readBounded(file, CASES_BYTES_MAX));
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  if (document.errors.length > 0) {
    const problems = document.errors.map(({ pos, message }) =>
      `${file}:${lines.linePos(pos[0]).line}: ${message}`
    );
    throw new NineError("EINVAL", problems.join("\n"));
  }
  const result = schema.safeParse(document.toJS({ maxAliasCount: 100 }) ?? []);
  if (!result.success) {
    const problems = result.error.issues.map(({ path: [i, ...rest], message }) =>
      `${file}: ${i === undefined ? "the table" : `case ${Number(i) + 1}`}${
        rest.length > 0 ? `, ${rest.join(".")}` : ""
      }: ${message}`
    );
    throw new NineError("EINVAL", problems.join("\n"));
  }
  return await Promise.all(result.data.map(async (one) => ({
    name: one.name,
    with: one.with,
    fails: one.fails,
    message: one.message,
    input: await bytesOf(folder, one.input, one.inputFile, one.inputBase64) ?? new Uint8Array(),
    output: one.outputSha256 ?? await bytesOf(folder, one.output, one.outputFile, one.outputBase64),
  })));
}

async function bytesOf(
  folder: string,
  text: string | undefined,
  file: string | undefined,
  base64: string | undefined,
): Promise<Uint8Array | undefined> {
  if (text !== undefined) return new TextEncoder().encode(text);
  if (base64 !== undefined) return Uint8Array.fromBase64(base64);
  return file === undefined ? undefined : await readBounded(join(folder, file), BYTES_MAX);
}

async function readBounded(file: string, bytesMax: number): Promise<Uint8Array> {
  try {
    const { size } = await Deno.stat(file);
    if (size > bytesMax) throw new NineError("EFBIG", `${file} has ${size} bytes, allowed are ${bytesMax}`);
    return await Deno.readFile(file);
  } catch (thrown) {
    if (!(thrown instanceof Deno.errors.NotFound)) throw thrown;
    throw new NineError("ENOENT", `${file} is missing`);
  }
}

/**
 * A module's arguments: `name=value` in the order of the manifest, with the defaults of what is not given. A parameter
 * without either is left out. EINVAL for what the manifest does not have.
 */
export function argumentsOf(
  parameters: readonly ParameterDefault[],
  given: Readonly<Record<string, Given>>,
): readonly string[] {
  const unknown = Object.keys(given).find((name) => !parameters.some((parameter) => parameter.name === name));
  if (unknown !== undefined) {
    const known = parameters.map(({ name }) => name).join(", ") || "none";
    throw new NineError("EINVAL", `There is no parameter ${JSON.stringify(unknown)}; there are: ${known}`);
  }
  return parameters.flatMap((parameter) => {
    const value = Object.hasOwn(given, parameter.name) ? given[parameter.name] : parameter.default;
    return value === undefined ? [] : [`${parameter.name}=${value}`];
  });
}

/** Runs one case. Undefined where it passes; else what came and what was expected. */
export async function checkCase(
  one: Case,
  module: Uint8Array<ArrayBuffer>,
  parameters: readonly ParameterDefault[],
  run: Run,
): Promise<string | undefined> {
  let result: RunResult;
  try {
    result = await run(module, argumentsOf(parameters, one.with), one.input);
  } catch (thrown) {
    result = { exitCode: -1, stdout: new Uint8Array(), stderr: new TextEncoder().encode(reasonOf(thrown)) };
  }
  const { exitCode, stdout, stderr } = result;
  const said = new TextDecoder().decode(stderr).trim();
  if (one.fails !== (exitCode !== 0)) {
    const ended = exitCode === -1 ? "It trapped" : `It exited with ${exitCode}`;
    return `${ended}, expected ${one.fails ? "a failure" : "0"}; it said: ${said || "nothing"}`;
  }
  if (one.message !== undefined && !said.includes(one.message)) {
    return `It said ${JSON.stringify(said)}, expected ${JSON.stringify(one.message)} in it`;
  }
  if (typeof one.output === "string") {
    const came = createHash("sha256").update(stdout).digest("hex");
    return came === one.output
      ? undefined
      : `The output of ${stdout.length} bytes has SHA-256 ${came}, expected ${one.output}`;
  }
  return one.output === undefined ? undefined : difference(stdout, one.output);
}

function difference(came: Uint8Array, expected: Uint8Array): string | undefined {
  const length = Math.max(came.length, expected.length);
  let at = 0;
  while (at < length && came[at] === expected[at]) at++;
  if (at === length) return undefined;
  return `The output of ${came.length} bytes differs from the expected ${expected.length} at byte ${at}: ` +
    `${excerpt(came, at)}, expected ${excerpt(expected, at)}`;
}

function excerpt(bytes: Uint8Array, at: number): string {
  if (at >= bytes.length) return "the end";
  const from = Math.max(0, at - EXCERPT_BYTES / 2);
  const part = bytes.subarray(from, at + EXCERPT_BYTES);
  return JSON.stringify(new TextDecoder().decode(part));
}
