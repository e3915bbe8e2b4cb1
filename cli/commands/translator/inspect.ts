import type { Command } from "commander";
import { z } from "zod";
import { Errno, errnoOf, reasonOf, type Tree } from "../../../9p/mod.ts";
import { galleryFolder } from "../../../translators/gallery/mod.ts";
import { MODULE_BYTES_MAX } from "../../../translators/library/mod.ts";
import { NAME } from "../../../translators/manifest/mod.ts";
import { type Status, statusOf, TRANSLATORS } from "../../modules/installed.ts";
import { isGalleryName } from "../../modules/local_modules.ts";
import { type ModuleFiles, readModuleFiles, WASM } from "../../modules/module_files.ts";
import { requestText } from "../../modules/requests.ts";
import { type WasmShape, wasmShape } from "../../modules/wasm_shape.ts";
import { print, printJson, table, visible } from "../../output.ts";
import { reach, type Where, withWhere } from "../../reach.ts";
import { durationText } from "../../trace/latencies.ts";
import { bytesText } from "../../transfer.ts";

interface Options extends Where {
  json?: boolean;
}

/** What is shown. Of a module that is not installed, nobody knows grants and health. */
interface Inspected extends Omit<Status, "grants"> {
  readonly name: string;
  readonly grants?: Status["grants"];
  readonly stats?: Readonly<Record<string, number>>;
  /** The last lines of its log. */
  readonly log?: readonly string[];
  readonly imports?: readonly string[];
  /** Why the engine could not run it. */
  readonly problem?: string;
}

const LOG_LINES = 5;
const TEXT_BYTES_MAX = 1024 * 1024;
const MIB = 1024 * 1024;

export function defineInspect(command: Command): void {
  withWhere(command)
    .argument(
      "<what>",
      "an installed module, or the path of a folder or of a .wasm (./NAME where it has no slash)",
    )
    .option("--json", "as JSON")
    .addHelpText(
      "after",
      `
Shown are its manifest, content, the WASI functions it calls, what it asks for beyond its input, what of that was granted,
and how it has been doing since the node started. Nothing of it is run.

Examples:
  lux9 translator inspect jq
  lux9 translator inspect ./module.wasm
  lux9 translator inspect --json jq | jq .stats`,
    )
    .action(inspect);
}

async function inspect(what: string, { json, ...where }: Options): Promise<void> {
  const found = NAME.test(what)
    ? await inspectInstalled(what, where)
    : await inspectFiles(what, "not installed");
  if (json) return printJson(found);
  for (const line of table(rowsOf(found))) print(line);
}

async function inspectInstalled(name: string, where: Where): Promise<Inspected> {
  await using tree = await reach(where);
  let status: Status;
  try {
    status = await statusOf(tree, name);
  } catch (thrown) {
    if (errnoOf(thrown) !== Errno.ENOENT || !isGalleryName(name)) throw thrown;
    return await inspectFiles(galleryFolder(name), "not installed, comes with lux9");
  }
  const folder = `${TRANSLATORS}/${name}`;
  const bytes = await tree.readFile(`${folder}/${WASM}`, MODULE_BYTES_MAX);
  return {
    name,
    ...status,
    stats: parseStats(await textOf(tree, `${folder}/stats.json`)),
    log: (await textOf(tree, `${folder}/log`)).trimEnd().split("\n").filter((line) => line !== "").slice(
      -LOG_LINES,
    ),
    ...await shapeOf(bytes.slice(), name),
  };
}

async function inspectFiles(path: string, state: string): Promise<Inspected> {
  const files: ModuleFiles = await readModuleFiles(path);
  const { name, hash, bytes, manifest } = files;
  const { version, description, parameters, limits, capabilities, input, output } = manifest;
  return {
    name,
    state,
    version,
    description,
    hash,
    size: bytes.byteLength,
    requests: capabilities,
    limits,
    input,
    ...(output === undefined ? {} : { output }),
    parameters,
    ...await shapeOf(bytes, path),
  };
}

async function shapeOf(
  bytes: Uint8Array<ArrayBuffer>,
  what: string,
): Promise<Pick<Inspected, "imports" | "problem">> {
  let shape: WasmShape;
  try {
    shape = await wasmShape(bytes, what);
  } catch (thrown) {
    return { problem: reasonOf(thrown) };
  }
  return { imports: shape.imports };
}

async function textOf(tree: Tree, path: string): Promise<string> {
  return new TextDecoder().decode(await tree.readFile(path, TEXT_BYTES_MAX));
}

function parseStats(text: string): Record<string, number> {
  return z.record(z.string(), z.number()).parse(JSON.parse(text));
}

function rowsOf(found: Inspected): string[][] {
  const { fuel, memory, time, output } = found.limits;
  const rows: [string, string[]][] = [
    ["name", [visible(found.name)]],
    ["version", [visible(found.version)]],
    ["description", [visible(found.description) || "none"]],
    ["state", [visible(found.state)]],
    ["sha256", [visible(found.hash)]],
    ["size", [bytesText(found.size)]],
    ["reads", [found.input.map(visible).join(", ") || "not said"]],
    ["writes", [visible(found.output ?? "not said")]],
    [
      "parameters",
      found.parameters.length === 0 ? ["none that are known"] : found.parameters.map(parameterText),
    ],
    ["limits", [
      `memory ${amount(memory)}, time ${durationText(time * 1000)}, output ${amount(output)}, ` +
      (fuel === undefined ? "fuel not counted" : `fuel ${fuel}`),
    ]],
    ["asks", found.requests.length === 0 ? ["nothing beyond its input"] : found.requests.map(requestText)],
    ["granted", grantsText(found)],
    ["imports", [found.imports?.map((name) => visible(name.split(".")[1])).join(", ") ?? "not known"]],
    ...(found.problem === undefined ? [] : [["problem", [visible(found.problem)]] as [string, string[]]]),
    ...(found.stats === undefined ? [] : [["since start", [statsText(found.stats)]] as [string, string[]]]),
    ...(found.log?.length ? [["log", found.log.map(visible)] as [string, string[]]] : []),
  ];
  return rows.flatMap(([key, lines]) => lines.map((line, i) => [i === 0 ? key : "", line]));
}

function grantsText({ requests, grants }: Inspected): string[] {
  if (requests.length === 0) return ["nothing, and it needs nothing"];
  if (grants === undefined) return ["nothing: it is not installed"];
  return grants.length === 0 ? ["nothing: lux9 translator allow NAME grants it"] : grants.map(requestText);
}

function parameterText({ name, type, default: value, description }: Status["parameters"][number]): string {
  const given = value === undefined ? "" : ` = ${visible(JSON.stringify(value))}`;
  return `${visible(name)}: ${visible(type)}${given}${description ? `  ${visible(description)}` : ""}`;
}

function statsText(stats: Readonly<Record<string, number>>): string {
  const { runs = 0, failures = 0, refused = 0, cached = 0, wallUs = 0, memoryBytesMax = 0 } = stats;
  return `${runs} runs, ${failures} failed, ${refused} refused, ${cached} from the cache; ` +
    `${durationText(wallUs)} in all, memory at most ${bytesText(memoryBytesMax)}`;
}

/** As manifests have it. */
function amount(bytes: number): string {
  return bytes % MIB === 0 ? `${bytes / MIB}MiB` : `${bytes}B`;
}
