import { Errno, errnoName, errnoOf, escapeLines, type Tree } from "../9p/mod.ts";
import { Exit } from "./exit.ts";

/** A line of `/log/errors`. */
export interface LoggedError {
  readonly time: string;
  readonly user: string;
  readonly request: string;
  readonly path?: string;
  readonly code: string;
  readonly reason: string;
}

/** Our own errors that the node has kept, oldest first; the owner sees everybody's. */
export async function readErrors(tree: Tree): Promise<LoggedError[]> {
  let text: string;
  try {
    text = new TextDecoder().decode(await tree.readFile("/log/errors"));
  } catch (thrown) {
    if (errnoOf(thrown) !== Errno.ENOENT) throw thrown;
    throw new Exit(
      "failed",
      "There is no /log/errors: this server is no Lux9 node, or shows only a part of its tree",
    );
  }
  return text.split("\n").flatMap((line) => {
    const parsed = parseLine(line);
    return parsed ? [parsed] : [];
  });
}

/** Why the last request on that path failed in that way, where the node tells. */
export async function reasonOnPath(tree: Tree, path: string, thrown: unknown): Promise<string | undefined> {
  const code = errnoName(errnoOf(thrown));
  try {
    const found = (await readErrors(tree)).findLast((error) => error.path === path && error.code === code);
    return found && escapeLines(found.reason);
  } catch {
    return undefined;
  }
}

function parseLine(line: string): LoggedError | undefined {
  if (line === "") return undefined;
  try {
    const { time, user, request, path, code, reason } = JSON.parse(line);
    const texts = [time, user, request, code, reason].map((value) => String(value ?? ""));
    return {
      time: texts[0],
      user: texts[1],
      request: texts[2],
      code: texts[3],
      reason: texts[4],
      ...(typeof path === "string" ? { path } : {}),
    };
  } catch {
    return undefined;
  }
}
