import type { Command } from "commander";
import { defineCreate } from "./snapshot/create.ts";
import { defineDiff } from "./snapshot/diff.ts";
import { defineList } from "./snapshot/list.ts";
import { defineRemove } from "./snapshot/remove.ts";
import { defineRestore } from "./snapshot/restore.ts";

const COMMANDS: readonly (readonly [string, string, (command: Command) => void])[] = [
  ["create", "give a volume as it is now a name", defineCreate],
  ["ls", "list the snapshots of a volume", defineList],
  ["rm", "remove snapshots", defineRemove],
  ["diff", "list what differs between two snapshots, or since one", defineDiff],
  ["restore", "make a file, a folder or a volume what it was", defineRestore],
];

export function define(command: Command): void {
  command.addHelpText(
    "after",
    `
A snapshot costs nothing and is there at once: /snap/VOLUME/NAME is the whole tree as it was, read-only. A time can be walked
to as well, as /snap/data/2026-11-25T22:10.

Examples:
  lux9 snapshot create data before-the-move
  lux9 ls /snap/data/before-the-move
  lux9 snapshot diff data before-the-move
  lux9 snapshot restore data before-the-move docs/plan.md`,
  );
  for (const [name, summary, define] of COMMANDS) {
    const description = summary[0].toUpperCase() + summary.slice(1);
    define(command.command(name).summary(summary).description(description));
  }
}
