import type { CommandWords } from "./words.ts";

export function fishScript(commands: readonly CommandWords[]): string {
  const lines = ["# fish completion of lux9"];
  for (const command of commands) {
    // Names that a command has for its own, as `translator rm`, would be taken for ours.
    const others = commands.filter((one) => one.commands.some(({ name }) => name === command.name));
    const not = others.map(({ name }) => `; and not __fish_seen_subcommand_from ${name}`).join("");
    lines.push(...linesOf(command, "-n __fish_use_subcommand", [], not));
  }
  return lines.join("\n");
}

/** `above` is the way to the command: those that have to be on the line already. */
function linesOf(command: CommandWords, when: string, above: readonly string[], not = ""): string[] {
  const { name, summary, options, choices, commands } = command;
  const way = [...above, name];
  const seen = way.map((word) => `__fish_seen_subcommand_from ${word}`).join("; and ") + not;
  const inner = commands.length === 0
    ? undefined
    : `${seen}; and not __fish_seen_subcommand_from ${commands.map(({ name }) => name).join(" ")}`;
  const lines = [`complete -c lux9 ${when} -f -a ${name} -d ${quote(summary)}`];
  for (const { flags, takesValue, values, description } of options) {
    const ways = flags.map((flag) => flag.startsWith("--") ? `-l ${flag.slice(2)}` : `-s ${flag.slice(1)}`);
    const value = !takesValue ? "" : values.length === 0 ? " -r" : ` -x -a ${quote(values.join(" "))}`;
    lines.push(
      `complete -c lux9 -n ${quote(inner ?? seen)} ${ways.join(" ")}${value} -d ${quote(description)}`,
    );
  }
  if (choices.length > 0) lines.push(`complete -c lux9 -n ${quote(seen)} -f -a ${quote(choices.join(" "))}`);
  for (const one of commands) lines.push(...linesOf(one, `-n ${quote(inner!)}`, way));
  return lines;
}

function quote(text: string): string {
  return `'${text.replace(/['\\]/g, "\\$&")}'`;
}
