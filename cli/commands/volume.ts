import type { Command } from "commander";
import { defineClone } from "./volume/clone.ts";
import { defineCreate } from "./volume/create.ts";
import { defineExport } from "./volume/export.ts";
import { defineGc } from "./volume/gc.ts";
import { defineImport } from "./volume/import.ts";
import { defineInfo } from "./volume/info.ts";
import { defineList } from "./volume/list.ts";
import { defineRemove } from "./volume/remove.ts";
import { defineVerify } from "./volume/verify.ts";

const COMMANDS: readonly (readonly [string, string, (command: Command) => void])[] = [
  ["create", "make a volume, which the node shows at /vol/NAME", defineCreate],
  ["ls", "list the volumes of the node", defineList],
  ["info", "show how a volume is", defineInfo],
  ["verify", "check everything that is kept of a volume", defineVerify],
  ["gc", "let go of history and contents that nothing needs", defineGc],
  ["export", "write a volume as a tar archive to the standard output", defineExport],
  ["clone", "make a first copy of a volume of another home or node", defineClone],
  ["import", "make files in a volume from a tar archive on the standard input", defineImport],
  ["rm", "remove a volume with its history", defineRemove],
];

export function define(command: Command): void {
  command.addHelpText(
    "after",
    `
A volume is a tree of files that the node keeps by itself: a reply to any change survives the death of the process. /data is
one, unless the home has a folder of that name.

Examples:
  lux9 volume create notes && lux9 put plan.md /vol/notes/
  lux9 volume ls
  lux9 volume info data
  lux9 volume export notes | zstd > notes.tar.zst`,
  );
  for (const [name, summary, define] of COMMANDS) {
    const description = summary[0].toUpperCase() + summary.slice(1);
    define(command.command(name).summary(summary).description(description));
  }
}
