import { parseDocument } from "yaml";
import { z } from "zod";
import { Errno, errnoName, errnoOf, escapeLines, NineError, reasonOf, type Tree } from "../../9p/mod.ts";
import { NAME, parseManifest } from "../../translators/manifest/mod.ts";
import { readErrors, reasonOnPath } from "../error_log.ts";
import { removeTree } from "../tree_paths.ts";
import { MANIFEST, type ModuleFiles, WASM } from "./module_files.ts";
import { wasmShape } from "./wasm_shape.ts";

export const TRANSLATORS = "/translators";
export const TRANSLATORS_CTL = `${TRANSLATORS}/ctl`;
const STATUS_BYTES_MAX = 1024 * 1024;

const text = z.string().max(100_000);
const capabilities = z.array(z.looseObject({ read: text }));
const limits = z.object({
  fuel: z.number().optional(),
  memory: z.number(),
  time: z.number(),
  output: z.number(),
});
const status = z.object({
  state: text,
  version: text,
  description: text,
  hash: text,
  size: z.number(),
  requests: capabilities,
  grants: capabilities,
  limits,
  input: z.array(text),
  output: text.optional(),
  parameters: z.array(z.looseObject({
    name: text,
    type: text,
    default: z.union([text, z.number(), z.boolean()]).optional(),
    description: text.optional(),
  })),
});

/** What the node says of an installed module in its `status.json`. */
export type Status = z.infer<typeof status>;

/** ENOENT with what to do where there is no such module; EPROTO where a node says what is none of this. */
export async function statusOf(tree: Tree, name: string): Promise<Status> {
  checkName(name);
  const path = `${TRANSLATORS}/${name}/status.json`;
  let bytes: Uint8Array;
  try {
    bytes = await tree.readFile(path, STATUS_BYTES_MAX);
  } catch (thrown) {
    if (errnoOf(thrown) === Errno.ENOENT) throw await notThere(tree, name);
    throw new NineError(
      errnoOf(thrown),
      `${name}: ${await reasonOnPath(tree, path, thrown) ?? reasonOf(thrown)}`,
    );
  }
  try {
    return status.parse(JSON.parse(new TextDecoder().decode(bytes)));
  } catch (thrown) {
    throw new NineError("EPROTO", `${path} cannot be read: ${reasonOf(thrown)}`);
  }
}

/** Names of the installed modules, sorted. */
export async function installedNames(tree: Tree): Promise<string[]> {
  const names: string[] = [];
  try {
    for await (const { name } of tree.list(TRANSLATORS)) if (NAME.test(name)) names.push(name);
  } catch (thrown) {
    if (errnoOf(thrown) === Errno.ENOENT) throw noTranslators();
    throw thrown;
  }
  // `ctl` and whatever else stands beside the folders.
  const found = await Promise.all(names.map((name) => exists(tree, `${TRANSLATORS}/${name}/${WASM}`)));
  return names.filter((_, i) => found[i]).sort();
}

/**
 * What is checked before anything is sent: that the engine could run the module, and that its manifest is one under the
 * name that it is to have. Gives the text to install, undefined where there is none.
 */
export async function checkForInstall(files: ModuleFiles, name: string): Promise<string | undefined> {
  checkName(name);
  await wasmShape(files.bytes, files.path);
  if (files.manifestText === undefined || files.manifest.name === name) return files.manifestText;
  const document = parseDocument(files.manifestText);
  document.set("name", name);
  const text = document.toString({ lineWidth: 0 });
  parseManifest(text, MANIFEST);
  return text;
}

/**
 * Puts a module that was checked into the tree. Each file is written under another name and then renamed, so that nobody
 * finds a part of one; what was installed under the name is replaced.
 */
export async function install(
  tree: Tree,
  name: string,
  { bytes }: ModuleFiles,
  manifest: string | undefined,
): Promise<void> {
  const folder = `${TRANSLATORS}/${name}`;
  try {
    await tree.mkdir(folder, 0o755);
  } catch (thrown) {
    if (errnoOf(thrown) === Errno.ENOENT) throw noTranslators();
    if (errnoOf(thrown) !== Errno.EEXIST) throw await withReason(tree, folder, thrown);
  }
  // The manifest first: without its module it is nothing, and the old module has what it asks for in either case.
  if (manifest !== undefined) await put(tree, `${folder}/${MANIFEST}`, new TextEncoder().encode(manifest));
  await put(tree, `${folder}/${WASM}`, bytes);
  if (manifest === undefined) await removeIfThere(tree, `${folder}/${MANIFEST}`);
}

async function put(tree: Tree, path: string, bytes: Uint8Array): Promise<void> {
  // No name of a module's own file, and none that two installers share.
  const temporary = `${path}.${crypto.randomUUID().slice(0, 8)}.tmp`;
  try {
    await tree.writeFile(temporary, bytes, 0o644);
    await tree.rename(temporary, path);
  } catch (thrown) {
    await tree.remove(temporary).catch(() => {});
    throw await withReason(tree, temporary, thrown);
  }
}

/** Removes a module with all that is in its folder. */
export async function uninstall(tree: Tree, name: string): Promise<void> {
  checkName(name);
  const folder = `${TRANSLATORS}/${name}`;
  if (!await exists(tree, `${folder}/${WASM}`)) throw await notThere(tree, name);
  try {
    // It first: what the node shows beside it goes with it.
    await tree.remove(`${folder}/${WASM}`);
    await removeTree(tree, folder);
  } catch (thrown) {
    throw await withReason(tree, folder, thrown);
  }
}

async function removeIfThere(tree: Tree, path: string): Promise<void> {
  try {
    await tree.remove(path);
  } catch (thrown) {
    if (errnoOf(thrown) !== Errno.ENOENT) throw thrown;
  }
}

export async function exists(tree: Tree, path: string): Promise<boolean> {
  try {
    await tree.stat(path);
    return true;
  } catch (thrown) {
    const errno = errnoOf(thrown);
    if (errno === Errno.ENOENT || errno === Errno.ENOTDIR) return false;
    throw thrown;
  }
}

export function checkName(name: string): void {
  if (NAME.test(name)) return;
  throw new NineError(
    "EINVAL",
    `${
      JSON.stringify(name)
    } is no name of a translator: those are up to 32 lower-case letters, digits and -, ` +
      "the first a letter",
  );
}

async function notThere(tree: Tree, name: string): Promise<NineError> {
  if (!await exists(tree, TRANSLATORS)) return noTranslators();
  return new NineError(
    "ENOENT",
    `No translator ${name} is installed: "lux9 translator ls" shows those that are, "lux9 translator install" adds one`,
  );
}

function noTranslators(): NineError {
  return new NineError(
    "ENOENT",
    "There is no /translators: this server is no Lux9 node, or shows only a part of its tree",
  );
}

/** What the node has against it, where it tells; the errno's own words where not. */
async function withReason(tree: Tree, path: string, thrown: unknown): Promise<NineError> {
  const code = errnoName(errnoOf(thrown));
  const errors = await readErrors(tree).catch(() => []);
  const found = errors.findLast((error) => error.code === code && error.path?.startsWith(TRANSLATORS));
  return new NineError(
    errnoOf(thrown),
    `${path}: ${found ? escapeLines(found.reason) : reasonOf(thrown)}`,
  );
}
