import type { Command } from "commander";
import { Exit } from "../../exit.ts";
import { homeOf } from "../../home.ts";
import { volumeFolder } from "../../node/volumes.ts";
import { plural, print, printJson, visible, warn } from "../../output.ts";
import { bytesText } from "../../transfer.ts";

interface Options {
  home?: string;
  json?: boolean;
}

export function defineVerify(command: Command): void {
  command
    .argument("<name>", "the volume, as its folder in the home is called")
    .option("--home <dir>", "the home of the node (default: $XDG_DATA_HOME/lux9, else ~/.local/share/lux9)")
    .option("--json", "as JSON")
    .addHelpText(
      "after",
      `
It reads the files of the home on this machine, whether a node runs on it or not, and changes nothing. Every checksum, every
name and every chunk is looked at. Exit code 1 where something is wrong.

Examples:
  lux9 volume verify data`,
    )
    .action(check);
}

async function check(name: string, { home, json }: Options): Promise<void> {
  // All other commands begin without what it takes.
  const { verify } = await import("../../../state/worker/mod.ts");
  const found = verify(volumeFolder(homeOf(home), name));
  if (json) printJson(found);
  else {
    const { files, names, chunks, bytes, absent } = found;
    print(
      `${plural(files, "file")}, ${plural(names, "name")}, ${plural(chunks, "chunk")} with ${
        bytesText(bytes)
      }`,
    );
    if (absent > 0) {
      const [are, them] = absent === 1 ? ["is", "it"] : ["are", "them"];
      print(
        `${plural(absent, "chunk")} ${are} not here: copies that have ${them} bring ${them}, by lux9 sync`,
      );
    }
    for (const problem of found.problems) warn(visible(problem));
    print(
      found.problems.length === 0
        ? "Everything is as it should be"
        : plural(found.problems.length, "problem"),
    );
  }
  if (found.problems.length > 0) throw new Exit("failed", "");
}
