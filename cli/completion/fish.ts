import type { CommandWords } from "./words.ts";

export function fishScript(commands: readonly CommandWords[]): string {
  const lines = ["# fish completion of lux9"];
  for (const { name, summary, options, choices } of commands) {
    lines.push(`complete -c lux9 -n __fish_use_subcommand -f -a ${name} -d ${quote(summary)}`);
    const when = `-n '__fish_seen_subcommand_from ${name}'`;
    for (const { flags, takesValue, description } of options) {
      const ways = flags.map((flag) => flag.startsWith("--") ? `-l ${flag.slice(2)}` : `-s ${flag.slice(1)}`);
      lines.push(
        `complete -c lux9 ${when} ${ways.join(" ")}${takesValue ? " -r" : ""} -d ${quote(description)}`,
      );
    }
    if (choices.length > 0) lines.push(`complete -c lux9 ${when} -f -a ${quote(choices.join(" "))}`);
  }
  return lines.join("\n");
}

function quote(text: string): string {
  return `'${text.replace(/['\\]/g, "\\$&")}'`;
}
