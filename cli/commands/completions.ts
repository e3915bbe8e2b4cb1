import { Argument, type Command } from "commander";
import { completionScript, SHELLS } from "../completion/script.ts";
import { print } from "../output.ts";
import { buildProgram } from "../program.ts";

export function define(command: Command): void {
  command
    .addArgument(new Argument("<shell>", "which shell").choices([...SHELLS]))
    .addHelpText(
      "after",
      `
Examples:
  lux9 completions bash > ~/.local/share/bash-completion/completions/lux9
  lux9 completions zsh > ~/.zfunc/_lux9                 with fpath+=~/.zfunc before compinit
  lux9 completions fish > ~/.config/fish/completions/lux9.fish`,
    )
    .action(async (shell: typeof SHELLS[number]) => {
      print(completionScript(shell, await buildProgram(() => true)));
    });
}
