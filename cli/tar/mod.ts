/**
 * tar archives as a stream, in the pax format of POSIX: what GNU tar, bsdtar and busybox write is read, and they read what
 * is written. Values are bytes all the way, since extended attributes are not text; the libraries that there are take them
 * for text, which loses some.
 *
 * @module
 */
export { type TarEntry, type TarKind } from "./entry.ts";
export { type Refused, TarReader } from "./reader.ts";
export { TarWriter } from "./writer.ts";
