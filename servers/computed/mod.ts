/**
 * Files that are computed when they are read, as file servers: what recipes make beside them, and compute paths.
 *
 * @module
 */
export { type Computed, EXPLAIN_XATTR, type Look, type Opened } from "./computed.ts";
export { type WithOutputs, withOutputs } from "./outputs.ts";
export { outputName, recipeName } from "./recipe_name.ts";
export { paths, type PathsOptions } from "./paths.ts";
