/**
 * 9P2000, 9P2000.u and 9P2000.L: the messages, the engine that serves a tree to clients, and the client.
 *
 * @module
 */
export { concatenate } from "./concatenate.ts";
export { Errno, type ErrnoName, errnoName, errnoOfPhrase, phraseOf } from "./errno.ts";
export { errnoOf, NineError, reasonOf } from "./error.ts";
export { escapeJson, escapeLines, escapeText } from "./escape.ts";
export { NONUNAME, Principals } from "./principal.ts";
export { canRead, canWrite, O, pathOfText, type Qid, Qt, S, type U64 } from "./qid.ts";
export type {
  Attr,
  Call,
  Change,
  Created,
  Creation,
  Entry,
  FileServer,
  Later,
  Principal,
  StatFs,
  Timestamp,
  User,
} from "./server/file_server.ts";
export { ageMs, GRAIN_MS, isRacy } from "./server/clock_grain.ts";
export type { Lent } from "./server/lent.ts";
export { plainAttr, plainStatfs, primaryGroup, then } from "./server/file_server.ts";
export { Connection, type Duplex } from "./server/connection.ts";
export { Engine, type EngineOptions, type ErrorReport } from "./server/engine.ts";
export type { Listener } from "./server/listener.ts";
export { SplicedListing } from "./server/spliced_listing.ts";
export { Service } from "./server/service.ts";
export { Slice, turns } from "./server/turns.ts";
export { checkName, checkNewName } from "./server/names.ts";
export { major, makedev, minor, qidType } from "./server/modes.ts";
export { type Address, formatAddress, parseAddress, PORT_9P } from "./address.ts";
export { type Codec, codecOf, HEADER_BYTES, typeName } from "./wire/codec.ts";
export { type Dialect, DIALECTS } from "./wire/field.ts";
export type { Message, MessageName } from "./wire/messages.ts";
export { Reader } from "./wire/reader.ts";
export * from "./client/mod.ts";
