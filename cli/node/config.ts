import { NineError } from "../../9p/mod.ts";
import { LineCounter, parseDocument, type YAMLError } from "yaml";
import { z } from "zod";
import { parseListen } from "./listen.ts";

const path = z.string().startsWith("/", "must be an absolute path in the tree, as /data").max(4096);
const order = z.enum(["replace", "before", "after"]).default("replace");
const id = z.number().int().min(0).max(0xfffffffe);
const name = z.string().min(1).max(255).regex(
  /^[^\s:,/]+$/,
  "must have no blanks, colons, commas or slashes",
);

/** `order` and `create` are those of bind(1). */
const where = { at: path, order, create: z.boolean().optional() };
const mount = z.union([
  z.strictObject({ ...where, host: z.string().min(1).max(4096) }),
  z.strictObject({ ...where, mem: z.strictObject({ bytesMax: z.number().int().positive().optional() }) }),
  z.strictObject({ ...where, import: z.string().min(1).max(4096), aname: z.string().max(4096).default("") }),
  z.strictObject({ ...where, bind: path }),
], { error: "must have at, and one of host, mem, import or bind" });

const schema = z.strictObject({
  listen: z.array(
    z.string().max(4096).refine(isListen, { error: (issue) => listenProblem(String(issue.input)) }),
  )
    .max(64).default([]),
  mounts: z.array(mount).max(1000).default([]),
  users: z.record(name, z.strictObject({ uid: id, groups: z.array(name).max(100).default([]) })).default({}),
  groups: z.record(name, id).default({}),
});

/** The home's `lux9.yaml`. */
export type Config = z.infer<typeof schema>;
export type MountConfig = z.infer<typeof mount>;

const BYTES_MAX = 1024 * 1024;

/** Checks the text of a `lux9.yaml`; EINVAL with file, line and column of each thing that is wrong. */
export function parseConfig(text: string, file = "lux9.yaml"): Config {
  if (text.length > BYTES_MAX) {
    throw new NineError("EFBIG", `${file} has ${text.length} characters, allowed are ${BYTES_MAX}`);
  }
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const at = (offset: number): string => {
    const { line, col } = lines.linePos(offset);
    return `${file}:${line}:${col}`;
  };
  if (document.errors.length > 0) {
    const problems = document.errors.map((error: YAMLError) => `${at(error.pos[0])}: ${error.message}`);
    throw new NineError("EINVAL", problems.join("\n"));
  }
  const result = schema.safeParse(document.toJS({ maxAliasCount: 100 }) ?? {});
  if (result.success) return result.data;
  const problems = result.error.issues.map(({ path, message }) => {
    // The place of what is wrong; for what is missing, of what it is missing from.
    for (let depth = path.length; depth >= 0; depth--) {
      const node = document.getIn(path.slice(0, depth), true) as
        | { range?: [number, number, number] }
        | undefined;
      if (node?.range) return `${at(node.range[0])}: ${path.join(".") || "the file"}: ${message}`;
    }
    return `${file}:1:1: ${path.join(".")}: ${message}`;
  });
  throw new NineError("EINVAL", problems.join("\n"));
}

function isListen(text: string): boolean {
  try {
    parseListen(text);
    return true;
  } catch {
    return false;
  }
}

function listenProblem(text: string): string {
  try {
    parseListen(text);
    return "";
  } catch (thrown) {
    return (thrown as Error).message;
  }
}
