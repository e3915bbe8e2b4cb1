import type { Command } from "commander";
import { NineError, reasonOf } from "../../../9p/mod.ts";
import { order } from "../../control.ts";
import { Exit } from "../../exit.ts";
import { machinePrincipals } from "../../node/users.ts";
import { visible, warn } from "../../output.ts";
import { reach, type Where, withWhere } from "../../reach.ts";
import { TarReader } from "../../tar/mod.ts";
import { bytesText, Progress } from "../../transfer.ts";
import { importTree } from "../../volume_import.ts";
import { volumesOf } from "../../volume_status.ts";

interface Options extends Where {
  over?: boolean;
}

export function defineImport(command: Command): void {
  withWhere(command)
    .argument("<name>", "the volume; one that is not there is made")
    .option("--over", "also into a volume that has files: those of the same names give way")
    .addHelpText(
      "after",
      `
What tar, bsdtar and lux9 volume export write is read, with times, modes, owners, extended attributes, hard links and all
types of files. Paths that are absolute or have .. in them are left out, and no symbolic link is followed. What was made stays when it is stopped: the same again,
with --over, goes on to the end.

Examples:
  lux9 volume import notes < notes.tar
  tar -c --xattrs -C ~/project . | lux9 volume import project

The files of a home that has a folder data: stop the node, rename the folder, start the node, and
  tar -c --xattrs -C ~/.local/share/lux9/data.before . | lux9 volume import data`,
    )
    .action(run);
}

async function run(name: string, { over, ...where }: Options): Promise<void> {
  if (Deno.stdin.isTerminal()) throw new Exit("usage", "The archive comes on the standard input: add < FILE");
  await using tree = await reach(where);
  const reader = new TarReader(Deno.stdin);
  await reader.peek();
  let found = (await volumesOf(tree)).find((one) => one.name === name);
  if (found === undefined) {
    await order(tree, ["volume", "create", name], "/ctl");
    found = (await volumesOf(tree)).find((one) => one.name === name);
  }
  const at = found?.at[0];
  if (at === undefined) throw new NineError("ENOENT", `The volume ${name} is mounted nowhere`);
  if (!over) {
    for await (const entry of tree.list(at)) {
      throw new NineError(
        "ENOTEMPTY",
        `The volume ${name} has files, as ${JSON.stringify(entry.name)}: say --over to import over them`,
      );
    }
  }
  const aborter = new AbortController();
  const stop = () => aborter.abort();
  Deno.addSignalListener("SIGINT", stop);
  const progress = new Progress();
  try {
    await using root = await tree.walk(at);
    const { files, bytes, failed } = await importTree(root, reader, {
      principals: machinePrincipals(),
      signal: aborter.signal,
      onProgress: (files, bytes, path) =>
        progress.draw(`${files} files, ${bytesText(bytes)}, ${visible(path)}`),
      onError(path, thrown) {
        progress.clear();
        warn(`${visible(path.slice(0, 300))}: ${reasonOf(thrown)}`);
      },
    });
    progress.clear();
    await root.fsync();
    console.error(`${files} files, ${bytesText(bytes)}`);
    if (failed > 0) throw new Exit("failed", "");
  } catch (thrown) {
    if (aborter.signal.aborted) throw new Exit("interrupted", "Stopped: what was imported so far is there");
    throw thrown;
  } finally {
    progress.clear();
    Deno.removeSignalListener("SIGINT", stop);
  }
}
