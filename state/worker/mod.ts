/**
 * What keeps a volume: a Worker that is the only writer, and the main isolate's side of it.
 *
 * @module
 */
export { RETENTION, type Retention } from "./messages.ts";
export { type Verified, verify } from "./verify.ts";
export { VolumeStore, type VolumeStoreOptions } from "./volume_store.ts";
