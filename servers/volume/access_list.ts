import { NineError } from "../../9p/mod.ts";

const ACCESS = "system.posix_acl_access";
/** `u32 version` and entries of `u16 tag, u16 permissions, u32 id`, as Linux's posix_acl_xattr.h has it. */
const VERSION = 2;
/** The owner, the group and the others, in this order. */
const TAGS = [0x01, 0x04, 0x20];

/** Whether the attribute is the kernel's to mean something, as access lists, and none to be kept as it is. */
export function isSystems(name: string): boolean {
  return name.startsWith("system.");
}

/**
 * The permission bits that stand for an access list. EOPNOTSUPP for one that names more than the three classes, as
 * nobody here would heed it, and for what is no access list: programs like cp then set the mode instead.
 */
export function permissionsOf(name: string, list: Uint8Array): number {
  const view = new DataView(list.buffer, list.byteOffset, list.byteLength);
  const isPlain = name === ACCESS && list.byteLength === 28 && view.getUint32(0, true) === VERSION &&
    TAGS.every((tag, i) => view.getUint16(4 + 8 * i, true) === tag && view.getUint16(6 + 8 * i, true) <= 7);
  if (!isPlain) {
    throw new NineError(
      "EOPNOTSUPP",
      `Attribute ${
        JSON.stringify(name)
      } of ${list.byteLength} bytes: of system. a volume knows access lists of ` +
        "owner, group and others alone, set the mode instead",
    );
  }
  return TAGS.reduce((bits, _tag, i) => bits << 3 | view.getUint16(6 + 8 * i, true), 0);
}
