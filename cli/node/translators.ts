import { join } from "node:path";
import { type Call, type FileServer, type Later, NineError, then } from "../../9p/mod.ts";
import { type Computed, type Look, type Opened, paths, withOutputs } from "../../servers/computed/mod.ts";
import { besides, type CtlFile, type CtlOptions } from "../../servers/ctl/mod.ts";
import type { Output } from "../../translators/compute/mod.ts";
import type { Computing } from "./computing.ts";
import { grantedTree } from "./granted_tree.ts";
import { pastPath } from "./past_path.ts";

type Server = FileServer<object, unknown>;

export interface TranslatorsOptions {
  readonly home: string;
  readonly owned: CtlOptions;
  /** The tree without what is computed, and its root. */
  readonly tree: Server;
  readonly root: object;
  /** Whether a directory of that tree is a union of several. */
  readonly isUnion: (dir: object) => boolean;
  /** The folder of modules as a file server. */
  readonly modules: Server;
  /** Where a volume is mounted. */
  placesOf(volume: string): string[];
}

export interface Translators {
  /** The tree, with what recipes make. */
  readonly server: Server;
  /** For `/translators`: the modules, with their status, counters and logs. */
  readonly modules: Server;
  /** For `/x`: compute paths. */
  readonly paths: Server;
  /** The outputs that a change at a path makes stale, as far as anybody has looked at them. */
  staleBy(path: string): readonly string[];
  close(): Promise<void>;
}

export const modulesFolder = (home: string): string => join(home, "translators");

/**
 * Names at the top of the tree that neither recipes nor compute paths nor grants lead to: compute paths, other nodes, and
 * what waits or commands.
 */
const BEYOND = new Set(["x", "n", "log", "ctl", "sync", "mesh", "dag"]);
/** What stands in a module's folder beside its own files. */
const BESIDE = ["status", "status.json", "stats", "stats.json", "log"] as const;

/** What a node shows of computing. What computes is loaded when somebody first looks at a computed file. */
export function translators(
  { home, owned, tree, root, isUnion, modules, placesOf }: TranslatorsOptions,
): Translators {
  const folder = modulesFolder(home);
  let loading: Promise<Computing> | undefined;
  let loaded: Computing | undefined;

  async function load(): Promise<Computing> {
    const { Computing } = await import("./computing.ts");
    const outputOf = (node: object) => (withRecipes.outputOf(node) as LaterOutput | undefined)?.output;
    const granted = grantedTree(tree, root, BEYOND);
    return loaded = new Computing({
      home,
      modules: folder,
      files: withRecipes.server,
      granted,
      root,
      beyond: BEYOND,
      outputOf,
      inputPath: (recipe, path) => pastPath(recipe, path, placesOf),
    });
  }
  const computing = (): Promise<Computing> => loading ??= load();

  /** Stands for an output until somebody looks at it. */
  class LaterOutput implements Computed {
    #output: Output | undefined;

    constructor(readonly make: (computing: Computing) => Output) {}

    /** Whoever asks for it computes already. */
    get output(): Output {
      return this.#output ??= this.make(loaded!);
    }

    #loaded(): Later<Output> {
      return loaded ? this.output : computing().then(() => this.output);
    }

    look(call: Call): Later<Look> {
      return then(this.#loaded(), (output) => output.look(call));
    }
    open(call: Call): Later<Opened> {
      return then(this.#loaded(), (output) => output.open(call));
    }
    async explain(call: Call): Promise<unknown> {
      return await (await this.#loaded()).explain(call);
    }
  }

  const withRecipes = withOutputs(tree, {
    isUnion,
    make: (recipe) => new LaterOutput(({ outputs }) => outputs.ofRecipe(recipe)),
  });

  /** What stands beside a module's own files, and beside the modules. */
  function filesIn(dir: object): Record<string, CtlFile> {
    const above = modules.parent(dir);
    if (above === dir) {
      const command = async (line: string, call: Call) => await (await computing()).command(line, call);
      return { ctl: { command, text: () => "", mode: 0o600 } };
    }
    const name = modules.name(dir);
    if (modules.parent(above) !== above || !isModule(folder, name)) return {};
    return Object.fromEntries(
      BESIDE.map((file) => [
        file,
        { text: async () => await (await computing()).text(name, file), goesAlong: true },
      ]),
    );
  }

  return {
    server: withRecipes.server,
    modules: besides(modules, filesIn, owned),
    paths: paths({
      ...owned,
      files: withRecipes.server,
      root: () => root,
      check: (pipeline) => checkPipeline(folder, pipeline),
      make: (pipeline, target, path) =>
        new LaterOutput(({ outputs }) => outputs.ofPipeline(outputs.pipeline(pipeline), target, `/x${path}`)),
      isBeyond: (target) =>
        withRecipes.server.parent(target) === root && BEYOND.has(withRecipes.server.name(target)),
    }),
    staleBy: (path) => loaded?.outputs.dependents.staleBy(path) ?? [],
    close: async () => await (await loading)?.close(),
  };
}

function isModule(folder: string, name: string): boolean {
  try {
    // A path is made on the way of every walk to a compute path: the name is one, so nothing is to be joined.
    return Deno.statSync(`${folder}/${name}/module.wasm`).isFile;
  } catch {
    return false;
  }
}

/**
 * All kinds of names are looked for below /x; only what begins with an installed module is there. What is wrong behind
 * that is said when the file is opened.
 */
function checkPipeline(folder: string, text: string): void {
  const [name] = /^[a-z][a-z0-9-]{0,31}/.exec(text) ?? [];
  if (name !== undefined && isModule(folder, name)) return;
  throw new NineError(
    "ENOENT",
    `${JSON.stringify(text)} begins with no installed translator: "lux9 translator ls" shows those that are`,
  );
}
