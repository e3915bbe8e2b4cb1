/** `report.html.fn` makes `report.html` appear. */
const SUFFIX = ".fn";

/** The name of what a recipe makes; undefined for a name that is no recipe's. What it makes is never a recipe. */
export function outputName(recipe: string): string | undefined {
  if (!recipe.endsWith(SUFFIX)) return undefined;
  const output = recipe.slice(0, -SUFFIX.length);
  return output === "" || output === "." || output === ".." || output.endsWith(SUFFIX) ? undefined : output;
}

/** The name of the recipe that makes a name; undefined for one that no recipe makes. */
export function recipeName(output: string): string | undefined {
  return outputName(output + SUFFIX) === undefined ? undefined : output + SUFFIX;
}
