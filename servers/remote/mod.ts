/**
 * A remote tree as a file server: what `import` mounts.
 *
 * @module
 */
export { type Remote, remote } from "./remote.ts";
export type { LinkOptions as RemoteOptions } from "./link.ts";
