/** What is where in the folder of a volume. */
export const DATABASE = "index.sqlite";
export const LOG = "log";
export const PACKS = "packs";
