import { Malformed, Packer, type Time, Unpacker } from "./bytes.ts";
import { creatorOf, type NodeId } from "./id.ts";
import type { Stamp } from "./stamp.ts";

/** An extended attribute; without a value it was removed. */
export interface Xattr {
  readonly stamp: Stamp;
  /** At most 64 KiB. */
  readonly value?: Uint8Array;
}

export const XATTR_BYTES_MAX = 65536;

/** `removed[1] stamp value` */
export function packXattr({ stamp, value }: Xattr, node: NodeId): Uint8Array {
  return new Packer().u8(value ? 0 : 1).stamp(stamp, creatorOf(node)).raw(value ?? new Uint8Array()).take();
}

export function unpackXattr(bytes: Uint8Array, node: NodeId): Xattr {
  const unpacker = new Unpacker(bytes);
  const removed = unpacker.u8();
  if (removed > 1) throw new Malformed("A flag of an extended attribute is unknown");
  const stamp = unpacker.stamp(creatorOf(node));
  const value = unpacker.rest();
  if (value.length > XATTR_BYTES_MAX) {
    throw new Malformed(`An extended attribute has ${value.length} bytes, and at most ${XATTR_BYTES_MAX}`);
  }
  if (removed && value.length > 0) throw new Malformed("An extended attribute is removed and has a value");
  return removed ? { stamp } : { stamp, value };
}

/** When and by whom, as a record of its own: that a version is resolved. */
export function packStamp(stamp: Stamp, node: NodeId): Uint8Array {
  return new Packer().stamp(stamp, creatorOf(node)).take();
}

export function unpackStamp(bytes: Uint8Array, node: NodeId): Stamp {
  const unpacker = new Unpacker(bytes);
  const stamp = unpacker.stamp(creatorOf(node));
  unpacker.end();
  return stamp;
}

/** What a directory's time comes from: the last change of its names. */
export interface Touch {
  readonly stamp: Stamp;
  readonly time: Time;
}

export function packTouch({ stamp, time }: Touch, directory: NodeId): Uint8Array {
  return new Packer().stamp(stamp, creatorOf(directory)).time(time).take();
}

export function unpackTouch(bytes: Uint8Array, directory: NodeId): Touch {
  const unpacker = new Unpacker(bytes);
  const touch = { stamp: unpacker.stamp(creatorOf(directory)), time: unpacker.time() };
  unpacker.end();
  return touch;
}
