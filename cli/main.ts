import { Command } from "commander";
import { reasonOf } from "../9p/mod.ts";
import { VERSION } from "./version.ts";

const program = new Command("lux9").version(VERSION).description("A 9P file-server node");

program.command("up")
  .description("run a node in the foreground")
  .option("--home <dir>", "the node's home")
  .option("--listen <address>", "another way in, as 'tcp!127.0.0.1!5640,users=none'", collect, [])
  .option("--demo", "fill /data with a small real example")
  .action(async (options) => (await import("./commands/up.ts")).up(options));

function collect(value: string, before: string[]): string[] {
  return [...before, value];
}

try {
  await program.parseAsync(["lux9", "lux9", ...Deno.args]);
} catch (thrown) {
  console.error(`lux9: ${reasonOf(thrown)}`);
  Deno.exit(1);
}
