/** Nodes that compute: with modules of the gallery, or of a test's own, installed. */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Tree } from "../../9p/mod.ts";
import { makeHome, type NodeOptions, TestNode } from "../scenarios/node.ts";
import { WASMTIME } from "../scenarios/skip.ts";

const GALLERY = fileURLToPath(new URL("../../translators/gallery", import.meta.url));

/** Why computing cannot be tested here; undefined where it can. */
export function whyNot(): string | undefined {
  return WASMTIME.isThere() ? undefined : WASMTIME.reason;
}

export interface ComputingNode extends AsyncDisposable {
  readonly node: TestNode;
  /** As the owner, by 9P2000.L. */
  readonly tree: Tree;
}

/** Copies modules of the gallery into a home. */
export async function install(home: string, names: readonly string[]): Promise<void> {
  for (const name of names) {
    const folder = join(home, "translators", name);
    await Deno.mkdir(folder, { recursive: true });
    for (const file of ["module.wasm", "manifest.yaml"]) {
      await Deno.copyFile(join(GALLERY, name, file), join(folder, file));
    }
  }
}

export async function computingNode(
  names: readonly string[],
  options: Omit<NodeOptions, "home"> & { prepare?: (home: string) => Promise<void> } = {},
): Promise<ComputingNode> {
  const home = await makeHome();
  await install(home, names);
  await options.prepare?.(home);
  const node = await TestNode.start({ ...options, home });
  const tree = await Tree.dial(node.socket);
  return {
    node,
    tree,
    async [Symbol.asyncDispose]() {
      await tree[Symbol.asyncDispose]();
      await node[Symbol.asyncDispose]();
      await Deno.remove(home, { recursive: true });
    },
  };
}

export async function text(tree: Tree, path: string): Promise<string> {
  return new TextDecoder().decode(await tree.readFile(path));
}

export async function names(tree: Tree, path: string): Promise<string[]> {
  const found: string[] = [];
  for await (const { name } of tree.list(path)) found.push(name);
  return found;
}
