/**
 * What the replicated tree costs, next to all entries in one document of automerge-repo and in one bare Automerge map:
 * `deno task bench-tree [--entries N,N…] [--rounds N]`. It writes its tables into docs/benchmarks.md.
 *
 * Every subject runs in a process of its own, so that memory is its own, and the subjects take turns. The values in the map
 * are as long as the packed bytes in the tree. automerge-repo is installed by npm where it is to be compared with.
 */
import * as Automerge from "@automerge/automerge";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { fileURLToPath } from "node:url";
import { automerge } from "../../state/automerge/mod.ts";
import { publish, table } from "../report.ts";
import {
  type Attributes,
  authorOf,
  type Changes,
  type Content,
  type DocId,
  MemoryDocuments,
  MemoryIndex,
  type NodeId,
  nodeId,
  ROOT,
  type TreeDocument,
  TreeWriter,
  unpackPuts,
} from "../../state/tree/mod.ts";

const ENTRIES = "10000,100000";
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { entries: { type: "string", default: ENTRIES }, rounds: { type: "string", default: "3" } },
});
const author = authorOf(new Uint8Array([1, 2, 3, 4, 5, 6, 7, 8]));
const ACTOR = "0102030405060708090a0b0c";
const NAMES_A_DIRECTORY = 100;

interface Figures {
  /** Making all entries, µs each, in batches of 100. */
  readonly make: number;
  /** Bytes an entry, as saved. */
  readonly saved: number;
  /** Loading everything, ms. */
  readonly load: number;
  /** Loading what one change needs, ms. */
  readonly loadOne: number;
  /** Megabytes that loading everything takes. */
  readonly memory: number;
  /** One change, committed, with the change's bytes for others: µs, the median of 50. */
  readonly one: number;
  /** The same in a batch of 100, µs each. */
  readonly hundred: number;
  /** Taking in one change from elsewhere, µs, the median of 50; not measured of automerge-repo, which has it from a network. */
  readonly receive?: number;
}

const REPO = "automerge-repo, one document";
const REPO_PACKAGES = {
  "@automerge/automerge": "3.5.0",
  "@automerge/automerge-repo": "2.5.6",
  "@automerge/automerge-repo-storage-nodefs": "2.5.6",
};
const TREE = "tree, directories of 100";
/** The item 4. */
const TARGET = 5;
const COMPARED = {
  load: "loading all",
  loadOne: "loading what a change needs",
  memory: "memory with all loaded",
  one: "one change",
} as const;

const SUBJECTS: Record<string, (entries: number) => Figures> = {
  [TREE]: (entries) => measureTree(entries, NAMES_A_DIRECTORY),
  "tree, one directory": (entries) => measureTree(entries, entries),
  "one map": measureMap,
};

if (positionals.length === 2) {
  console.log(JSON.stringify(SUBJECTS[positionals[0]](Number(positionals[1]))));
} else await main();

async function main(): Promise<void> {
  const repo = await installRepo();
  const text: string[] = [];
  for (const entries of values.entries.split(",").map(Number)) {
    const rounds: Record<string, Figures[]> = {};
    for (let round = 0; round < Number(values.rounds); round++) {
      for (const subject of Object.keys(SUBJECTS)) {
        (rounds[subject] ??= []).push(await child(subject, entries));
      }
      if (repo) (rounds[REPO] ??= []).push(await repoChild(repo, entries));
    }
    text.push(tableOf(entries, rounds));
    if (repo) text.push(verdict(rounds));
  }
  console.log(text.join("\n\n"));
  if (repo && values.entries === ENTRIES) await publish("bench-tree", text.join("\n\n"));
}

function tableOf(entries: number, rounds: Record<string, Figures[]>): string {
  const head = [
    `${entries.toLocaleString("en")} entries`,
    ...["make µs", "B saved", "load all ms", "load for one ms", "MB", "change µs", "of 100 µs", "receive µs"],
  ];
  const keys = ["make", "saved", "load", "loadOne", "memory", "one", "hundred", "receive"] as const;
  const rows = Object.entries(rounds).map(([subject, figures]) => [
    subject,
    ...keys.map((key) => {
      const found = figures.flatMap((each) => each[key] ?? []);
      return found.length === 0 ? "" : Number(median(found).toPrecision(3)).toLocaleString("en");
    }),
  ]);
  return table(head, rows);
}

/** How many times less the tree takes than automerge-repo. */
function verdict(rounds: Record<string, Figures[]>): string {
  const rows = Object.entries(COMPARED).map(([key, what]) => {
    const of = (subject: string) => rounds[subject].map((each) => each[key as keyof typeof COMPARED]);
    const ratio = median(of(REPO).map((figure, round) => figure / Math.max(of(TREE)[round], 0.001)));
    return [what, `${ratio.toFixed(1)} times`, `≥ ${TARGET}`, ratio >= TARGET ? "yes" : "**no**"];
  });
  return table(["the tree next to automerge-repo", "less", "target", "met"], rows);
}

/** Where automerge-repo is installed; undefined where npm cannot. */
async function installRepo(): Promise<string | undefined> {
  const folder = join(fileURLToPath(new URL("../..", import.meta.url)), ".lux9/bench/automerge-repo");
  await Deno.mkdir(folder, { recursive: true });
  const wanted = JSON.stringify({ private: true, type: "module", dependencies: REPO_PACKAGES });
  await Deno.copyFile(new URL("automerge_repo.ts", import.meta.url), join(folder, "automerge_repo.ts"));
  if (await Deno.readTextFile(join(folder, "installed")).catch(() => "") === wanted) return folder;
  await Deno.writeTextFile(join(folder, "package.json"), wanted);
  const args = ["install", "--omit=optional", "--no-audit", "--no-fund"];
  const npm = await new Deno.Command("npm", { args, cwd: folder }).output().catch(() => undefined);
  if (!npm?.success) {
    console.error("npm could not install automerge-repo, so there is nothing to compare with");
    return undefined;
  }
  await Deno.writeTextFile(join(folder, "installed"), wanted);
  return folder;
}

async function repoChild(folder: string, entries: number): Promise<Figures> {
  const { stdout, stderr, success } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--no-config",
      "--node-modules-dir=manual",
      "-A",
      "--no-check",
      "automerge_repo.ts",
      `${entries}`,
    ],
    cwd: folder,
  }).output();
  if (!success) throw new Error(`automerge-repo: ${new TextDecoder().decode(stderr)}`);
  return JSON.parse(new TextDecoder().decode(stdout));
}

async function child(subject: string, entries: number): Promise<Figures> {
  const { stdout, success } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "-A",
      "--no-check",
      "--v8-flags=--expose-gc",
      fileURLToPath(import.meta.url),
      subject,
      String(entries),
    ],
    stderr: "inherit",
  }).output();
  if (!success) throw new Error(`${subject} with ${entries} entries failed`);
  return JSON.parse(new TextDecoder().decode(stdout));
}

function measureTree(entries: number, perDirectory: number): Figures {
  let documents = new MemoryDocuments(automerge, ACTOR);
  const index = new MemoryIndex();
  let last = 0;
  const newNode = () => nodeId(author, ++last);
  const open = (documents: MemoryDocuments, clock: number, number: number) =>
    new TreeWriter({ documents, index, author, clock, number, newNode, merge: () => "unmergeable" });
  let writer = open(documents, 0, 0);
  writer.createRoot(attributes("directory"));
  writer.commit();
  const files: NodeId[] = [];
  let number = 1;
  let parent = ROOT;
  const create = (i: number) => {
    const node = newNode();
    if (perDirectory < entries && i % perDirectory === 0) {
      parent = newNode();
      writer.create(
        { node: parent, parent: ROOT, name: `directory${i / perDirectory}` },
        attributes("directory"),
      );
    }
    writer.create({ node, parent, name: `file${i}.txt` }, attributes("file"), content(i));
    files.push(node);
    if (i % 100 === 99) number += writer.commit().records.length;
  };
  const make = microseconds(() => {
    for (let i = 0; i < entries; i++) create(i);
  }) / entries;
  number += writer.commit().records.length;
  const saved = [...documents.all()].map((document): [DocId, Uint8Array] => [document.id, document.save()]);
  const bytes = saved.reduce((sum, [, { length }]) => sum + length, 0) / entries;
  const loaded = loadMeasured(() => saved.map(([id, bytes]) => automerge.load(id, bytes, "ff" + ACTOR)));
  const home = index.node(files[0])?.home as DocId;
  const needed = saved.find(([id]) => id === home) as [DocId, Uint8Array];
  const loadOne = microseconds(() => automerge.load(needed[0], needed[1], "ff" + ACTOR)) / 1000;
  documents = new MemoryDocuments(automerge, "ff" + ACTOR);
  for (const document of loaded.result as TreeDocument[]) documents.put(document);
  writer = open(documents, writer.clock, number);
  const time = { sec: 1_790_000_001, nsec: 0 };
  const change = (i: number) => writer.setattr(files[(i * 7919) % entries], { mode: 0o600 + i % 64 }, time);
  const made: Changes[] = [];
  const one = median(Array.from({ length: 50 }, (_, i) =>
    microseconds(() => {
      change(i);
      made.push(...writer.commit().records);
    })));
  const hundred = microseconds(() => {
    for (let i = 0; i < 100; i++) change(100 + i);
    writer.commit();
  }) / 100;
  // The other copy has its own index, which is brought up to date as well.
  const elsewhere = new MemoryDocuments(automerge, "ee" + ACTOR);
  for (const [id, bytes] of saved) elsewhere.put(automerge.load(id, bytes, "ee" + ACTOR));
  const other = open(elsewhere, writer.clock, 0);
  const receive = median(
    made.map((changes) =>
      microseconds(() => {
        const puts = new Map(Array.from(changes, ([id, bytes]) => [id, unpackPuts(bytes)]));
        other.receive([{ author, number: ++number, hasSeen: () => true, changes: puts }]);
      })
    ),
  );
  return { make, saved: bytes, load: loaded.ms, loadOne, memory: loaded.megabytes, one, hundred, receive };
}

function measureMap(entries: number): Figures {
  type Map = Record<string, Uint8Array>;
  const value = (i: number) => crypto.getRandomValues(new Uint8Array(48)).fill(i & 255, 0, 15);
  let document = Automerge.init<Map>({ actor: ACTOR });
  const make = microseconds(() => {
    // In one change: in batches of 100 it would take minutes.
    document = Automerge.change(document, (map) => {
      for (let i = 0; i < entries; i++) map[`directory${i / NAMES_A_DIRECTORY | 0}/file${i}.txt`] = value(i);
    });
  }) / entries;
  const saved = Automerge.save(document);
  const keys = Object.keys(document);
  const loaded = loadMeasured(() => Automerge.load<Map>(saved, { actor: "ff" + ACTOR }));
  document = loaded.result;
  const made: Uint8Array[] = [];
  const key = (i: number) => keys[(i * 7919) % entries];
  const times = entries > 20_000 ? 5 : 50;
  const one = median(Array.from({ length: times }, (_, i) =>
    microseconds(() => {
      document = Automerge.change(document, (map) => void (map[key(i)] = value(i)));
      const change = Automerge.getLastLocalChange(document);
      if (change) made.push(change);
    })));
  const hundred = microseconds(() => {
    document = Automerge.change(document, (map) => {
      for (let i = 0; i < 100; i++) map[key(100 + i)] = value(i);
    });
  }) / 100;
  let other = Automerge.load<Map>(saved, { actor: "ee" + ACTOR });
  const receive = median(made.map((change) =>
    microseconds(() => {
      [other] = Automerge.applyChanges(other, [change]);
    })
  ));
  return {
    make,
    saved: saved.length / entries,
    load: loaded.ms,
    loadOne: loaded.ms,
    memory: loaded.megabytes,
    one,
    hundred,
    receive,
  };
}

function loadMeasured<T>(load: () => T): { result: T; ms: number; megabytes: number } {
  const collect = (globalThis as { gc?: () => void }).gc;
  collect?.();
  const before = Deno.memoryUsage().rss;
  const started = performance.now();
  const result = load();
  const ms = performance.now() - started;
  return { result, ms, megabytes: (Deno.memoryUsage().rss - before) / 2 ** 20 };
}

function attributes(kind: "file" | "directory"): Attributes {
  const time = { sec: 1_790_000_000, nsec: 123_456_789 };
  return {
    kind,
    mode: 0o644,
    uid: "alice",
    gid: "alice",
    atime: time,
    mtime: time,
    ctime: time,
    target: "",
    rdev: 0,
  };
}

function content(i: number): Content {
  const descriptor = crypto.getRandomValues(new Uint8Array(33));
  return { size: i, descriptor, mtime: { sec: 1_790_000_000, nsec: 123_456_789 }, text: false };
}

function microseconds(work: () => unknown): number {
  const started = performance.now();
  work();
  return (performance.now() - started) * 1000;
}

function median(figures: readonly number[]): number {
  return [...figures].sort((a, b) => a - b)[figures.length >> 1];
}
