import { CommanderError } from "commander";
import { errnoName, errnoOf, reasonOf } from "../9p/mod.ts";
import { Exit, EXITS } from "./exit.ts";
import { warn } from "./output.ts";
import { buildProgram } from "./program.ts";

/** Runs one command and returns the exit code. Only what the command needs is loaded. */
async function main(args: readonly string[]): Promise<number> {
  const named = args[0] === "help" ? args[1] : args[0];
  const program = await buildProgram(({ name }) => name === named);
  if (args.length === 0) {
    program.outputHelp();
    return EXITS.usage.code;
  }
  try {
    await program.parseAsync([...args], { from: "user" });
    return EXITS.done.code;
  } catch (thrown) {
    // Commander has said what is wrong; help and the version are no mistakes.
    if (thrown instanceof CommanderError) return thrown.exitCode === 0 ? 0 : EXITS.usage.code;
    if (thrown instanceof Exit) {
      if (thrown.message !== "") warn(thrown.message);
      return thrown.code;
    }
    const errno = errnoOf(thrown);
    warn(`${reasonOf(thrown)} (${errnoName(errno)})`);
    return EXITS.failed.code;
  }
}

if (import.meta.main) Deno.exit(await main(Deno.args));
