/**
 * Control and status files: a tree of them, or some beside another server's files.
 *
 * @module
 */
export { besides } from "./beside.ts";
export { ctl, type CtlOptions, type CtlTree } from "./ctl.ts";
export type { CtlFile, Stream } from "./ctl_file.ts";
export { quoteWord, splitWords } from "./words.ts";
