import { type Command, Option } from "commander";
import { existsSync } from "node:fs";
import { Errno, errnoOf, NineError, reasonOf } from "../../../9p/mod.ts";
import { Exit } from "../../exit.ts";
import { homeOf } from "../../home.ts";
import { prepareHome } from "../../node/prepare_home.ts";
import { keyFileOf, volumeFolder } from "../../node/volumes.ts";
import { plural, print, printJson, shellWord, visible } from "../../output.ts";
import type { ContentsChoice } from "../../../state/worker/mod.ts";
import { bothEnds } from "../../sync/both_ends.ts";
import { carry } from "../../sync/carry.ts";
import { isSameHome, otherSide, ownSide, type Side } from "../../sync/side.ts";
import { serveOnNode } from "../../sync/serve.ts";
import { lackingText } from "../../sync/words.ts";
import { checkWrittenName } from "../../sync/written_name.ts";
import { bytesText, Progress } from "../../transfer.ts";

interface Options {
  home?: string;
  as?: string;
  contents?: ContentsChoice;
  json?: boolean;
}

export function defineClone(command: Command): void {
  command
    .argument("<other>", "a home (a folder), or a node: its socket, tcp!HOST!PORT, unix!/PATH")
    .argument("<name>", "the volume there")
    .option("--as <name>", "what it is to be called here")
    .option("--home <dir>", "the home to put it in (default: $XDG_DATA_HOME/lux9, else ~/.local/share/lux9)")
    .addOption(
      new Option(
        "--contents <when>",
        "contents of files come at once, or each when it is read while lux9 sync --watch goes on",
      ).choices(["whole", "on-demand"]).default("whole"),
    )
    .option("--json", "as JSON")
    .addHelpText(
      "after",
      `
The new copy has everything that the other one has, its history and snapshots too, and writes with the key of its home. From then on
lux9 sync brings together what is changed on either. One that was stopped leaves no volume: called again it goes on from there, and lux9 volume rm
removes what came.

Examples:
  lux9 volume clone tcp!server!5640 notes
  lux9 volume clone tcp!server!5640 photos --contents on-demand
  lux9 volume clone ~/.local/share/lux9 data --home /media/stick/lux9`,
    )
    .action(clone);
}

async function clone(
  other: string,
  name: string,
  { as = name, home: option, contents = "whole", json }: Options,
): Promise<void> {
  for (const each of [name, as]) checkWrittenName(each);
  const home = homeOf(option);
  const folder = volumeFolder(home, as);
  if (existsSync(folder)) {
    throw new Exit("failed", `${home} has a volume ${as} already: choose another name by --as`);
  }
  const { receiveClone } = await import("../../../state/worker/mod.ts");
  const aborter = new AbortController();
  const on = option === undefined ? "" : ` --home ${shellWord(option)}`;
  let isMade = false;
  const stop = () => aborter.abort(new Exit("interrupted", isMade ? MADE : `Stopped: ${restText(as, on)}`));
  Deno.addSignalListener("SIGINT", stop);
  const progress = new Progress();
  try {
    await using theirs = await otherSide(other, aborter.signal);
    const end = await theirs.end(name);
    prepareHome(home);
    Deno.mkdirSync(`${home}/volumes`, { recursive: true, mode: 0o700 });
    const { files, bytes, damaged, lacking } = await receiveClone(folder, end, {
      contents,
      keyFile: keyFileOf(home),
      signal: aborter.signal,
      onProgress: ({ rows, bytes, bytesAll, isChecking }) =>
        progress.draw(
          isChecking ? "checking what came" : `${rows} rows, ${bytesText(bytes)} of ${bytesText(bytesAll)}`,
        ),
    }).catch((thrown) => {
      if (errnoOf(thrown) !== Errno.ENOSPC) throw thrown;
      throw new NineError("ENOSPC", `${reasonOf(thrown)}: ${restText(as, on, "once there is room ")}`);
    });
    isMade = true;
    await end.close();
    progress.clear();
    const isOne = isSameHome({ home }, other);
    // It would wait for itself.
    const isHeld = isOne && theirs.isHeld;
    const places = isHeld ? [] : await serveOnNode(home, as);
    if (contents === "on-demand") {
      await using own = isHeld ? undefined : await ownSide({ home }, aborter.signal);
      await bringTexts({ as, name, mine: own ?? theirs, theirs }, aborter.signal);
    }
    if (json) printJson({ name: as, files, bytes, contents, damaged, lacking });
    else {
      const where = places.length > 0 ? `at ${places.map(visible).join(" ")}` : `in ${visible(home)}`;
      const what = contents === "on-demand" ? "contents on demand," : bytesText(bytes);
      print(`${visible(as)}: ${plural(files, "file")}, ${what} ${where}`);
      if (!isOne) print(`lux9 sync ${shellWord(other)}${on} --volume ${as} brings both together`);
    }
    if (lacking !== undefined && lacking.count > 0) throw new Exit("failed", lackingText(lacking, damaged));
  } catch (thrown) {
    // Whatever came of what was under way.
    aborter.signal.throwIfAborted();
    throw thrown;
  } finally {
    progress.clear();
    Deno.removeSignalListener("SIGINT", stop);
  }
}

const MADE = "Stopped: the new copy is there, and lux9 sync brings what it lacks";

/** `on`: the option that names its home, as another one may have a volume of that name. */
function restText(name: string, on: string, when = ""): string {
  return `there is no new copy yet. Called again ${when}it goes on from there; lux9 volume rm ${name}${on} --yes removes what came`;
}

/** The first exchange: what merges need is on every copy. One that is stopped is made up for by the next. */
async function bringTexts(
  { as, name, mine, theirs }: { as: string; name: string; mine: Side; theirs: Side },
  signal: AbortSignal,
): Promise<void> {
  const [own, other] = await bothEnds(mine.end(as), theirs.end(name));
  try {
    await carry(own, other, [{ do: "sync" }, { do: "sync" }], signal);
  } finally {
    await own.close();
    await other.close();
  }
}
