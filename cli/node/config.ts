import { z } from "zod";
import { checkedYaml } from "../../yaml/mod.ts";
import { parseListen } from "./listen.ts";
import { VOLUME_NAME, VOLUME_NAME_PROBLEM } from "./volumes.ts";

const path = z.string().startsWith("/", "must be an absolute path in the tree, as /data").max(4096);
const order = z.enum(["replace", "before", "after"]).default("replace");
const id = z.number().int().min(0).max(0xfffffffe);
const name = z.string().min(1).max(255).regex(
  /^[^\s:,/]+$/,
  "must have no blanks, colons, commas or slashes",
);

/** As `MergeRules` of the tree takes them. */
const globs = z.array(z.string().max(255).regex(/^!?[^!]/, "must be a glob, maybe with a ! in front")).max(
  256,
);

const days = z.number().min(0).max(100_000);

/** `order` and `create` are those of bind(1). */
const where = { at: path, order, create: z.boolean().optional() };
const mount = z.union([
  z.strictObject({ ...where, host: z.string().min(1).max(4096) }),
  z.strictObject({
    ...where,
    volume: z.string().regex(VOLUME_NAME, VOLUME_NAME_PROBLEM),
    durable: z.literal("clunk", { error: 'must be "clunk", or not there' }).optional(),
  }),
  z.strictObject({ ...where, mem: z.strictObject({ bytesMax: z.number().int().positive().optional() }) }),
  z.strictObject({ ...where, import: z.string().min(1).max(4096), aname: z.string().max(4096).default("") }),
  z.strictObject({ ...where, bind: path }),
], { error: "must have at, and one of volume (maybe with durable: clunk), host, mem, import or bind" });

const schema = z.strictObject({
  listen: z.array(
    z.string().max(4096).refine(isListen, { error: (issue) => listenProblem(String(issue.input)) }),
  )
    .max(64).default([]),
  mounts: z.array(mount).max(1000).default([]),
  retention: z.strictObject({ everything: days, hourly: days, daily: days }).optional(),
  copies: z.strictObject({ days }).optional(),
  merge: globs.optional(),
  users: z.record(name, z.strictObject({ uid: id, groups: z.array(name).max(100).default([]) })).default({}),
  groups: z.record(name, id).default({}),
});

/** The home's `lux9.yaml`. */
export type Config = Omit<z.infer<typeof schema>, "mounts"> & { readonly mounts: readonly MountConfig[] };
/** `place` is where it stands, `FILE:LINE:COLUMN`, for what turns out wrong only later. */
export type MountConfig = z.infer<typeof mount> & { readonly place: string };

const BYTES_MAX = 1024 * 1024;

/** Checks the text of a `lux9.yaml`; EINVAL with file, line and column of each thing that is wrong. */
export function parseConfig(text: string, file = "lux9.yaml"): Config {
  const { value, place } = checkedYaml(schema, text, file, BYTES_MAX);
  return { ...value, mounts: value.mounts.map((one, i) => ({ ...one, place: place(["mounts", i]) })) };
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
