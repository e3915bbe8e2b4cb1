/**
 * Recipes: small YAML files beside the data that say how a file is made.
 *
 * @module
 */
export { fits, isGlob, literal } from "./glob.ts";
export { parseRecipe, type Recipe, RECIPE_BYTES_MAX } from "./recipe.ts";
