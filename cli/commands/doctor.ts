import type { Command } from "commander";
import { type Check, CHECKS } from "../checks.ts";
import { Exit } from "../exit.ts";
import { print, printJson } from "../output.ts";
import { type Where, withWhere } from "../reach.ts";

export function define(command: Command): void {
  withWhere(command)
    .option("--json", "as JSON")
    .addHelpText(
      "after",
      "\nA line says fail where Lux9 cannot work, warn where a part of it cannot.\n\nExamples:\n  lux9 doctor\n  lux9 doctor --json | jq '.[] | select(.state != \"ok\")'",
    )
    .action(doctor);
}

async function doctor({ json, ...where }: Where & { json?: boolean }): Promise<void> {
  const checks: Check[] = [];
  for (const check of CHECKS) {
    const done = await check(where);
    checks.push(done);
    if (!json) show(done);
  }
  if (json) printJson(checks);
  if (checks.some(({ state }) => state === "fail")) throw new Exit("failed", "");
}

function show({ name, state, found, advice }: Check): void {
  print(`${state.padEnd(4)}  ${name}: ${found}${advice ? `\n      ${advice}` : ""}`);
}
