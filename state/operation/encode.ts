import type { Timestamp } from "../../9p/mod.ts";
import { NineError } from "../../9p/mod.ts";
import { type Operation, RECORD_TYPES } from "./operation.ts";
import { Packer, Unpacker } from "./packed.ts";

/** A record as the log has it. Of a write it is all but the bytes, which follow. */
export interface Encoded {
  readonly type: number;
  /** A view that dies with the next `encode`. */
  readonly payload: Uint8Array<ArrayBuffer>;
}

const packer = new Packer();
/** Stands for a size that is to stay. */
const UNCHANGED = -1;

export function encode(operation: Operation): Encoded {
  const type = RECORD_TYPES[operation.kind];
  packer.begin().text(operation.by);
  time(packer, operation.time);
  switch (operation.kind) {
    case "create":
      packer.integer(operation.ino).integer(operation.parent).integer(operation.eid).text(operation.name)
        .u32(operation.mode).text(operation.uid).text(operation.gid).u8(operation.flags)
        .integer(operation.rdev).text(operation.target);
      break;
    case "link":
      packer.integer(operation.ino).integer(operation.parent).integer(operation.eid).text(operation.name);
      break;
    case "unlink":
      packer.integer(operation.ino).integer(operation.parent).text(operation.name).u8(Number(operation.held));
      break;
    case "rename":
      packer.integer(operation.ino).integer(operation.parent).text(operation.name)
        .integer(operation.toParent).text(operation.toName).integer(operation.eid).u8(Number(operation.held));
      break;
    case "attributes":
      packer.integer(operation.ino).u32(operation.mode).text(operation.uid).text(operation.gid)
        .u8(operation.flags);
      time(packer, operation.atime);
      time(packer, operation.mtime);
      packer.integer(operation.size ?? UNCHANGED);
      break;
    case "write":
      packer.integer(operation.ino).integer(operation.offset);
      break;
    case "settle":
    case "forget":
      packer.integer(operation.ino);
      break;
    case "xattr":
      packer.integer(operation.ino).text(operation.name).bytes(operation.value);
      break;
    case "snapshot":
    case "unsnapshot":
      packer.text(operation.name);
      break;
    case "restore":
      packer.text(operation.snapshot).text(operation.path).u32(operation.held.length);
      for (const ino of operation.held) packer.integer(ino);
      break;
    case "receive":
      break;
  }
  return { type, payload: packer.packed() };
}

/** The operation of a record; its bytes are views of the payload. EIO for what is none. */
export function decode(type: number, payload: Uint8Array): Operation {
  const from = new Unpacker(payload);
  const common = { by: from.text(), time: timeOf(from) };
  switch (type) {
    case RECORD_TYPES.create:
      return {
        kind: "create",
        ...common,
        ino: from.integer(),
        parent: from.integer(),
        eid: from.integer(),
        name: from.text(),
        mode: from.u32(),
        uid: from.text(),
        gid: from.text(),
        flags: from.u8(),
        rdev: from.integer(),
        target: from.text(),
      };
    case RECORD_TYPES.link:
      return {
        kind: "link",
        ...common,
        ino: from.integer(),
        parent: from.integer(),
        eid: from.integer(),
        name: from.text(),
      };
    case RECORD_TYPES.unlink:
      return {
        kind: "unlink",
        ...common,
        ino: from.integer(),
        parent: from.integer(),
        name: from.text(),
        held: from.u8() === 1,
      };
    case RECORD_TYPES.rename:
      return {
        kind: "rename",
        ...common,
        ino: from.integer(),
        parent: from.integer(),
        name: from.text(),
        toParent: from.integer(),
        toName: from.text(),
        eid: from.integer(),
        held: from.u8() === 1,
      };
    case RECORD_TYPES.attributes:
      return {
        kind: "attributes",
        ...common,
        ino: from.integer(),
        mode: from.u32(),
        uid: from.text(),
        gid: from.text(),
        flags: from.u8(),
        atime: timeOf(from),
        mtime: timeOf(from),
        size: sizeOf(from),
      };
    case RECORD_TYPES.write:
      return { kind: "write", ...common, ino: from.integer(), offset: from.integer(), bytes: from.rest() };
    case RECORD_TYPES.settle:
      return { kind: "settle", ...common, ino: from.integer() };
    case RECORD_TYPES.forget:
      return { kind: "forget", ...common, ino: from.integer() };
    case RECORD_TYPES.xattr:
      return { kind: "xattr", ...common, ino: from.integer(), name: from.text(), value: from.bytes() };
    case RECORD_TYPES.snapshot:
      return { kind: "snapshot", ...common, name: from.text() };
    case RECORD_TYPES.unsnapshot:
      return { kind: "unsnapshot", ...common, name: from.text() };
    case RECORD_TYPES.restore:
      return { kind: "restore", ...common, snapshot: from.text(), path: from.text(), held: integersOf(from) };
    case RECORD_TYPES.receive:
      return { kind: "receive", ...common };
  }
  throw new NineError("EIO", `A record of type ${type}, which this version does not know`);
}

function time(into: Packer, { sec, nsec }: Timestamp): void {
  into.integer(sec).u32(nsec);
}

function timeOf(from: Unpacker): Timestamp {
  return { sec: from.integer(), nsec: from.u32() };
}

function integersOf(from: Unpacker): number[] {
  const count = from.u32();
  const integers: number[] = [];
  // Not all at once: the count may be that of a damaged record.
  for (let i = 0; i < count; i++) integers.push(from.integer());
  return integers;
}

function sizeOf(from: Unpacker): number | undefined {
  const size = from.integer();
  return size === UNCHANGED ? undefined : size;
}
