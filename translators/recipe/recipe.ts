import { z } from "zod";
import { NineError } from "../../9p/mod.ts";
import { checkedYaml } from "../../yaml/mod.ts";
import { parsePipeline, type Stage, STAGES_MAX } from "../pipeline/mod.ts";

/** The longest text of a recipe. It is parsed on the main isolate, where what is wrong with it takes 0.1 s. */
export const RECIPE_BYTES_MAX = 32 * 1024;
const SOURCES_MAX = 1000;

const path = z.string().min(1).max(4096);
const withName = z.strictObject({
  name: z.string().max(64),
  with: z.record(z.string().max(64), z.union([z.string().max(4096), z.number(), z.boolean()])).default({}),
});
const pipe = z.union([
  z.string().max(65536),
  z.array(z.union([z.string().max(65536), withName])).min(1).max(STAGES_MAX),
]);

const schema = z.strictObject({
  from: z.union([path, z.array(path).min(1).max(SOURCES_MAX)]).optional(),
  text: z.string().max(RECIPE_BYTES_MAX).optional(),
  pipe,
}).refine(({ from, text }) => (from === undefined) !== (text === undefined), {
  error: "must have from (a path, a list of paths, or a glob) or text, and not both",
});

/** How a file is made from others. */
export interface Recipe {
  /** Paths and globs, in order; relative ones start at the recipe's folder. Undefined where the text is inline. */
  readonly from: readonly string[] | undefined;
  readonly text: string | undefined;
  readonly stages: readonly Stage[];
}

/** Reads the text of a recipe; EINVAL with file, line and column of each thing that is wrong. */
export function parseRecipe(source: string, file: string): Recipe {
  const { value, place } = checkedYaml(schema, source, file, RECIPE_BYTES_MAX);
  const { from, text } = value;
  const written = typeof value.pipe === "string" ? [value.pipe] : value.pipe;
  const stages = written.flatMap((one, i) => {
    const where = place(typeof value.pipe === "string" ? ["pipe"] : ["pipe", i]);
    try {
      return typeof one === "string" ? parsePipeline(one) : [stageOf(one)];
    } catch (thrown) {
      throw new NineError("EINVAL", `${where}: ${(thrown as Error).message}`);
    }
  });
  if (stages.length > STAGES_MAX) {
    throw new NineError("EINVAL", `${place(["pipe"])}: ${stages.length} stages, allowed are ${STAGES_MAX}`);
  }
  return { from: typeof from === "string" ? [from] : from, text, stages };
}

function stageOf({ name, with: given }: z.infer<typeof withName>): Stage {
  // Through the same door as a path's, so that one place knows what a name is.
  const [{ name: checked }] = parsePipeline(name);
  return { name: checked, args: Object.entries(given).map(([key, value]) => `${key}=${value}`) };
}
