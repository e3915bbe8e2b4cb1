/** A folder of this machine as a file server. */
export { FileStamp } from "./file_stamp.ts";
export { host, type HostServer } from "./host.ts";
export type { HostOptions } from "./tree.ts";
export type { Handle } from "./handle.ts";
export type { Place } from "./place.ts";
