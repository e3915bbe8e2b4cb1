import {
  ageMs,
  type Attr,
  type Call,
  type Entry,
  Errno,
  errnoOf,
  type FileServer,
  isRacy,
  type Later,
  type Qid,
  S,
  Slice,
  SplicedListing,
  then,
  type U64,
} from "../../9p/mod.ts";
import { outputName } from "./recipe_name.ts";

type Server = FileServer<object, unknown>;

/** How far a directory is looked through for recipes before its listing begins, names. */
const SCANNED_MAX = 20_000;
const SCANNED_AT_ONCE = 500;
/** Directories whose recipes are remembered. */
const KNOWN_MAX = 1000;

export interface ListedOutputs<N extends object> {
  /** Whether the node is a recipe whose output is there. */
  makes(node: object): boolean;
  output(recipe: object): N;
  qid(output: N): Qid;
  isUnion(dir: object): boolean;
}

interface Known {
  readonly stamp: string;
  readonly recipes: readonly string[];
}

/** Names of recipes by directory, as of its last change. */
const known = new Map<object, Known>();

/**
 * An open directory. What recipes make is listed before what is stored: a program that removes or copies one name after
 * the other then finds the output while its recipe is still there, and has written the output's copy before the recipe's
 * copy could make one.
 */
export class OutputListing<N extends object = object> {
  /** With the outputs, found when the listing starts; undefined where there are none. */
  #spliced: SplicedListing | undefined;

  constructor(
    readonly server: Server,
    readonly dir: object,
    readonly inner: unknown,
    readonly listed: ListedOutputs<N>,
  ) {}

  list(cookie: U64, max: number, withAttr: boolean, call: Call): Later<Entry[]> {
    if (cookie !== 0) {
      return this.#spliced ? this.#spliced.list(cookie, max) : this.#inner(cookie, max, withAttr, call);
    }
    return then(this.#recipes(call), (recipes) => {
      this.#spliced = undefined;
      if (recipes.length === 0) return this.#inner(0, max, withAttr, call);
      return this.#entries(recipes, call).then((entries) => {
        if (entries.length === 0) return this.#inner(0, max, withAttr, call);
        this.#spliced = new SplicedListing(entries, (from, max) => this.#inner(from, max, withAttr, call));
        return this.#spliced.list(0, max);
      });
    });
  }

  #inner(cookie: U64, max: number, withAttr: boolean, call: Call): Later<Entry[]> {
    return this.server.list?.(this.dir, this.inner, cookie, max, withAttr, call) ?? [];
  }

  /** Names that look like a recipe's; from memory where the directory has not changed. Of a union, one part tells that. */
  #recipes(call: Call): Later<readonly string[]> {
    if (this.listed.isUnion(this.dir)) return this.#scan(call);
    return then(this.server.getattr(this.dir, this.inner, call), (attr) => {
      const stamp = stampOf(attr);
      const before = known.get(this.dir);
      if (before && before.stamp === stamp) return before.recipes;
      return then(this.#scan(call), (recipes) => {
        known.delete(this.dir);
        // Where there are no times it is never remembered.
        if (attr.qid.version !== 0 && !isRacy(ageMs(attr))) known.set(this.dir, { stamp, recipes });
        if (known.size > KNOWN_MAX) known.delete(known.keys().next().value!);
        return recipes;
      });
    });
  }

  /** At once where that is quick. */
  #scan(call: Call): Later<string[]> {
    const recipes: string[] = [];
    const slice = new Slice();
    let scanned = 0;
    const from = (cookie: U64): Later<string[]> =>
      then(this.#inner(cookie, SCANNED_AT_ONCE, false, call), (entries) => {
        for (const { name } of entries) if (outputName(name) !== undefined) recipes.push(name);
        scanned += entries.length;
        if (entries.length === 0 || scanned >= SCANNED_MAX) return recipes;
        const next = entries[entries.length - 1].cookie;
        const turn = slice.breathe();
        return turn ? turn.then(() => from(next)) : from(next);
      });
    return from(0);
  }

  /** The outputs that show: of those recipes that are stored files, and whose output no stored file hides. */
  async #entries(recipes: readonly string[], call: Call): Promise<Entry[]> {
    const entries: Entry[] = [];
    const slice = new Slice();
    for (const recipeName of recipes) {
      const turn = slice.breathe();
      if (turn) await turn;
      const name = outputName(recipeName)!;
      if (await this.#walk(name, call)) continue;
      const recipe = await this.#walk(recipeName, call);
      if (!recipe || !this.listed.makes(recipe)) continue;
      const qid = this.listed.qid(this.listed.output(recipe));
      entries.push({ name, qid, cookie: entries.length + 1, mode: S.IFREG });
    }
    return entries;
  }

  async #walk(name: string, call: Call): Promise<object | undefined> {
    try {
      const found = this.server.walk(this.dir, name, call);
      return found instanceof Promise ? await found : found;
    } catch (thrown) {
      if (errnoOf(thrown) === Errno.EINTR) throw thrown;
      return undefined;
    }
  }
}

function stampOf({ qid, mtimeSec, mtimeNsec, ctimeSec, ctimeNsec }: Attr): string {
  return `${qid.path}:${qid.version}:${mtimeSec}.${mtimeNsec}:${ctimeSec}.${ctimeNsec}`;
}
