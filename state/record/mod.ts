/**
 * Records: what one transaction of one copy did, as copies tell it to each other. Each author's are a chain by their hashes and signed, and tell what their
 * writer had seen. Pure: keys are handed in.
 *
 * @module
 */
export { Authors, type AuthorState, BadRecord, earliestTime, FUTURE_SEC_MAX } from "./authors.ts";
export { HASH_BYTES, hashOf, type Record, RECORD_BYTES_MAX, type Seen, type SignedRecord } from "./record.ts";
export { packRecord, packSeen, SEEN_MAX, unpackRecord, unpackSeen } from "./packing.ts";
export {
  type CopyKey,
  copyKey,
  KEY_BYTES,
  newCopyKey,
  SIGNATURE_BYTES,
  verifySignature,
} from "./copy_key.ts";
