import { type Call, errnoOf, type FileServer, type Later, NineError, reasonOf, then } from "../../9p/mod.ts";
import { parsePipeline, type Stage } from "../pipeline/mod.ts";
import { parseRecipe, type Recipe, RECIPE_BYTES_MAX } from "../recipe/mod.ts";
import type { Compute } from "./compute.ts";
import { Attempts } from "./attempts.ts";
import { Dependents } from "./dependents.ts";
import type { Evaluation } from "./evaluation.ts";
import { type Input, type Inputs, resultInput, textInput } from "./input.ts";
import { always } from "./later.ts";
import type { Asking } from "./asking.ts";
import { HashJobs } from "./hash_jobs.ts";
import { Output } from "./output.ts";
import { Patience } from "./patience.ts";
import { PatientWait } from "./patient_wait.ts";
import { FILES_MAX, findPlaces, pathOf, type Place } from "./places.ts";
import { KnownHashes, openStored, type Pins } from "./stored_input.ts";

const RECIPES_MAX = 1000;
/** Of a recipe, how many folders and missing names count among what it depends on, beside its inputs. */
const LOOKED_MAX = 10_000;
/** Of what is said of a recipe that is none: each of its lines may be wrong. */
const REASON_LENGTH_MAX = 2000;

export interface OutputsOptions {
  readonly compute: Compute;
  /** The whole tree, computed files included. */
  readonly files: FileServer<object, unknown>;
  /** Its root, where absolute paths start. */
  readonly root: () => object;
  /** Names at the top of the tree that recipes do not reach. */
  readonly beyond: ReadonlySet<string>;
  /** The computed file that a node of the tree is, if it is one. */
  readonly outputOf: (node: object) => Output | undefined;
  /** The name of what a recipe of that name makes. */
  readonly outputName: (recipe: string) => string | undefined;
  /** Where a recipe at a path is to look for an absolute path: in a snapshot, at what that was then. */
  readonly inputPath?: (recipe: string, path: string) => string;
  /** Opened for one computed file; 10,000. */
  readonly inputsMax?: number;
}

/** Makes computed files of recipes and of compute paths, and holds what they share. */
export class Outputs {
  readonly known = new KnownHashes();
  readonly dependents = new Dependents();
  readonly jobs = new HashJobs();
  /** Waits for up to 100 ms at once and half a second in a row, and a tenth of the time in the long run. */
  readonly patience = new Patience(500, 100, 0.1);
  readonly attempts = new Attempts();
  /** How long an open waits for the length of what it opens: what is quick is an ordinary file then. */
  readonly opening = new PatientWait(50);
  /** By the hash of its text; what is wrong with one is told with its path, and remembered by that as well. */
  readonly #parsed = new Map<string, Recipe | NineError>();

  constructor(readonly options: OutputsOptions) {}

  /** What the recipe at a node makes. */
  ofRecipe(recipe: object): Output {
    return new RecipeOutput(this, recipe);
  }

  /** What a pipeline makes of the file at a node; `path` is how people came to it. */
  ofPipeline(stages: readonly Stage[], target: object, path: string): Output {
    return new PathOutput(this, stages, target, path);
  }

  /** The stages of a path's element; ENOENT where it is no pipeline, so that it is no name. */
  pipeline(text: string): Stage[] {
    try {
      return parsePipeline(text);
    } catch (thrown) {
      throw new NineError("ENOENT", (thrown as Error).message);
    }
  }

  /** Opens one more input; false where it is not there without a run, and none is to be started. */
  add(
    inputs: Inputs,
    node: object,
    path: string,
    call: Call,
    asking: Asking,
    start: boolean,
  ): Later<boolean> {
    asking.count();
    const computed = this.options.outputOf(node);
    if (computed) return this.#addComputed(inputs, computed, path, call, asking, start);
    return then(this.openStored(node, path, call, start, asking.shared.pins), (input) => {
      if (!input) return false;
      inputs.list.push(input);
      return true;
    });
  }

  openStored(
    node: object,
    path: string,
    call: Call,
    start: boolean,
    pins: Pins,
    bytesMax?: number,
  ): Later<Input | undefined> {
    const { known, jobs, options: { files: server } } = this;
    return openStored({ server, node, path, known, jobs, call, start, pins, bytesMax });
  }

  async #addComputed(
    inputs: Inputs,
    computed: Output,
    path: string,
    call: Call,
    asking: Asking,
    start: boolean,
  ): Promise<boolean> {
    let evaluation = asking.evaluated(computed.id);
    if (!evaluation) {
      evaluation = await computed.evaluateFor(asking, call, start);
      if (!evaluation) return false;
      // Whatever happens from here on, it is let go with the request.
      asking.keep(computed.id, evaluation);
    }
    const result = await evaluation.result(call.signal);
    call.signal.throwIfAborted();
    inputs.list.push(resultInput(result, path, evaluation.mtimeSec));
    return true;
  }

  /** The recipe in a file; parsed once, also where it is none. */
  async parse(file: Input): Promise<Recipe> {
    const wrong = `${file.hash} ${file.path}`;
    const known = this.#parsed.get(file.hash) ?? this.#parsed.get(wrong);
    if (known instanceof NineError) throw known;
    if (known) return known;
    const bytes = (await file.whole())!;
    await file.verify();
    try {
      const recipe = parseRecipe(textOf(bytes, file.path), file.path);
      this.#remember(file.hash, recipe);
      return recipe;
    } catch (thrown) {
      const failure = new NineError(errnoOf(thrown), reasonOf(thrown).slice(0, REASON_LENGTH_MAX));
      this.#remember(wrong, failure);
      throw failure;
    }
  }

  #remember(key: string, parsed: Recipe | NineError): void {
    this.#parsed.set(key, parsed);
    if (this.#parsed.size > RECIPES_MAX) this.#parsed.delete(this.#parsed.keys().next().value!);
  }
}

class RecipeOutput extends Output {
  constructor(outputs: Outputs, readonly recipe: object) {
    super(outputs);
  }

  get id(): unknown {
    return this.outputs.options.files.qid(this.recipe).path;
  }

  get path(): string {
    const { options } = this.outputs;
    const path = pathOf(options.files, this.recipe);
    const slash = path.lastIndexOf("/") + 1;
    return path.slice(0, slash) + (options.outputName(path.slice(slash)) ?? path.slice(slash));
  }

  protected async begin(
    inputs: Inputs,
    call: Call,
    asking: Asking,
    start: boolean,
  ): Promise<Evaluation | undefined> {
    const { options: { files, root, beyond, compute, outputOf, inputPath }, dependents } = this.outputs;
    const recipePath = pathOf(files, this.recipe);
    const pins = { bytesLeft: RECIPE_BYTES_MAX };
    const opened = this.outputs.openStored(this.recipe, recipePath, call, start, pins, RECIPE_BYTES_MAX);
    // Whatever may be started: it is short.
    const stored = (await opened)!;
    const { from, text, stages } = await always(() => this.outputs.parse(stored), () => stored.close());
    const depends = [recipePath, ...stages.map(({ name }) => `/translators/${name}/`)];
    if (text !== undefined) inputs.list.push(textInput(text, recipePath, stored.mtimeSec));
    const breathe = () => asking.breathe(call.signal);
    const folders = new Set<string>();
    const onLook = (path: string) => {
      if (depends.length >= LOOKED_MAX) return;
      depends.push(path);
      if (path.endsWith("/")) folders.add(path);
    };
    const dir = files.parent(this.recipe);
    const tree = { server: files, root: root(), beyond };
    const places: Place[] = [];
    try {
      for (const one of from ?? []) {
        const where = one.startsWith("/") ? inputPath?.(recipePath, one) ?? one : one;
        for (const place of await findPlaces(tree, dir, where, call, breathe, onLook)) {
          // A glob beside the output finds the output too.
          if (outputOf(place.node)?.id === this.id && /[*?[]/.test(one)) continue;
          places.push(place);
          // Each pattern has its bound, and there may be a thousand patterns.
          if (places.length > FILES_MAX) {
            throw new NineError("E2BIG", `${recipePath} reads more than ${FILES_MAX} files`);
          }
          // A folder that was looked through stands for all names in it: a glob may bring thousands.
          if (!folders.has(place.path.slice(0, place.path.lastIndexOf("/") + 1))) depends.push(place.path);
          await breathe();
        }
      }
    } finally {
      // Before anything is opened, and also where something is not there: that it comes to be is a change.
      dependents.set(this.path, depends);
    }
    for (const { node, path } of places) {
      await breathe();
      if (!await this.outputs.add(inputs, node, path, call, asking, start)) return undefined;
    }
    call.signal.throwIfAborted();
    inputs.opened();
    const evaluation = await compute.evaluate(this.path, stages, inputs, call, start);
    if (evaluation) evaluation.mtimeSec = Math.max(evaluation.mtimeSec, stored.mtimeSec);
    return evaluation;
  }
}

class PathOutput extends Output {
  constructor(
    outputs: Outputs,
    readonly stages: readonly Stage[],
    readonly target: object,
    readonly path: string,
  ) {
    super(outputs);
  }

  get id(): unknown {
    return this;
  }

  protected begin(
    inputs: Inputs,
    call: Call,
    asking: Asking,
    start: boolean,
  ): Later<Evaluation | undefined> {
    const { options: { files, compute } } = this.outputs;
    const path = pathOf(files, this.target);
    return then(this.outputs.add(inputs, this.target, path, call, asking, start), (isThere) => {
      if (!isThere) return undefined;
      call.signal.throwIfAborted();
      inputs.opened();
      return compute.evaluate(this.path, this.stages, inputs, call, start);
    });
  }
}

function textOf(bytes: Uint8Array, path: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new NineError("EILSEQ", `${path} is no UTF-8: a recipe is YAML`);
  }
}
