import type { CommandWords, OptionWords } from "./words.ts";

export function zshScript(commands: readonly CommandWords[]): string {
  return `#compdef lux9
_lux9() {
${chooseOf(commands, "  ")}
}
if [[ $funcstack[1] == _lux9 ]]; then _lux9 "$@"; else compdef _lux9 lux9; fi`;
}

/** The command's name is completed where it is missing yet; else what it takes. */
function chooseOf(commands: readonly CommandWords[], indent: string): string {
  const described = commands.map(({ name, summary }) => `  ${quote(`${name}:${summary}`)}`);
  return [
    "local -a commands=(",
    ...described,
    ")",
    "if ((CURRENT == 2)); then",
    "  _describe command commands",
    "  return",
    "fi",
    "local command=$words[2]",
    "shift words",
    "((CURRENT--))",
    "case $command in",
    ...commands.map(caseOf),
    "esac",
  ].flatMap((line) => line.split("\n")).map((line) => `${indent}${line}`).join("\n");
}

function caseOf({ name, options, choices, commands }: CommandWords): string {
  if (commands.length > 0) return `  ${name})\n${chooseOf(commands, "    ")}\n    ;;`;
  const rest = choices.length === 0 ? "'*:file:_files'" : quote(`*:word:(${choices.join(" ")})`);
  return `  ${name}) _arguments ${[...options.flatMap(argumentsOf), rest].join(" ")} ;;`;
}

/** `'--long[what it does]:value:'` for each way to write the option. */
function argumentsOf({ flags, takesValue, values, description }: OptionWords): string[] {
  const text = description.replace(/[\[\]:\\]/g, "\\$&");
  const value = !takesValue ? "" : `:value:${values.length === 0 ? "_files" : `(${values.join(" ")})`}`;
  return flags.map((flag) => quote(`${flag}[${text}]${value}`));
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
