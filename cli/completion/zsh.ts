import type { CommandWords, OptionWords } from "./words.ts";

export function zshScript(commands: readonly CommandWords[]): string {
  const described = commands.map(({ name, summary }) => `    ${quote(`${name}:${summary}`)}`);
  const cases = commands.map(({ name, options, choices }) => {
    const rest = choices.length === 0 ? "'*:file:_files'" : quote(`*:word:(${choices.join(" ")})`);
    return `    ${name}) _arguments ${[...options.flatMap(argumentsOf), rest].join(" ")} ;;`;
  });
  return `#compdef lux9
_lux9() {
  local -a commands=(
${described.join("\n")}
  )
  if ((CURRENT == 2)); then
    _describe command commands
    return
  fi
  local command=$words[2]
  shift words
  ((CURRENT--))
  case $command in
${cases.join("\n")}
  esac
}
if [[ $funcstack[1] == _lux9 ]]; then _lux9 "$@"; else compdef _lux9 lux9; fi`;
}

/** `'--long[what it does]:value:'` for each way to write the option. */
function argumentsOf({ flags, takesValue, description }: OptionWords): string[] {
  const text = description.replace(/[\[\]:\\]/g, "\\$&");
  return flags.map((flag) => quote(`${flag}[${text}]${takesValue ? ":value:_files" : ""}`));
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
