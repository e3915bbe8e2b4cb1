import { join } from "node:path";
import { type Call, escapeLines, type FileServer, type Later, NineError } from "../../9p/mod.ts";
import { outputName } from "../../servers/computed/mod.ts";
import { FileStamp } from "../../servers/host/mod.ts";
import { quoteWord, splitWords } from "../../servers/ctl/mod.ts";
import { ResultCache } from "../../translators/cache/mod.ts";
import { Compute, type Output, Outputs } from "../../translators/compute/mod.ts";
import type { WasmEngine } from "../../translators/engine/mod.ts";
import { Grants, Library } from "../../translators/library/mod.ts";

type Server = FileServer<object, unknown>;

export interface ComputingOptions {
  readonly home: string;
  /** Where modules are installed. */
  readonly modules: string;
  /** The tree with what recipes make, and its root. */
  readonly files: Server;
  readonly root: object;
  /** The tree as modules with a grant see it; its root is the same. */
  readonly granted: Server;
  /** Names at the top of the tree that recipes do not reach. */
  readonly beyond: ReadonlySet<string>;
  readonly outputOf: (node: object) => Output | undefined;
  /** Where a recipe at a path is to look for an absolute path. */
  readonly inputPath: (recipe: string, path: string) => string;
}

/** All that a node computes with; the engine starts with the first run. */
export class Computing {
  readonly outputs: Outputs;
  readonly #library: Library;
  readonly #cache: ResultCache;
  #engine: WasmEngine | undefined;

  constructor(readonly options: ComputingOptions) {
    const { home, modules, files, granted, root, beyond, outputOf, inputPath } = options;
    this.#library = new Library(
      modules,
      new Grants(join(home, "grants.json")),
      (path) => new FileStamp(path),
    );
    this.#cache = new ResultCache(join(home, "cache", "results"));
    const compute = new Compute({
      library: this.#library,
      cache: this.#cache,
      granted,
      walk: async (path, call) => await walk(granted, root, path, call),
      runner: () => this.#start(),
    });
    this.outputs = new Outputs({ compute, files, root: () => root, beyond, outputOf, outputName, inputPath });
  }

  #start(): Later<WasmEngine> {
    return this.#engine ?? this.#load();
  }

  async #load(): Promise<WasmEngine> {
    const { WasmEngine } = await import("../../translators/engine/mod.ts");
    return this.#engine ??= new WasmEngine({ folder: join(this.options.home, "cache", "compiled") });
  }

  /** The text of one of the files that stand beside a module's own. */
  async text(name: string, file: "status" | "status.json" | "stats" | "stats.json" | "log"): Promise<string> {
    const health = this.#library.health(name);
    switch (file) {
      case "status":
        return words(await this.#status(name));
      case "status.json":
        return json(await this.#status(name));
      case "stats":
        return words({ ...health.stats });
      case "stats.json":
        return json(health.stats);
      case "log":
        return escapeLines(health.log);
    }
  }

  async #status(name: string): Promise<Record<string, unknown>> {
    const { hash, size, manifest, grants } = await this.#library.get(name);
    const { version, description, input, output, parameters, limits, capabilities } = manifest;
    return {
      state: this.#library.health(name).status,
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
  async command(line: string, { user }: Call): Promise<void> {
    if (user.standing !== "owner") {
      throw new NineError("EPERM", "Only the node's owner grants anything to modules");
    }
    const [verb, name, hash, ...more] = splitWords(line);
    if ((verb !== "allow" && verb !== "revoke") || name === undefined || more.length > 0) {
      throw new NineError("EINVAL", `${JSON.stringify(line)}: write allow NAME [HASH] or revoke NAME`);
    }
    const module = await this.#library.get(name);
    if (hash !== undefined && hash !== module.hash) {
      throw new NineError(
        "ESTALE",
        `${name} is ${module.hash} now, and ${hash} was to be allowed: inspect it again`,
      );
    }
    this.#library.grants.set(module.hash, verb === "allow" ? module.manifest.capabilities : []);
  }

  async close(): Promise<void> {
    await this.#engine?.close();
    await this.#cache.close();
  }
}

async function walk(server: Server, root: object, path: string, call: Call): Promise<object> {
  let node = root;
  for (const name of path.split("/").filter((name) => name !== "")) {
    node = await server.walk(node, name, call);
  }
  return node;
}

function words(values: Record<string, unknown>): string {
  const lines = Object.entries(values).map(([key, value]) =>
    `${key} ${typeof value === "string" ? quoteWord(value) : JSON.stringify(value)}\n`
  );
  return escapeLines(lines.join(""));
}

function json(value: unknown): string {
  return escapeLines(`${JSON.stringify(value, null, 2)}\n`);
}
