import { join } from "node:path";
import { type Call, type FileServer, NineError } from "../../9p/mod.ts";
import { type Computed, paths, withOutputs } from "../../servers/computed/mod.ts";
import { besides, type CtlFile, type CtlOptions, quoteWord, splitWords } from "../../servers/ctl/mod.ts";
import { Grants, Library } from "../../translators/library/mod.ts";
import { outputOf, SUFFIX } from "../../translators/recipe/mod.ts";
import type { Outputs } from "../../translators/compute/mod.ts";

type Server = FileServer<object, unknown>;

export interface TranslatorsOptions {
  readonly home: string;
  readonly owned: CtlOptions;
  /** The tree without what is computed. */
  readonly tree: Server;
  /** Its root. */
  readonly root: object;
  /** The folder of modules as a file server. */
  readonly modules: Server;
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
export const grantsFile = (home: string): string => join(home, "grants.json");

/** Names at the top of the tree that compute paths do not lead to. */
const BEYOND = new Set(["x", "n", "log", "ctl"]);

/** What a node computes with. Nothing of it is loaded or started before a computed file is looked at. */
export function translators({ home, owned, tree, root, modules }: TranslatorsOptions): Translators {
  const library = new Library(modulesFolder(home), new Grants(grantsFile(home)));
  let loading: Promise<Outputs> | undefined;
  let ending: (() => Promise<void>)[] = [];
  let loaded: Outputs | undefined;

  function load(): Promise<Outputs> {
    return loading ??= (async () => {
      const { Compute, Outputs } = await import("../../translators/compute/mod.ts");
      const { ResultCache } = await import("../../translators/cache/mod.ts");
      const cache = new ResultCache(join(home, "cache", "results"));
      ending.push(() => Promise.resolve(cache.close()));
      const compute = new Compute({
        library,
        cache,
        files: withRecipes.server,
        walk: async (path, call) => await walk(withRecipes.server, root, path, call),
        runner: once(async () => {
          const { WasmEngine } = await import("../../translators/engine/mod.ts");
          const engine = new WasmEngine({ folder: join(home, "cache", "compiled") });
          ending.push(() => engine.close());
          return engine;
        }),
      });
      return loaded = new Outputs({
        compute,
        files: withRecipes.server,
        root: () => root,
        outputOf: (node) => (withRecipes.outputOf(node) as LaterOutput | undefined)?.output,
      });
    })();
  }

  /** Stands for an output until somebody looks at it. */
  class LaterOutput implements Computed {
    #output: ReturnType<Outputs["ofRecipe"]> | undefined;

    constructor(readonly make: (outputs: Outputs) => ReturnType<Outputs["ofRecipe"]>) {}

    /** Of what was loaded: whoever asks for it computes already. */
    get output() {
      return this.#output ??= this.make(loaded!);
    }

    async #loaded() {
      if (!loaded) await load();
      return this.output;
    }

    async look(call: Call) {
      return await (await this.#loaded()).look(call);
    }
    async open(call: Call) {
      return await (await this.#loaded()).open(call);
    }
    async explain(call: Call) {
      return await (await this.#loaded()).explain(call);
    }
  }

  const withRecipes = withOutputs(tree, {
    recipeOf: (output) => output + SUFFIX,
    outputOf,
    make: (recipe) => new LaterOutput((outputs) => outputs.ofRecipe(recipe)),
  });

  return {
    server: withRecipes.server,
    modules: besides(modules, (dir) => filesIn(library, modules, dir), owned),
    paths: paths({
      ...owned,
      files: withRecipes.server,
      root: () => root,
      check: (pipeline) => checkPipeline(library, pipeline),
      make: (pipeline, target, path) =>
        new LaterOutput((outputs) => outputs.ofPipeline(outputs.pipeline(pipeline), target, `/x${path}`)),
      isBeyond: (target) => tree.parent(target) === root && BEYOND.has(tree.name(target)),
    }),
    staleBy: (path) => loaded?.dependents.staleBy(path) ?? [],
    async close() {
      const all = ending;
      ending = [];
      for (const end of all) await end();
    },
  };
}

/** A name is looked for below /x with every path; only what names installed modules is there. */
function checkPipeline(library: Library, text: string): void {
  // The names alone, without loading what reads arguments: what is wrong with those is said when the file is opened.
  const [, name] = /^([a-z][a-z0-9-]{0,31})/.exec(text) ?? [];
  if (name !== undefined && library.has(name)) return;
  throw new NineError(
    "ENOENT",
    `${JSON.stringify(text)} begins with no installed translator: "lux9 translator ls" shows those that are`,
  );
}

async function walk(server: Server, root: object, path: string, call: Call): Promise<object> {
  let node = root;
  for (const name of path.split("/").filter((name) => name !== "")) {
    node = await server.walk(node, name, call);
  }
  return node;
}

/** What stands beside a module's own files, and beside the modules. */
function filesIn(library: Library, modules: Server, dir: object): Record<string, CtlFile> {
  const above = modules.parent(dir);
  if (above === dir) {
    return { ctl: { command: (line, call) => command(library, line, call), text: () => "", mode: 0o600 } };
  }
  if (modules.parent(above) !== above) return {};
  const name = modules.name(dir);
  if (!library.has(name)) return {};
  const health = library.health(name);
  return {
    status: { text: async () => words(await statusOf(library, name)) },
    "status.json": { text: async () => json(await statusOf(library, name)) },
    stats: { text: () => words({ ...health.stats }) },
    "stats.json": { text: () => json(health.stats) },
    log: { text: () => health.log },
  };
}

async function statusOf(library: Library, name: string): Promise<Record<string, unknown>> {
  const { hash, size, manifest, grants } = await library.get(name);
  const { version, description, input, output, parameters, limits, capabilities } = manifest;
  return {
    state: library.health(name).status,
    version,
    description,
    hash,
    size,
    requests: capabilities,
    grants,
    limits,
    input,
    ...(output === undefined ? {} : { output }),
    parameters,
  };
}

/** `allow NAME [HASH]`, `revoke NAME`: what the module requests, all of it or nothing. */
async function command(library: Library, line: string, { user }: Call): Promise<void> {
  if (user.standing !== "owner") {
    throw new NineError("EPERM", "Only the node's owner grants anything to modules");
  }
  const [verb, name, hash, ...more] = splitWords(line);
  if ((verb !== "allow" && verb !== "revoke") || name === undefined || more.length > 0) {
    throw new NineError("EINVAL", `${JSON.stringify(line)}: write allow NAME [HASH] or revoke NAME`);
  }
  const module = await library.get(name);
  if (hash !== undefined && hash !== module.hash) {
    throw new NineError(
      "ESTALE",
      `${name} is ${module.hash} now, and ${hash} was to be allowed: inspect it again`,
    );
  }
  library.grants.set(module.hash, verb === "allow" ? module.manifest.capabilities : []);
}

function words(values: Record<string, unknown>): string {
  return Object.entries(values).map(([key, value]) =>
    `${key} ${typeof value === "string" ? quoteWord(value) : JSON.stringify(value)}\n`
  ).join("");
}

function json(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}

function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => made ??= make();
}
