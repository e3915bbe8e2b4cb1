/**
 * The main isolate's side of a volume: it logs operations and reads what is there, and starts the Worker that keeps it.
 *
 * @module
 */
export { DATABASE, DATABASE_LOG, GUARD, LOG, PACKS } from "../guard/mod.ts";
export { haveNothingToTell, knownAtRest, STATEMENT_SEC, volumeIdAt } from "./at_rest.ts";
export { cloningFolder } from "./cloning_folder.ts";
export { lockFolder } from "./folder_lock.ts";
export { Exchange, FRAME, type Frame, FrameReader, packFrame } from "./exchange.ts";
export {
  COPY_DAYS,
  type FromWorker,
  type KeeperOptions,
  type LeftFile,
  type LostWrite,
  type News,
  type Owned,
  RETENTION,
  type Retention,
  type Span,
  type ToWorker,
} from "./messages.ts";
export type { VolumeStoreOptions } from "./options.ts";
export { VolumeStore } from "./volume_store.ts";
