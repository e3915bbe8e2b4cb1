import type { Command } from "commander";

/** A command as a completion needs to know it. */
export interface CommandWords {
  readonly name: string;
  readonly summary: string;
  readonly options: readonly OptionWords[];
  /** What may stand as an argument, where it is one of a few words. */
  readonly choices: readonly string[];
  /** Commands of its own, as `translator` has them. */
  readonly commands: readonly CommandWords[];
}

export interface OptionWords {
  /** `-l` and `--long`, those that there are. */
  readonly flags: readonly string[];
  readonly takesValue: boolean;
  /** The words that may be its value, where those are few. */
  readonly values: readonly string[];
  readonly description: string;
}

/** All commands of the program, and `help`, in the order in which help lists them. */
export function wordsOf(program: Command): CommandWords[] {
  const commands = program.commands.map(commandWords);
  const choices = commands.map(({ name }) => name);
  return [...commands, { name: "help", summary: "show help", options: [], choices, commands: [] }];
}

function commandWords(command: Command): CommandWords {
  return {
    name: command.name(),
    summary: command.summary(),
    options: [...command.options.map(optionWords), HELP],
    choices: command.registeredArguments.flatMap((argument) => argument.argChoices ?? []),
    commands: command.commands.map(commandWords),
  };
}

const HELP: OptionWords = {
  flags: ["-h", "--help"],
  takesValue: false,
  values: [],
  description: "show help",
};

function optionWords(option: Command["options"][number]): OptionWords {
  return {
    flags: [option.short, option.long].filter((flag) => flag !== undefined),
    takesValue: option.required || option.optional,
    values: option.argChoices ?? [],
    description: option.description,
  };
}
