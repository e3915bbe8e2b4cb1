import type { CommandWords } from "./words.ts";

/** Words of the command first, then of the file system: `get`, `put` and `mount` take files of this machine. */
export function bashScript(commands: readonly CommandWords[]): string {
  const cases = commands.map(({ name, options, choices }) => {
    const flags = options.flatMap(({ flags }) => flags).join(" ");
    const values = options.filter(({ takesValue }) => takesValue).flatMap(({ flags }) => flags).join("|");
    return [
      `    ${name})`,
      ...(values === "" ? [] : [`      case $before in ${values}) return ;; esac`]),
      `      words='${flags}'`,
      ...(choices.length === 0 ? [] : [`      [[ $now == -* ]] || words='${choices.join(" ")}'`]),
      "      ;;",
    ].join("\n");
  });
  return `# bash completion of lux9
_lux9() {
  local now=\${COMP_WORDS[COMP_CWORD]} before=\${COMP_WORDS[COMP_CWORD-1]} words=
  COMPREPLY=()
  if ((COMP_CWORD == 1)); then
    COMPREPLY=($(compgen -W '${commands.map(({ name }) => name).join(" ")} --help --version' -- "$now"))
    return
  fi
  case \${COMP_WORDS[1]} in
${cases.join("\n")}
  esac
  if [[ $now == -* || $words != -* ]]; then
    COMPREPLY=($(compgen -W "$words" -- "$now"))
  fi
}
complete -o default -F _lux9 lux9`;
}
