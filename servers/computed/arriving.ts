import type { Qid } from "../../9p/mod.ts";

type Path = Qid["path"];

/** How long a program that copies a folder may take between two requests of a user's, ms. */
const QUIET_MS = 2000;
/** The same where that recipe is all that the user has made for so long: mostly it was one file alone, ms. */
const ALONE_MS = 500;
/** Longer than this no recipe waits, whatever its user does meanwhile, ms. */
const WAIT_MS_MAX = 30_000;
const RECIPES_MAX = 10_000;
const USERS_MAX = 1000;

interface Recipe {
  readonly dir: Path;
  /** What its maker was doing then. */
  readonly activity: Activity;
  readonly madeMs: number;
  readonly isCopy: boolean;
}

/** What a user does without a pause. */
interface Activity {
  wroteMs: number;
  /** Files and directories that were made in it. */
  made: number;
}

/**
 * Recipes that a program is copying in, which shows by a time that it sets on a file it has just made: `cp -a` and tar
 * do. Their outputs do not show at first, since the program may have copies of them too, and `cp` goes no further where it
 * finds a file that it is about to make. They show when it has done with the folder, which it ends by setting the folder's
 * own time, and else when that user has written nothing for a moment. A recipe that somebody writes makes its output at
 * once.
 */
export class Arriving {
  /** By the recipe's qid.path, oldest first. */
  readonly #recipes = new Map<Path, Recipe>();
  /** Those that are copies, by the directory's. */
  readonly #copies = new Map<Path, Set<Path>>();
  /** By user, the one who began last at the end. */
  readonly #activities = new Map<string, Activity>();

  constructor(readonly now: () => number = () => performance.now()) {}

  /** A user made a file or directory that is no recipe. */
  made(user: string): void {
    this.#goOn(user).made++;
  }

  madeRecipe(path: Path, dir: Path, user: string): void {
    this.#sweep();
    this.#forget(path);
    const activity = this.#goOn(user);
    activity.made++;
    this.#recipes.set(path, { dir, activity, madeMs: this.now(), isCopy: false });
  }

  /** Somebody set the time of a file or directory. */
  dated(path: Path): void {
    if (this.#recipes.size === 0) return;
    for (const copy of this.#copies.get(path) ?? []) this.#forget(copy);
    const recipe = this.#recipes.get(path);
    if (!recipe || this.now() - recipe.madeMs >= QUIET_MS) return;
    this.#recipes.set(path, { ...recipe, isCopy: true });
    const copies = this.#copies.get(recipe.dir);
    if (copies) copies.add(path);
    else this.#copies.set(recipe.dir, new Set([path]));
  }

  wrote(user: string): void {
    const activity = this.#activities.get(user);
    if (!activity) return;
    // What has ended does not begin again by it.
    if (this.#isOver(activity)) this.#activities.delete(user);
    else activity.wroteMs = this.now();
  }

  has(path: Path): boolean {
    if (this.#recipes.size === 0) return false;
    const recipe = this.#recipes.get(path);
    if (!recipe?.isCopy) return false;
    if (this.#waits(recipe)) return true;
    // Once it shows, it goes on showing.
    this.#forget(path);
    return false;
  }

  #waits({ activity, madeMs }: Recipe): boolean {
    return this.now() - madeMs < WAIT_MS_MAX && !this.#isOver(activity);
  }

  #isOver({ wroteMs, made }: Activity): boolean {
    return this.now() - wroteMs >= (made > 1 ? QUIET_MS : ALONE_MS);
  }

  #goOn(user: string): Activity {
    const now = this.now();
    let activity = this.#activities.get(user);
    if (!activity || now - activity.wroteMs >= QUIET_MS) {
      this.#activities.delete(user);
      this.#activities.set(user, activity = { wroteMs: now, made: 0 });
      if (this.#activities.size > USERS_MAX) {
        this.#activities.delete(this.#activities.keys().next().value!);
      }
    }
    activity.wroteMs = now;
    return activity;
  }

  #forget(path: Path): void {
    const recipe = this.#recipes.get(path);
    if (!recipe) return;
    this.#recipes.delete(path);
    const copies = this.#copies.get(recipe.dir);
    copies?.delete(path);
    if (copies?.size === 0) this.#copies.delete(recipe.dir);
  }

  /** Forgets those that wait no longer, so that nothing is kept while nobody copies recipes. */
  #sweep(): void {
    for (const [path, recipe] of this.#recipes) {
      if (this.#waits(recipe) && this.#recipes.size < RECIPES_MAX) break;
      this.#forget(path);
    }
  }
}
