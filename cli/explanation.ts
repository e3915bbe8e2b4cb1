import { z } from "zod";
import { Errno, errnoOf, NineError, Qt, reasonOf, type Tree } from "../9p/mod.ts";
import { EXPLAIN_XATTR, recipeName } from "../servers/computed/mod.ts";
import { reasonOnPath } from "./error_log.ts";
import { Exit } from "./exit.ts";
import { visible } from "./output.ts";

/** As much of the node's answer as is shown; it comes from another machine, maybe. */
const text = z.string().max(100_000);
const number = z.number();
const schema = z.object({
  path: text,
  inputs: z.array(z.object({ path: text, hash: text, size: number, version: number })),
  stages: z.array(z.object({
    name: text,
    version: text,
    module: text,
    args: z.array(text),
    from: z.enum(["cache", "run", "running", "waiting"]),
    key: text,
    about: z.object({ hash: text, size: number, fuel: number, wallUs: number, memoryBytes: number })
      .optional(),
  })),
  size: number.optional(),
  hash: text.optional(),
  failure: text.optional(),
});
export type Explanation = z.infer<typeof schema>;

export type Found = { readonly computed: true; readonly explanation: Explanation } | {
  readonly computed: false;
  readonly what: string;
  /** The recipe that a stored file hides. */
  readonly hidden?: string;
};

/** How the contents of a file come about. A computed file is evaluated for that. */
export async function explanationOf(tree: Tree, path: string): Promise<Found> {
  if (tree.client.dialect !== "9P2000.L") {
    throw new Exit(
      "failed",
      `The server speaks ${tree.client.dialect}, and explanations come by 9P2000.L only`,
    );
  }
  try {
    await using file = await tree.walk(path, { follow: true });
    if (file.qid.type & Qt.DIR) return { computed: false, what: "a directory, which nothing computes" };
    // Of a stored file it would be an attribute that somebody has set; a computed file has it in no list.
    const isComputed = !(await listed(() => file.listxattr())).includes(EXPLAIN_XATTR);
    const bytes = isComputed ? await file.getxattr(EXPLAIN_XATTR) : undefined;
    if (bytes) return { computed: true, explanation: parse(bytes, path) };
  } catch (thrown) {
    const errno = errnoOf(thrown);
    if (errno !== Errno.ENODATA && errno !== Errno.EOPNOTSUPP) {
      const reason = await reasonOnPath(tree, path, thrown) ?? reasonOf(thrown);
      throw new NineError(errno, `${visible(path)}: ${reason}`);
    }
  }
  const hidden = await hiddenRecipe(tree, path);
  return {
    computed: false,
    what: hidden === undefined
      ? "a stored file: its bytes are kept as they were written, and nothing computes it"
      : `a stored file, which wins over what ${visible(hidden)} makes: remove or rename it, and that appears`,
    ...(hidden === undefined ? {} : { hidden }),
  };
}

/** The recipe that would make a file of that name, were none stored there. */
async function hiddenRecipe(tree: Tree, path: string): Promise<string | undefined> {
  const slash = path.lastIndexOf("/") + 1;
  const name = recipeName(path.slice(slash));
  if (name === undefined) return undefined;
  const recipe = path.slice(0, slash) + name;
  try {
    await using file = await tree.walk(recipe);
    return file.qid.type & Qt.DIR ? undefined : recipe;
  } catch {
    return undefined;
  }
}

async function listed(list: () => Promise<string[]>): Promise<string[]> {
  try {
    return await list();
  } catch (thrown) {
    if (errnoOf(thrown) === Errno.EOPNOTSUPP) return [];
    throw thrown;
  }
}

function parse(bytes: Uint8Array, path: string): Explanation {
  try {
    return schema.parse(JSON.parse(new TextDecoder().decode(bytes)));
  } catch (thrown) {
    throw new NineError("EPROTO", `${visible(path)}: the explanation cannot be read: ${reasonOf(thrown)}`);
  }
}
