import type { Command } from "commander";
import { z } from "zod";
import { Errno, errnoOf, escapeLines, NineError, Qt, reasonOf, type Tree } from "../../9p/mod.ts";
import { EXPLAIN_XATTR } from "../../servers/computed/mod.ts";
import { reasonOnPath } from "../error_log.ts";
import { Exit } from "../exit.ts";
import { print, printJson, table, visible } from "../output.ts";
import { reach, type Where, withWhere } from "../reach.ts";
import { durationText } from "../trace/latencies.ts";
import { bytesText } from "../transfer.ts";
import { cleanPath } from "../tree_paths.ts";

interface Options extends Where {
  json?: boolean;
}

/** As much of the node's answer as is shown; it comes from another machine, maybe. */
const text = z.string().max(100_000);
const number = z.number();
const answer = z.object({
  path: text,
  inputs: z.array(z.object({ path: text, hash: text, size: number, version: number })),
  stages: z.array(z.object({
    name: text,
    version: text,
    module: text,
    args: z.array(text),
    from: z.enum(["cache", "run", "running", "waiting"]),
    key: text,
    about: z.object({ hash: text, size: number, fuel: number, wallUs: number, memoryBytes: number })
      .optional(),
  })),
  size: number.optional(),
  hash: text.optional(),
  failure: text.optional(),
});
type Answer = z.infer<typeof answer>;

const FROM: Readonly<Record<Answer["stages"][number]["from"], string>> = {
  cache: "from the cache",
  run: "run",
  running: "run of another reader",
  waiting: "not run",
};
const HASH_CHARS = 12;

export function define(command: Command): void {
  withWhere(command)
    .argument("<path>", "a computed file: what a recipe makes, or a path below /x")
    .option("--json", "as JSON")
    .addHelpText(
      "after",
      `
The file is evaluated for that. Shown are the inputs as they are now and what each module did: whether its result was kept
already or it ran, how long, with how much fuel and memory, and how much came out. Times of what comes from the cache are
those of the run that made it. Exit code 1 where it fails, with the reason.

Examples:
  lux9 explain /data/sensors/today.json
  lux9 explain /x/csv2json,jq:length/data/sensors/today.csv
  lux9 explain --json /data/report.html | jq '.stages[] | {name, from}'`,
    )
    .action(explain);
}

async function explain(path: string, { json, ...where }: Options): Promise<void> {
  await using tree = await reach(where);
  const clean = cleanPath(path);
  const found = await ask(tree, clean);
  if (json) {
    printJson(
      found.computed ? { ...found.answer, path: clean, computed: true } : { path: clean, computed: false },
    );
  } else if (!found.computed) {
    print(`${visible(clean)}: ${found.what}`);
  } else show(clean, found.answer);
  if (found.computed && found.answer.failure !== undefined) throw new Exit("failed", "");
}

type Found = { readonly computed: true; readonly answer: Answer } | {
  readonly computed: false;
  readonly what: string;
};

async function ask(tree: Tree, path: string): Promise<Found> {
  if (tree.client.dialect !== "9P2000.L") {
    throw new Exit(
      "failed",
      `The server speaks ${tree.client.dialect}, and explanations come by 9P2000.L only`,
    );
  }
  try {
    await using file = await tree.walk(path, { follow: true });
    if (file.qid.type & Qt.DIR) return { computed: false, what: "a directory, which nothing computes" };
    // Of a stored file it would be an attribute that somebody has set; a computed file has it in no list.
    const isComputed = !(await listed(() => file.listxattr())).includes(EXPLAIN_XATTR);
    const bytes = isComputed ? await file.getxattr(EXPLAIN_XATTR) : undefined;
    if (bytes) return { computed: true, answer: parse(bytes, path) };
  } catch (thrown) {
    const errno = errnoOf(thrown);
    if (errno !== Errno.ENODATA && errno !== Errno.EOPNOTSUPP) {
      const reason = await reasonOnPath(tree, path, thrown) ?? reasonOf(thrown);
      throw new NineError(errno, `${visible(path)}: ${reason}`);
    }
  }
  return {
    computed: false,
    what: "a stored file: its bytes are kept as they were written, and nothing computes it",
  };
}

async function listed(list: () => Promise<string[]>): Promise<string[]> {
  try {
    return await list();
  } catch (thrown) {
    if (errnoOf(thrown) === Errno.EOPNOTSUPP) return [];
    throw thrown;
  }
}

function parse(bytes: Uint8Array, path: string): Answer {
  try {
    return answer.parse(JSON.parse(new TextDecoder().decode(bytes)));
  } catch (thrown) {
    throw new NineError("EPROTO", `${visible(path)}: the explanation cannot be read: ${reasonOf(thrown)}`);
  }
}

function show(path: string, { inputs, stages, size, hash, failure }: Answer): void {
  print(
    size === undefined
      ? `${visible(path)}: computed, and it fails`
      : `${visible(path)}: computed, ${bytesText(size)}, sha256 ${shortHash(hash)}`,
  );
  print("");
  print(inputs.length === 1 ? "1 input" : `${inputs.length} inputs`);
  const rows = inputs.map((
    { path, hash, size, version },
  ) => [`  ${visible(path)}`, bytesText(size), `version ${version}`, `sha256 ${shortHash(hash)}`]);
  for (const line of table(rows, [1])) print(line);
  print("");
  print(stages.length === 1 ? "1 module" : `${stages.length} modules, in this order`);
  table(stages.map(stageRow), [2, 3, 4, 5]).forEach((line, i) => {
    print(line);
    if (stages[i].args.length > 0) print(`      ${stages[i].args.map(visible).join(" ")}`);
  });
  if (failure !== undefined) print(`\n${escapeLines(failure)}`);
}

function stageRow({ name, version, from, about }: Answer["stages"][number]): string[] {
  const costs = about === undefined ? ["", "", "", ""] : [
    durationText(about.wallUs),
    about.fuel === 0 ? "fuel not counted" : `fuel ${about.fuel}`,
    `memory ${bytesText(about.memoryBytes)}`,
    `${bytesText(about.size)} out`,
  ];
  return [`  ${visible(name)} ${visible(version)}`, FROM[from], ...costs];
}

function shortHash(hash = ""): string {
  return visible(hash.slice(0, HASH_CHARS));
}
