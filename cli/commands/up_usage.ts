import type { Command } from "commander";

export function define(command: Command): void {
  command
    .option("--home <dir>", "the node's home (default: $XDG_DATA_HOME/lux9, else ~/.local/share/lux9)")
    .option(
      "--listen <address>",
      "another way in, as 'tcp!127.0.0.1!5640,users=none'; may be given several times",
      collect,
      [],
    )
    .option("--demo", "fill /data with a small real example, and install translators for it")
    .addHelpText(
      "after",
      `
Examples:
  lux9 up                                         a node of your own, on a unix socket in its home
  lux9 up --demo                                  the same with something in it
  lux9 up --listen 'tcp!127.0.0.1!5640,users=none'  also by TCP, for guests
  lux9 up --listen 'unix!/tmp/a\\,b,users=trust'     on another unix socket; a comma in its path is \\,

A listener is ADDRESS[,users=owner|none|trust][,strict][,beyond-loopback].`,
    )
    .action(async (options) => (await import("./up.ts")).up(options));
}

function collect(value: string, before: string[]): string[] {
  return [...before, value];
}
