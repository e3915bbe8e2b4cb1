import type { Command } from "commander";
import { escapeText } from "../../9p/mod.ts";
import { Exit } from "../exit.ts";
import { type LoggedError, readErrors } from "../error_log.ts";
import { print, printJson, visible } from "../output.ts";
import { reach, type Where, withWhere } from "../reach.ts";
import { cleanPath } from "../tree_paths.ts";

interface Options extends Where {
  json?: boolean;
}

export function define(command: Command): void {
  withWhere(command)
    .argument("<path>", "the path on which something failed, as it is in the tree (not in the mount)")
    .option("--json", "as JSON")
    .addHelpText(
      "after",
      `
Over 9P a program sees an errno at best. The node keeps the whole reason: what came, what was allowed, what to do. Shown
are the errors on the path and below it, the newest last.

Examples:
  lux9 why /data/report.html
  lux9 why /`,
    )
    .action(why);
}

async function why(path: string, { json, ...where }: Options): Promise<void> {
  await using tree = await reach(where);
  const clean = cleanPath(path);
  const errors = (await readErrors(tree)).filter((error) => isAbout(error, clean));
  if (json) return printJson(errors);
  if (errors.length === 0) {
    throw new Exit(
      "failed",
      `No error on ${visible(clean)} is known: the node keeps the last 1000, since it started`,
    );
  }
  for (const { time, code, request, path, reason } of errors) {
    print(`${time}  ${code}  ${request}  ${visible(path ?? "?")}\n    ${escapeText(reason)}`);
  }
}

function isAbout({ path }: LoggedError, wanted: string): boolean {
  if (wanted === "/") return true;
  return path !== undefined && (path === wanted || path.startsWith(`${wanted}/`));
}
