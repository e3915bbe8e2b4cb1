import { errnoOf, escapeText, NineError, O, type Tree } from "../9p/mod.ts";
import { quoteWord } from "../servers/ctl/mod.ts";
import { readErrors } from "./error_log.ts";
import { Exit } from "./exit.ts";
import { reach, type Where } from "./reach.ts";

const CTL = "/ctl";

export interface OrderOptions {
  readonly before?: boolean;
  readonly after?: boolean;
  readonly create?: boolean;
}

/** `-b`, `-a` and `-c` for a control line. A new place replaces what is there unless one of the first two says else. */
export function orderFlags({ before, after, create }: OrderOptions): string[] {
  if (before && after) throw new Exit("usage", "--before and --after exclude each other");
  return [...(before ? ["-b"] : []), ...(after ? ["-a"] : []), ...(create ? ["-c"] : [])];
}

/** Writes one line to the node's `/ctl`. What the node has against it is fetched from its log. */
export async function control(words: readonly string[], where: Where): Promise<void> {
  await using tree = await reach(where);
  await order(tree, words, CTL);
}

/** The same on a tree that is reached, and maybe to another control file. */
export async function order(tree: Tree, words: readonly string[], ctl: string): Promise<void> {
  const line = words.map(quoteWord).join(" ");
  try {
    await using file = await tree.open(ctl, O.WRONLY);
    await file.write(0, new TextEncoder().encode(`${line}\n`));
  } catch (thrown) {
    const reason = await reasonFrom(tree, ctl);
    if (reason === undefined) throw thrown;
    throw new NineError(errnoOf(thrown), reason);
  }
}

/** Why the last request on a control file failed, where the node tells. */
async function reasonFrom(tree: Tree, ctl: string): Promise<string | undefined> {
  try {
    const found = (await readErrors(tree)).findLast(({ request, path }) =>
      request === "Twrite" && (path === undefined || path === ctl)
    );
    return found && escapeText(found.reason);
  } catch {
    return undefined;
  }
}
