import { z } from "zod";
import { checkedYaml } from "../../yaml/mod.ts";
import { bytesOf, bytesText, millisecondsOf, timeText } from "./amounts.ts";

/** What a module is called, in paths and recipes. */
export const NAME = /^[a-z][a-z0-9-]{0,31}$/;

const MANIFEST_CHARS_MAX = 64 * 1024;
const PARAMETERS_MAX = 64;

const MIB = 1024 * 1024;

/** What a module gets that asks for nothing. */
export const LIMITS_DEFAULT = {
  memory: 256 * MIB,
  /** Of the clock on the wall, ms. */
  time: 30_000,
  output: 1024 * MIB,
} as const;

/** What no manifest may ask beyond: a module comes from anywhere. */
const LIMITS_MAX = { fuel: 1e15, memory: 2048 * MIB, time: 3_600_000, output: 64 * 1024 * MIB } as const;

const text = z.string().max(1000);
const value = z.union([z.string().max(4096), z.number(), z.boolean()]);

const parameter = z.strictObject({
  name: z.string().regex(/^[a-z][a-z0-9_-]{0,31}$/, "must be lower-case letters, digits, - and _"),
  type: z.enum(["string", "integer", "number", "boolean"]).default("string"),
  default: value.optional(),
  values: z.array(value).min(1).max(100).optional().describe("the only values that are taken"),
  description: text.optional(),
});

const limits = z.strictObject({
  fuel: z.number().int().positive().max(LIMITS_MAX.fuel).optional()
    .describe("about as many instructions"),
  memory: bytesText(LIMITS_MAX.memory).optional().describe("as 64MiB"),
  time: timeText(LIMITS_MAX.time).optional().describe("on the clock on the wall, as 10s or 500ms"),
  output: bytesText(LIMITS_MAX.output).optional().describe("as 1GiB"),
});

const capability = z.strictObject({
  read: z.string().startsWith("/").max(4096).describe(
    "a folder or file of the tree that the module wants to read",
  ),
});

/** The schema of `manifest.yaml`, also published as JSON Schema for editors. */
export const manifestSchema = z.strictObject({
  name: z.string().regex(NAME, "must be lower-case letters, digits and -, at most 32"),
  version: z.string().min(1).max(64).default("0.0.0"),
  description: text.default(""),
  input: z.array(z.string().max(255)).max(64).default([]).describe("media types that it reads"),
  output: z.string().max(255).optional().describe("the media type that it writes"),
  parameters: z.array(parameter).max(PARAMETERS_MAX).default([])
    .describe("in order; an argument without a name is for the first"),
  limits: limits.default({}),
  capabilities: z.array(capability).max(16).default([])
    .describe("what the module asks for beyond its input; the owner of a node grants it or not"),
});

export type Parameter = z.infer<typeof parameter>;
export type Capability = z.infer<typeof capability>;

export interface Limits {
  /** About as many instructions; undefined: not counted, which is faster, and the time bounds it all the same. */
  readonly fuel: number | undefined;
  /** Bytes. */
  readonly memory: number;
  /** Milliseconds. */
  readonly time: number;
  /** Bytes. */
  readonly output: number;
}

export interface Manifest extends Omit<z.infer<typeof manifestSchema>, "limits"> {
  readonly limits: Limits;
}

/** Reads a `manifest.yaml`; EINVAL with file, line and column of each thing that is wrong. */
export function parseManifest(source: string, file = "manifest.yaml"): Manifest {
  const { value } = checkedYaml(manifestSchema, source, file, MANIFEST_CHARS_MAX);
  const { fuel, memory, time, output } = value.limits;
  return {
    ...value,
    limits: {
      fuel,
      memory: memory === undefined ? LIMITS_DEFAULT.memory : bytesOf(memory)!,
      time: time === undefined ? LIMITS_DEFAULT.time : millisecondsOf(time)!,
      output: output === undefined ? LIMITS_DEFAULT.output : bytesOf(output)!,
    },
  };
}

/** For a module that has no manifest: no parameters that are known, no capabilities, safe limits. */
export function defaultManifest(name: string): Manifest {
  return {
    name,
    version: "0.0.0",
    description: "",
    input: [],
    parameters: [],
    limits: { fuel: undefined, ...LIMITS_DEFAULT },
    capabilities: [],
  };
}

/** The JSON Schema of `manifest.yaml`, draft 2020-12. */
export function manifestJsonSchema(): Record<string, unknown> {
  const { $schema, ...rest } = z.toJSONSchema(manifestSchema, { io: "input" }) as Record<string, unknown>;
  return { $schema, title: "Lux9 translator manifest", ...rest };
}
