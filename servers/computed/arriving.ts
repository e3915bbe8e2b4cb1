import type { Qid } from "../../9p/mod.ts";

type Path = Qid["path"];

/** How long a program that copies a folder may take between two requests of a user's, ms. */
const QUIET_MS = 2000;
/** Longer than this no recipe waits, whatever its user does meanwhile, ms. */
const WAIT_MS_MAX = 30_000;
const RECIPES_MAX = 10_000;

interface Recipe {
  readonly user: string;
  readonly madeMs: number;
  readonly isCopy: boolean;
}

/**
 * Recipes that a program is copying in, which shows by a time that it sets on a file it has just made: `cp -a` and tar
 * do. Their outputs do not show before that user has written nothing for a moment, since the program may have copies of
 * them too, and `cp` goes no further where it finds a file that it is about to make. A recipe that somebody writes makes
 * its output at once.
 */
export class Arriving {
  /** By the recipe's qid.path, oldest first. */
  readonly #recipes = new Map<Path, Recipe>();
  readonly #wroteMs = new Map<string, number>();

  constructor(readonly now: () => number = () => performance.now()) {}

  made(recipe: Path, user: string): void {
    this.#sweep();
    this.#recipes.delete(recipe);
    this.#recipes.set(recipe, { user, madeMs: this.now(), isCopy: false });
    this.#wroteMs.set(user, this.now());
  }

  /** Somebody set the time of a file. */
  dated(path: Path): void {
    const recipe = this.#recipes.get(path);
    if (recipe && this.now() - recipe.madeMs < QUIET_MS) this.#recipes.set(path, { ...recipe, isCopy: true });
  }

  wrote(user: string): void {
    if (this.#wroteMs.has(user)) this.#wroteMs.set(user, this.now());
  }

  has(path: Path): boolean {
    if (this.#recipes.size === 0) return false;
    const recipe = this.#recipes.get(path);
    return recipe !== undefined && recipe.isCopy && this.#waits(recipe);
  }

  #waits({ user, madeMs }: Recipe): boolean {
    const now = this.now();
    return now - madeMs < WAIT_MS_MAX && now - this.#wroteMs.get(user)! < QUIET_MS;
  }

  /** Forgets those that wait no longer, so that nothing is kept while nobody copies recipes. */
  #sweep(): void {
    for (const [path, recipe] of this.#recipes) {
      if (this.#waits(recipe) && this.#recipes.size < RECIPES_MAX) break;
      this.#recipes.delete(path);
    }
    if (this.#recipes.size === 0) this.#wroteMs.clear();
  }
}
