import type { Command } from "commander";
import { reasonOf } from "../../../9p/mod.ts";
import { order } from "../../control.ts";
import { Exit } from "../../exit.ts";
import { machinePrincipals } from "../../node/users.ts";
import { printBytes, visible, warn } from "../../output.ts";
import { reach, type Where, withWhere } from "../../reach.ts";
import { TarWriter } from "../../tar/mod.ts";
import { bytesText, Progress } from "../../transfer.ts";
import { exportTree } from "../../volume_export.ts";
import { checkSnapshot } from "../snapshot/names.ts";
import { volumeOf } from "../../volume_status.ts";

interface Options extends Where {
  snapshot?: string;
}

export function defineExport(command: Command): void {
  withWhere(command)
    .argument("<name>", "the volume, as lux9 volume ls has it")
    .option("-s, --snapshot <snapshot>", "as it was then; without it, as it is now")
    .addHelpText(
      "after",
      `
The archive is of one moment: without --snapshot one is made for the time being. It is in the pax format, with whole times,
extended attributes and hard links, for tar --xattrs and the like.

Examples:
  lux9 volume export notes > notes.tar
  lux9 volume export data --snapshot monday | zstd > monday.tar.zst`,
    )
    .action(run);
}

async function run(name: string, { snapshot, ...where }: Options): Promise<void> {
  if (Deno.stdout.isTerminal()) {
    throw new Exit("usage", "An archive is nothing for a terminal: write it to a file by > FILE");
  }
  await using tree = await reach(where);
  const { snapshots } = await volumeOf(tree, name);
  if (snapshot !== undefined) checkSnapshot(name, snapshot, snapshots);
  const moment = snapshot ?? `export-${new Date().toISOString().slice(0, 23).replaceAll(":", ".")}`;
  if (snapshot === undefined) await order(tree, ["snapshot", "create", name, moment], "/ctl");
  const aborter = new AbortController();
  const stop = () => aborter.abort();
  Deno.addSignalListener("SIGINT", stop);
  const progress = new Progress();
  let failed = 0;
  try {
    await using root = await tree.walk(`/snap/${name}/${moment}`);
    const { files, bytes } = await exportTree(root, new TarWriter(printBytes), {
      principals: machinePrincipals(),
      signal: aborter.signal,
      onProgress: (files, bytes, path) =>
        progress.draw(`${files} files, ${bytesText(bytes)}, ${visible(path)}`),
      onLeftOut(path, reason) {
        failed++;
        progress.clear();
        warn(`${visible(path)}: ${reason}`);
      },
    });
    progress.clear();
    console.error(`${files} files, ${bytesText(bytes)}`);
  } catch (thrown) {
    if (aborter.signal.aborted) throw new Exit("interrupted", "Stopped: the archive is not whole");
    throw thrown;
  } finally {
    progress.clear();
    Deno.removeSignalListener("SIGINT", stop);
    if (snapshot === undefined) {
      await order(tree, ["snapshot", "rm", name, moment], "/ctl").catch((thrown) =>
        warn(`The snapshot ${moment} stays: ${reasonOf(thrown)}`)
      );
    }
  }
  if (failed > 0) throw new Exit("failed", "");
}
