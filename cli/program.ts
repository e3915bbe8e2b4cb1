import { Command } from "commander";
import { type CommandRow, COMMANDS } from "./commands.ts";
import { exitsText } from "./exit.ts";
import { VERSION } from "./version.ts";

/** The program with all its commands; those named in `whole` have their options and actions, the others a line. */
export async function buildProgram(whole: (row: CommandRow) => boolean): Promise<Command> {
  const program = new Command("lux9")
    .description("Everything is a file, every file is a function: a node that serves one tree over 9P")
    .version(VERSION, "-V, --version", "print the version")
    .exitOverride()
    .showSuggestionAfterError()
    .addHelpText(
      "after",
      `\nlux9 help COMMAND shows a command's options and examples.\n${exitsText()}`,
    );
  for (const row of COMMANDS) {
    const command = program.command(row.name).summary(row.summary).description(sentence(row.summary));
    if (!whole(row)) continue;
    const { define } = await row.load();
    define(command);
  }
  return program;
}

function sentence(summary: string): string {
  return summary[0].toUpperCase() + summary.slice(1);
}
