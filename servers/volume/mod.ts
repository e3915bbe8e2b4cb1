/**
 * A volume as a file server: every request is answered at once, from what this node did and the index has not yet, and
 * from the index.
 *
 * @module
 */
export { type FileVersion, type FileVersions, HISTORY_XATTR } from "./history.ts";
export { withDifferences } from "./differences.ts";
export { snapshots } from "./snap.ts";
export type { Logged, VolumeStore } from "./store.ts";
export { volume, type VolumeOptions } from "./volume.ts";
