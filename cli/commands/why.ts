import type { Command } from "commander";
import { escapeText, type Tree } from "../../9p/mod.ts";
import { Exit } from "../exit.ts";
import { type LoggedError, readErrors } from "../error_log.ts";
import { explanationOf } from "../explanation.ts";
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
are the errors on the path and below it, the newest last; and, where there are none, whether a stored file hides what a
recipe would make.

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
  const hides = errors.length === 0 ? await hidesRecipe(tree, clean) : undefined;
  if (hides !== undefined) return print(hides);
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

/** That a stored file stands where a recipe would make one is no error, and yet what somebody may wonder about. */
async function hidesRecipe(tree: Tree, path: string): Promise<string | undefined> {
  if (tree.client.dialect !== "9P2000.L") return undefined;
  const found = await explanationOf(tree, path).catch(() => undefined);
  if (found === undefined || found.computed || found.hidden === undefined) return undefined;
  return `${visible(path)}: ${found.what}`;
}

function isAbout({ path }: LoggedError, wanted: string): boolean {
  if (wanted === "/") return true;
  return path !== undefined && (path === wanted || path.startsWith(`${wanted}/`));
}
