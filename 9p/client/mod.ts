/**
 * A 9P client for 9P2000, 9P2000.u and 9P2000.L. `Client` is one session with its messages; `Tree` and `RemoteFile` hide
 * which dialect it speaks; `copyTree` copies in, out and between trees.
 *
 * @module
 */
export { gidOf, type RemoteAttr } from "./attr.ts";
export { Client, type ClientOptions, MSIZE_DEFAULT } from "./client.ts";
export type { LockRequest, NewFile, Opened, Page, RemoteEntry } from "./dialects/verbs.ts";
export { RemoteFile } from "./file.ts";
export { dial } from "../net.ts";
export { readPage } from "./listing.ts";
export { isLost } from "./lost.ts";
export { namesOf, pathOf, splitPath } from "./path.ts";
export { orAborted } from "./or_aborted.ts";
export { pieces, readInto, type ReadOptions } from "./reading.ts";
export { move, rename } from "./rename.ts";
export type { ReplyOf } from "./requests.ts";
export { type AttachOptions, Tree } from "./tree.ts";
export { type Source, writeAll, writeFrom } from "./writing.ts";
export { type CopyOptions, type CopyResult, copyTree, type Place } from "./copy/copy.ts";
export { Slots } from "./copy/slots.ts";
export { localSide } from "./copy/local_side.ts";
export { remoteSide } from "./copy/remote_side.ts";
export type { CopyAttr, CopySide } from "./copy/side.ts";
