import type { Command } from "commander";
import { defineAllow } from "./translator/allow.ts";
import { defineBuild } from "./translator/build.ts";
import { defineInspect } from "./translator/inspect.ts";
import { defineInstall } from "./translator/install.ts";
import { defineList } from "./translator/list.ts";
import { defineNew } from "./translator/new.ts";
import { defineRemove } from "./translator/remove.ts";
import { defineRevoke } from "./translator/revoke.ts";
import { defineSchema } from "./translator/schema.ts";
import { defineTest } from "./translator/test.ts";

/** In the order in which somebody who writes one comes to them. */
const COMMANDS: readonly (readonly [string, string, (command: Command) => void])[] = [
  ["new", "make a folder with the source of a translator", defineNew],
  ["build", "build the module of a folder", defineBuild],
  ["test", "check a module with its golden cases", defineTest],
  ["install", "put modules into a node", defineInstall],
  ["inspect", "show what a module is, asks for and was granted", defineInspect],
  ["ls", "list the installed modules", defineList],
  ["rm", "remove installed modules", defineRemove],
  ["allow", "grant a module what it asks for", defineAllow],
  ["revoke", "take back what a module was granted", defineRevoke],
  ["schema", "print the JSON Schema of manifest.yaml", defineSchema],
];

export function define(command: Command): void {
  command.addHelpText(
    "after",
    `
A translator is a program for WASI preview 1, in any language: it reads its standard input and writes its standard output. Once
installed as NAME it works by path (/x/NAME/data/file) and in recipes.

Examples:
  lux9 translator new shout --lang rust && cd shout
  lux9 translator build && lux9 translator test
  lux9 translator install && lux9 cat /x/shout/data/notes.md
  lux9 help translator install`,
  );
  for (const [name, summary, define] of COMMANDS) {
    const description = summary[0].toUpperCase() + summary.slice(1);
    define(command.command(name).summary(summary).description(description));
  }
}
