/**
 * What keeps a volume: a Worker that is the only writer, and the main isolate's side of it.
 *
 * @module
 */
export { VolumeStore, type VolumeStoreOptions } from "./volume_store.ts";
