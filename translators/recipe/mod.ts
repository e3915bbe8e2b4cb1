/**
 * Recipes: small YAML files beside the data that say how a file is made.
 *
 * @module
 */
export { fits, isGlob, literal } from "./glob.ts";
export { outputOf, parseRecipe, type Recipe, RECIPE_BYTES_MAX, SUFFIX } from "./recipe.ts";
