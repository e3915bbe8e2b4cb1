import type { CommandWords } from "./words.ts";

/** Words of the command first, then of the file system: `get`, `put` and `mount` take files of this machine. */
export function bashScript(commands: readonly CommandWords[]): string {
  return `# bash completion of lux9
_lux9() {
  local now=\${COMP_WORDS[COMP_CWORD]} before=\${COMP_WORDS[COMP_CWORD-1]} words=
  COMPREPLY=()
  if ((COMP_CWORD == 1)); then
    COMPREPLY=($(compgen -W '${namesOf(commands)} --help --version' -- "$now"))
    return
  fi
  case \${COMP_WORDS[1]} in
${commands.map((command) => caseOf(command, "    ")).join("\n")}
  esac
  if [[ $now == -* || $words != -* ]]; then
    COMPREPLY=($(compgen -W "$words" -- "$now"))
  fi
}
complete -o default -F _lux9 lux9`;
}

function namesOf(commands: readonly CommandWords[]): string {
  return commands.map(({ name }) => name).join(" ");
}

function caseOf({ name, options, choices, commands }: CommandWords, indent: string): string {
  const flags = options.flatMap(({ flags }) => flags).join(" ");
  const valued = options.filter(({ takesValue }) => takesValue);
  const free = valued.filter(({ values }) => values.length === 0).flatMap(({ flags }) => flags).join("|");
  const lines = [
    ...valued.filter(({ values }) => values.length > 0).map(({ flags, values }) =>
      `case $before in ${flags.join("|")}) COMPREPLY=($(compgen -W '${
        values.join(" ")
      }' -- "$now")); return ;; esac`
    ),
    ...(free === "" ? [] : [`case $before in ${free}) return ;; esac`]),
    `words='${flags}'`,
    ...(choices.length === 0 ? [] : [`[[ $now == -* ]] || words='${choices.join(" ")}'`]),
    ...(commands.length === 0 ? [] : [
      `if ((COMP_CWORD == 2)); then [[ $now == -* ]] || words='${namesOf(commands)}'; else`,
      "  case ${COMP_WORDS[2]} in",
      ...commands.map((command) => caseOf(command, "  ")),
      "  esac",
      "fi",
    ]),
    ";;",
  ].flatMap((line) => line.split("\n"));
  return [`${indent}${name})`, ...lines.map((line) => `${indent}  ${line}`)].join("\n");
}
