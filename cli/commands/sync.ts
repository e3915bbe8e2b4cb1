import { type Command, Option } from "commander";
import { reasonOf } from "../../9p/mod.ts";
import { plural, print, printJsonLine, visible, warn } from "../output.ts";
import { Exit } from "../exit.ts";
import { type Where, withWhere } from "../reach.ts";
import { type Carried, carry } from "../sync/carry.ts";
import { conflictsOf } from "../sync/conflicts.ts";
import { bothEnds } from "../sync/both_ends.ts";
import { checkWrittenName } from "../sync/written_name.ts";
import { type Pair, pairsOf } from "../sync/pairs.ts";
import { isSameHome, otherSide, ownSide, type Side } from "../sync/side.ts";
import { Stands } from "../sync/stand.ts";
import { absentText, endingText, movedText, NOTHING, NOTHING_TO_SEND, progressText } from "../sync/words.ts";
import type { ContentsChoice } from "../../state/worker/mod.ts";
import { Progress } from "../transfer.ts";

interface Options extends Where {
  volume: string[];
  dryRun?: boolean;
  watch?: boolean;
  heal?: boolean;
  contents?: ContentsChoice;
  json?: boolean;
}

/** How long until two copies that are watched are compared again, ms. */
const WATCH_MS = 1000;
/** And until it is tried again to reach one that went away. */
const AGAIN_MS = 3000;
/** What two copies do one after the other until they are one; more leads nowhere. */
const STEPS_MAX = 6;
/** Of the name of a side. */
const NAME_LENGTH_MAX = 80;

export function define(command: Command): void {
  withWhere(command)
    .argument("<other>", "a home (a folder), or a node: its socket, tcp!HOST!PORT, unix!/PATH")
    .option("--volume <name...>", "only these volumes, by their names here (default: all that both have)", [])
    .option("--dry-run", "only say how much there is to exchange")
    .option("--watch", "go on whenever something changes, until ^C")
    .option("--heal", "read all contents, and take from the other copy what is damaged here")
    .addOption(
      new Option(
        "--contents <when>",
        "from now on contents of files come here with the rest, or when they are read (default: as before)",
      ).choices(["whole", "on-demand"]),
    )
    .option("--json", "as JSON, a line for each volume")
    .addHelpText(
      "after",
      `
Copies of a volume that were changed apart become one tree: what only one side changed is taken over, texts are merged, and of two
other contents one wins, the other stays beside it as NAME.conflict-…, which lux9 conflicts lists. Nothing is lost, whichever way
round it is called, and one that was stopped goes on where it was. A first copy is made by lux9 volume clone. While --watch goes on, what
is read on a copy with --contents on-demand comes from the other one, and stays.

Examples:
  lux9 sync /media/stick/lux9
  lux9 sync tcp!backup!5640 --volume notes --dry-run`,
    )
    .action(sync);
}

async function sync(other: string, options: Options): Promise<void> {
  for (const which of ["watch", "heal"] as const) {
    if (options.dryRun && options[which]) {
      throw new Exit("usage", `--dry-run and --${which} exclude each other`);
    }
  }
  for (const name of options.volume) checkWrittenName(name);
  if (isSameHome(options, other)) {
    throw new Exit("usage", `${other} is the home itself: a copy is brought together with another one`);
  }
  const aborter = new AbortController();
  const stop = () => aborter.abort(new Exit("interrupted", "Stopped: what was exchanged so far stays"));
  Deno.addSignalListener("SIGINT", stop);
  try {
    let begun = false;
    const onDone = () => begun = true;
    for (let said = "";;) {
      try {
        return await bringTogether(other, options, aborter.signal, onDone);
      } catch (thrown) {
        // Whatever came of what was under way.
        aborter.signal.throwIfAborted();
        if (!options.watch || !begun) throw thrown;
        // As a node that is started anew, or a machine that slept.
        const reason = reasonOf(thrown);
        if (reason !== said) warn(`${visible(reason)}: it is tried again until ^C`);
        said = reason;
      }
      await pause(aborter.signal, AGAIN_MS);
    }
  } finally {
    Deno.removeSignalListener("SIGINT", stop);
  }
}

/** Opens both sides, and exchanges their volumes: once, or with `watch` as long as both are there. `onDone` is told after each time. */
async function bringTogether(
  other: string,
  options: Options,
  signal: AbortSignal,
  onDone: () => void,
): Promise<void> {
  await using mine = await ownSide(options, signal);
  await using theirs = await otherSide(other, signal);
  await using stands = new Stands(mine, theirs);
  const pairs = await shared(mine, theirs, options.volume);
  let failed = false;
  for (let isFirst = true;; isFirst = false) {
    for (const pair of pairs) {
      if (options.watch) stands.open(pair);
      const isDone = await one(pair, mine, theirs, options, signal, isFirst).catch((thrown) => {
        // The other volumes go on without one that cannot be opened.
        if (options.watch || signal.aborted) throw thrown;
        return hasFailed(pair.here, reasonOf(thrown), options);
      });
      failed = !isDone || failed;
    }
    onDone();
    if (!options.watch) break;
    await pause(signal, WATCH_MS);
  }
  if (failed) throw new Exit("failed", "");
}

/** The volumes to exchange. */
async function shared(mine: Side, theirs: Side, wanted: readonly string[]): Promise<Pair[]> {
  const [here, there] = await Promise.all(
    [mine, theirs].map(async (side) => ({ name: side.name, volumes: await side.volumes() })),
  );
  return pairsOf({ here, there }, wanted);
}

/** Whether all that there was was exchanged. */
async function one(
  pair: Pair,
  mine: Side,
  theirs: Side,
  { dryRun, heal, watch, contents, json }: Options,
  signal: AbortSignal,
  isTold: boolean,
): Promise<boolean> {
  const volume = pair.here;
  if (!heal && !watch && contents === undefined && await isOne(pair, mine, theirs)) {
    if (json) {
      printJsonLine(
        dryRun ? { volume, toSend: 0, toReceive: 0 } : { volume, ended: "done", ...NOTHING, conflicts: [] },
      );
    } else if (isTold) print(`${visible(volume)}: ${dryRun ? NOTHING_TO_SEND : movedText(NOTHING)}`);
    return true;
  }
  const before = dryRun ? [] : await conflictsOf(mine, volume, signal);
  const carried = await carriedThrough(pair, mine, theirs, { dryRun, heal, watch, contents }, signal);
  const told = carried.own;
  if (told === undefined || "failed" in told || "progress" in told) {
    const failed = [told, carried.other].find((each) => each !== undefined && "failed" in each) as
      | { readonly failed: string }
      | undefined;
    return hasFailed(volume, failed?.failed ?? "the exchange ended without a word", { json });
  }
  if ("dry" in told) {
    const { toSend, toReceive } = told.dry;
    if (json) printJsonLine({ volume, toSend, toReceive });
    else print(`${visible(volume)}: ${plural(toSend, "record")} to send, ${toReceive} to receive`);
    return true;
  }
  if (!("ended" in told)) return false;
  const known = new Set(before.map(({ path }) => path));
  const conflicts = (await conflictsOf(mine, volume, signal)).filter(({ path }) => !known.has(path));
  const { summary, ended } = told;
  const isMoved = summary.sent.records + summary.received.records + summary.received.chunks > 0;
  if (json) printJsonLine({ volume, ended: ended?.kind, ...summary, conflicts });
  else if (isMoved || isTold && ended?.kind === "done") {
    print(`${visible(volume)}: ${movedText(summary)}`);
    for (const { path, of } of conflicts) print(`  conflict: ${visible(path)}, beside ${visible(of)}`);
  }
  for (const { reason } of [...summary.refused, ...summary.refusedByPeer]) {
    warn(`${visible(volume)}: ${visible(reason)}`);
  }
  if (summary.absent > 0 && (isTold || heal)) warn(`${visible(volume)}: ${absentText(summary)}`);
  if (ended?.kind !== "done") {
    const other = carried.other !== undefined && "failed" in carried.other
      ? ` (${carried.other.failed})`
      : "";
    warn(`${visible(volume)}: ${visible(endingText(ended) + other)}`);
  }
  // What was to be healed is not.
  if (heal && summary.absent > 0) return false;
  return ended?.kind === "done" && summary.refused.length + summary.refusedByPeer.length === 0;
}

function hasFailed(volume: string, reason: string, { json }: Pick<Options, "json">): false {
  if (json) printJsonLine({ volume, ended: "failed", reason });
  warn(`${visible(volume)}: ${visible(reason)}`);
  return false;
}

/** Whether two copies that nobody has open are found to be one without opening them, which takes most of the time of an exchange of nothing. */
async function isOne({ here, there }: Pair, mine: Side, theirs: Side): Promise<boolean> {
  const own = await mine.known(here);
  const other = own && await theirs.known(there);
  if (own === undefined || other === undefined) return false;
  const { haveNothingToTell } = await import("../../state/volume/mod.ts");
  return haveNothingToTell(own, other, Math.floor(Date.now() / 1000));
}

/**
 * An exchange, and what it leads to where two copies cannot go on as they are: under another name, or after one of them has taken the state of the other, joined with its
 * own.
 */
async function carriedThrough(
  pair: Pair,
  mine: Side,
  theirs: Side,
  { dryRun, heal, watch, contents }: Pick<Options, "dryRun" | "heal" | "watch" | "contents">,
  signal: AbortSignal,
): Promise<Carried> {
  // Who watches would have a version each second of a file that is written all the time.
  const common = { isDry: dryRun ?? false, settles: !dryRun && !watch, heals: heal ?? false };
  const [own, other] = [{ ...common, contents, name: nameOf(mine) }, { ...common, name: nameOf(theirs) }];
  for (let steps = 0;; steps++) {
    const carried = await exchanged(
      pair,
      mine,
      theirs,
      [{ do: "sync", ...own }, { do: "sync", ...other }],
      signal,
    );
    const isDone = [carried.own, carried.other].every((told) =>
      told === undefined || !("ended" in told) || told.ended?.kind === "done" && told.next === undefined
    );
    if (isDone || steps >= STEPS_MAX) return carried;
    // Most exchanges do without all that comes with it.
    const { nextStep } = await import("../../state/worker/mod.ts");
    const step = nextStep(carried.own, carried.other);
    if (step === undefined) return carried;
    if (step === "again") continue;
    const isOwn = step === "own rejoins";
    warn(
      `${visible(pair.here)}: ${
        visible(isOwn ? mine.name : theirs.name)
      } was away for longer than is kept, ` +
        "and takes the other copy's state, joined with its own",
    );
    const wishes = isOwn
      ? [{ do: "rejoin" as const }, { do: "state" as const }] as const
      : [{ do: "state" as const }, { do: "rejoin" as const }] as const;
    const rejoined = await exchanged(pair, mine, theirs, wishes, signal);
    for (const told of [rejoined.own, rejoined.other]) {
      if (told === undefined || "failed" in told) return rejoined;
    }
  }
}

async function exchanged(
  { here, there }: Pair,
  mine: Side,
  theirs: Side,
  wishes: Parameters<typeof carry>[2],
  signal: AbortSignal,
): Promise<Carried> {
  const progress = new Progress();
  const [own, other] = await bothEnds(mine.end(here), theirs.end(there));
  try {
    return await carry(own, other, wishes, signal, (told) => {
      if ("progress" in told) progress.draw(`${visible(here)}: ${progressText(told.progress)}`);
    });
  } finally {
    progress.clear();
    await own.close();
    await other.close();
  }
}

/** What a side is called to the other one, as long as that may be. */
function nameOf({ name }: Side): string {
  return name.slice(-NAME_LENGTH_MAX);
}

function pause(signal: AbortSignal, ms: number): Promise<void> {
  return new Promise((done, stopped) => {
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", () => (clearTimeout(timer), stopped(signal.reason)), { once: true });
  });
}
