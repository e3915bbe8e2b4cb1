import { isAbsolute, join, normalize } from "node:path";
import { z } from "zod";
import { NineError, reasonOf } from "../../9p/mod.ts";

/** How a translator's folder becomes a module: its `build.json`. */
export type Recipe = z.infer<typeof schema>;

const relativePath = z.string().min(1).max(4096).refine(
  (path) => !isAbsolute(path) && !normalize(path).startsWith(".."),
  { error: "must be a path inside the folder" },
);

const schema = z.strictObject({
  /** A program and its arguments; no shell reads them. Run in the folder. */
  command: z.array(z.string().max(4096)).min(1).max(100),
  /** Added to the environment. */
  environment: z.record(z.string().max(256), z.string().max(4096)).default({}),
  /** Where the command leaves the module. */
  output: relativePath.default("module.wasm"),
});

const RECIPE = "build.json";
const MODULE = "module.wasm";
const BYTES_MAX = 64 * 1024;
const WASM_MAGIC = [0x00, 0x61, 0x73, 0x6d];

/** The checked `build.json` of a folder. */
export async function readRecipe(folder: string): Promise<Recipe> {
  const path = join(folder, RECIPE);
  let value: unknown;
  try {
    const { size } = await Deno.stat(path);
    if (size > BYTES_MAX) throw new NineError("EFBIG", `${path} has ${size} bytes, allowed are ${BYTES_MAX}`);
    value = JSON.parse(await Deno.readTextFile(path));
  } catch (thrown) {
    if (thrown instanceof Deno.errors.NotFound) {
      throw new NineError("ENOENT", `${path} is missing: it holds the command that builds the module`);
    }
    if (thrown instanceof SyntaxError) {
      throw new NineError("EINVAL", `${path} is not JSON: ${thrown.message}`);
    }
    throw thrown;
  }
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const problems = result.error.issues.map(({ path, message }) =>
    `${path.join(".") || "the file"}: ${message}`
  );
  throw new NineError("EINVAL", `${path}: ${problems.join("; ")}`);
}

/**
 * Runs the folder's recipe and leaves `module.wasm` in it; gives its path. What the compiler says goes to the
 * terminal. It runs as the caller: build only what you would also run `make` in.
 */
export async function buildTranslator(folder: string): Promise<string> {
  const { command: [program, ...args], environment, output } = await readRecipe(folder);
  let code: number;
  try {
    const child = new Deno.Command(program, {
      args,
      cwd: folder,
      env: environment,
      stdin: "null",
      stdout: "inherit",
      stderr: "inherit",
    }).spawn();
    ({ code } = await child.status);
  } catch (thrown) {
    if (!(thrown instanceof Deno.errors.NotFound)) throw thrown;
    throw new NineError("ENOENT", `${program} is not on PATH; lux9 doctor says how to install it`);
  }
  if (code !== 0) {
    throw new NineError("EIO", `${[program, ...args].join(" ")} in ${folder} failed with code ${code}`);
  }
  const built = join(folder, output);
  const module = join(folder, MODULE);
  await checkModule(built);
  if (built !== module) await Deno.copyFile(built, module);
  return module;
}

async function checkModule(path: string): Promise<void> {
  const head = new Uint8Array(WASM_MAGIC.length);
  try {
    using file = await Deno.open(path);
    await file.read(head);
  } catch (thrown) {
    throw new NineError("ENOENT", `The command left no module at ${path}: ${reasonOf(thrown)}`);
  }
  if (WASM_MAGIC.some((byte, i) => byte !== head[i])) {
    throw new NineError("EINVAL", `${path} is no WebAssembly module: it does not begin with \\0asm`);
  }
}
