/**
 * The exchange between two copies of a volume: a state machine that takes a message and gives messages, the same on both sides. Pure: what a copy has, its clock and the way to the
 * other one are arguments.
 *
 * @module
 */
export {
  type Acknowledged,
  acknowledged,
  type AcknowledgedOptions,
  type RegisteredCopy,
} from "./acknowledged.ts";
export { contentsIn } from "./contents.ts";
export { type Demand, Demands, type DemandStore, type Peer, type Unmet } from "./demands.ts";
export { Fetching } from "./fetching.ts";
export { Serving } from "./serving.ts";
export { checkAll, type Checked, type CheckOptions, type Split } from "./check.ts";
export { MESSAGE_BYTES_MAX, packMessage, PROTOCOL, unpackMessage } from "./messages.ts";
export type { Ending, Moved, Summary, Whose } from "./outcome.ts";
export type { Refused } from "./refused.ts";
export { Session, type SessionLimits } from "./session.ts";
export {
  isNewer,
  isSigned,
  packStatement,
  sign,
  speakerOf,
  type Statement,
  STATEMENT_BYTES_MAX,
  unpackStatement,
} from "./statement.ts";
export type { Packed, Page, Piece, Self, Stored, SyncStore } from "./sync_store.ts";
export type { Head, Numbers, Vector } from "./vector.ts";
