/**
 * Damages the files of a volume one place at a time, and holds what the volume says then against what it said before: every answer
 * is right, or an error that names what is damaged.
 *
 *     deno task damage --count 2000
 *     deno task damage --seed 42 --count 20 --files index.sqlite
 */
import assert from "node:assert/strict";
import { parseArgs } from "node:util";
import { Errno, NineError, reasonOf } from "../../9p/mod.ts";
import { realDisk } from "../../state/disk/mod.ts";
import { LogReader } from "../../state/log/mod.ts";
import { VolumeStore } from "../../state/volume/mod.ts";
import { verify } from "../../state/worker/mod.ts";
import { call, now, put } from "../../servers/volume/_fixture.ts";
import { volume } from "../../servers/volume/mod.ts";
import { anySeed, Random } from "../fuzz/random.ts";
import { type Answers, ask } from "./answers.ts";
import { copy, type Left, makeVolume } from "./made.ts";

const STEP_MS_MAX = 60_000;
/** Operations of the volume of a killed process that only its log has, and some more. */
const PENDING = 14;
const SECTOR = 512;
const LOG_END = 70_000;

export type Wound = "bit" | "sector" | "cut";

/** What became of one place: the best that is true of it. */
export type Outcome =
  /** Nothing is to be noticed: what is there is of no use any more, or is written anew at each start. */
  | "unnoticed"
  /** It was told, and every answer is right. */
  | "mended"
  /** Some answers are errors that name it; the others are right, and the volume goes on. */
  | "partly refused"
  /** The end of the log is gone, or operations in it are, and that was told: the tree is as it was before them. */
  | "earlier"
  /** The volume does not open, and says what is damaged. */
  | "refused";

export interface DamageOptions {
  readonly seed: number;
  readonly count: number;
  readonly wounds: readonly Wound[];
  /** Only files whose path has this in it. */
  readonly files?: string;
  readonly log?: (line: string) => void;
}

interface Volume {
  readonly left: Left;
  readonly path: string;
  readonly answers: Answers;
  /** What it says where only so many operations of its log are there, once that was asked for. */
  earlier: Answers[] | undefined;
}

/** How often each outcome was, by the kind of file, how the volume was left, and what was done to it. */
export type Outcomes = Map<string, Map<Outcome, number>>;

export async function damage(
  { seed, count, wounds, files = "", log = () => {} }: DamageOptions,
): Promise<Outcomes> {
  const random = new Random(seed);
  const folder = await Deno.makeTempDir({ prefix: "lux9-damage-" });
  const outcomes: Outcomes = new Map();
  const volumes: Volume[] = [];
  for (const left of ["closed", "killed"] as const) {
    const path = `${folder}/${left}`;
    await makeVolume(path, left);
    copy(path, `${folder}/whole`);
    assert.deepEqual(verify(`${folder}/whole`).problems, [], left);
    const answers = await answersOf(`${folder}/whole`);
    await Deno.remove(`${folder}/whole`, { recursive: true });
    volumes.push({ left, path, answers, earlier: undefined });
  }
  for (let place = 0; place < count; place++) {
    const from = random.pick(volumes);
    const { left, path } = from;
    const victim = random.pick(filesIn(path, "").filter((file) => file.includes(files)));
    const wound = random.pick(wounds);
    const hurt = `${folder}/hurt`;
    copy(path, hurt);
    const where = injure(`${hurt}/${victim}`, wound, random);
    const what = `--seed ${seed}, place ${place}: ${wound} of ${victim} ${where}, ${left}`;
    try {
      const { outcome, told } = await judge(hurt, from, victim, wound);
      const kind = `${victim.replace(/\d{4,}/, "N")}, ${left}, ${wound}`;
      const counts = outcomes.get(kind) ?? new Map<Outcome, number>();
      outcomes.set(kind, counts.set(outcome, (counts.get(outcome) ?? 0) + 1));
      log(`${what}: ${outcome}${told.length > 0 ? `: ${told[0]}` : ""}`);
    } catch (thrown) {
      throw new Error(`${what}; the volume is in ${hurt}, and was in ${path}`, { cause: thrown });
    }
    await Deno.remove(hurt, { recursive: true });
  }
  await Deno.remove(folder, { recursive: true });
  return outcomes;
}

/** Throws where an answer is wrong, or what is damaged is not named. */
async function judge(
  folder: string,
  from: Volume,
  victim: string,
  wound: Wound,
): Promise<{ outcome: Outcome; told: readonly string[] }> {
  const found = verify(folder).problems;
  const troubles: string[] = [];
  let store: VolumeStore;
  try {
    store = await within(
      VolumeStore.open(folder, { onTrouble: (message) => troubles.push(message) }),
      "Opening",
    );
  } catch (thrown) {
    assert.ok(thrown instanceof NineError, `Opening: ${reasonOf(thrown)}`);
    assert.ok(found.length > 0, `verify found nothing, and the volume is refused: ${thrown.message}`);
    return { outcome: "refused", told: [thrown.message] };
  }
  let answers: Answers;
  try {
    answers = await within(ask(store), "Asking");
    // It goes on.
    const server = volume(store);
    put(server, now(server.attach("", call)), "new", "new");
    await within(store.caughtUp(), "Applying");
    await within(store.snapshot("new", "me"), "A snapshot");
  } finally {
    await within(store.close(), "Closing");
  }
  const refused = [...answers].flatMap(([question, answer]) =>
    answer instanceof NineError ? [`${question}: ${answer.message}`] : []
  );
  const wrong = wrongIn(answers, from.answers);
  // Past the last sync, damage is what the loss of power would leave; before it, what is left of an operation may tell nothing.
  const isTorn = troubles.some((trouble) => /^The log ended within/.test(trouble));
  const isLost = wound !== "bit" &&
    troubles.some((trouble) => /left out|is lost|gone from the end/.test(trouble));
  if (victim.startsWith("log/") && wrong !== undefined && isTorn) {
    from.earlier ??= await earlierOf(from.path);
    const [whole] = from.earlier.filter((earlier) => wrongIn(answers, earlier) === undefined);
    assert.ok(whole, `It is as after no operation of the log: ${wrong}`);
    return { outcome: "earlier", told: troubles };
  }
  if (victim.startsWith("log/") && isLost) return { outcome: "earlier", told: troubles };
  assert.equal(wrong, undefined);
  const told = [...troubles, ...refused];
  // Where what is wrong was not durable, it may be what a killed process had not written yet.
  if (told.length > 0 && !victim.startsWith("log/")) {
    assert.ok(found.length > 0, `verify found nothing, and was told: ${told[0]}`);
  }
  if (refused.length > 0) return { outcome: "partly refused", told: refused };
  assert.deepEqual(verify(folder).problems, [], "after it was mended");
  return { outcome: troubles.length > 0 ? "mended" : "unnoticed", told };
}

/** The first answer that is neither right nor an error that tells of damage. */
function wrongIn(answers: Answers, right: Answers): string | undefined {
  let refused = 0;
  for (const answer of answers.values()) refused += Number(answer instanceof NineError);
  for (const [question, expected] of right) {
    const answer = answers.get(question);
    if (answer instanceof NineError) {
      if (answer.errno !== Errno.EIO) return `${question}: ${answer.message}`;
    } else if (answer === undefined) {
      // What is below a directory that cannot be listed was not asked for.
      if (refused === 0) return `${question} is not answered, and nothing was refused`;
    } else if (answer !== expected) {
      // What cannot be read is no version yet.
      const read = question.startsWith("history ")
        ? answers.get(question.replace("history ", "read "))
        : undefined;
      if (!(read instanceof NineError)) return `${question}: ${answer}, and not ${expected}`;
    }
  }
  for (const question of answers.keys()) if (!right.has(question)) return `${question}: it was not there`;
  return undefined;
}

/** What a volume says whose log ends before each of the operations that only it has. */
async function earlierOf(path: string): Promise<Answers[]> {
  const [segment] = filesIn(path, "log").slice(-1);
  const ends: number[] = [];
  {
    using log = new LogReader(realDisk(path), "log");
    for (const { offset, payload } of log.records(1)) ends.push(offset + payload.byteLength);
  }
  const states: Answers[] = [];
  for (const end of ends.slice(-PENDING).reverse()) {
    const cut = `${path}-cut`;
    copy(path, cut);
    Deno.truncateSync(`${cut}/${segment}`, end);
    const store = await VolumeStore.open(cut);
    states.push(await ask(store));
    await store.close();
    await Deno.remove(cut, { recursive: true });
  }
  return states;
}

async function answersOf(folder: string): Promise<Answers> {
  const store = await VolumeStore.open(folder, { onTrouble: (message) => assert.fail(message) });
  try {
    const answers = await ask(store);
    for (const [question, answer] of answers) assert.equal(typeof answer, "string", `${question}: ${answer}`);
    return answers;
  } finally {
    await store.close();
  }
}

function filesIn(folder: string, path: string): string[] {
  return [...Deno.readDirSync(`${folder}/${path}`)].flatMap(({ name, isDirectory }) => {
    const at = path === "" ? name : `${path}/${name}`;
    if (isDirectory) return filesIn(folder, at);
    return Deno.statSync(`${folder}/${at}`).size > 0 ? [at] : [];
  }).sort();
}

/** Says where. */
function injure(path: string, wound: Wound, random: Random): string {
  const bytes = Deno.readFileSync(path);
  // Of the log mostly its end is needed.
  const part = path.includes("/log/") && random.once(2) ? Math.min(bytes.length, LOG_END) : bytes.length;
  const at = bytes.length - 1 - random.below(part);
  if (wound === "bit") {
    const bit = random.below(8);
    bytes[at] ^= 1 << bit;
    Deno.writeFileSync(path, bytes);
    return `${at}.${bit}`;
  }
  const sector = at - at % SECTOR;
  if (wound === "cut") Deno.truncateSync(path, sector);
  else Deno.writeFileSync(path, bytes.fill(0, sector, sector + SECTOR));
  return String(sector);
}

async function within<T>(promise: Promise<T>, what: string): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => late.reject(new Error(`${what}: no end after ${STEP_MS_MAX} ms`)),
    STEP_MS_MAX,
  );
  try {
    return await Promise.race([promise, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

if (import.meta.main) {
  const { values } = parseArgs({
    args: Deno.args,
    options: {
      seed: { type: "string" },
      count: { type: "string", default: "1000" },
      files: { type: "string", default: "" },
      wounds: { type: "string", default: "bit,sector,cut" },
    },
  });
  const seed = values.seed === undefined ? anySeed() : Number(values.seed);
  console.log(`--seed ${seed} --count ${values.count}`);
  const outcomes = await damage({
    seed,
    count: Number(values.count),
    files: values.files,
    wounds: values.wounds.split(",") as Wound[],
    log: console.log,
  });
  for (const [kind, counts] of [...outcomes].sort(([a], [b]) => a < b ? -1 : 1)) {
    console.log(`${kind}: ${[...counts].map(([outcome, count]) => `${count} ${outcome}`).join(", ")}`);
  }
}
