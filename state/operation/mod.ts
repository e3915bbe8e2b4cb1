/**
 * What can be done to a volume, and how it is written down.
 *
 * @module
 */
export { decode, encode, type Encoded } from "./encode.ts";
export { Extents, type ExtentSource } from "./extents.ts";
export type * from "./operation.ts";
export { RECORD_TYPES } from "./operation.ts";
export { Packer, Unpacker } from "./packed.ts";
