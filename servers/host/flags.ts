import { Errno, Qt, S } from "../../9p/mod.ts";
import type { Device } from "./device.ts";
import { AT, SYS_getxattrat } from "./libc/constants.ts";
import { procfd, procfdChild } from "./libc/cstring.ts";
import { c, errno, failure } from "./libc/libc.ts";

/**
 * Plan 9's append-only, exclusive and temporary bits, which Unix has no place for, are kept in an attribute of the file
 * as the letters `a`, `l` and `t`. Files without any have no such attribute.
 */
export const FLAGS_XATTR = "user.lux9.flags";
const LETTERS = [[Qt.APPEND, 0x61], [Qt.EXCL, 0x6c], [Qt.TMP, 0x74]] as const;

const name = new TextEncoder().encode(FLAGS_XATTR + "\0");
const value = new Uint8Array(new ArrayBuffer(64));
/** `struct xattr_args { u64 value; u32 size; u32 flags; }` */
const args = new Uint8Array(new ArrayBuffer(16));
new DataView(args.buffer).setBigUint64(0, Deno.UnsafePointer.value(Deno.UnsafePointer.of(value)), true);
new DataView(args.buffer).setUint32(8, value.length, true);
let hasGetxattrat = true;

/** The flags of a file of this mode, `child` (a C string) in `dirfd`. None where they cannot be read. */
export function readFlags(
  dirfd: number,
  child: Uint8Array<ArrayBuffer>,
  device: Device,
  mode: number,
): number {
  const type = mode & S.IFMT;
  if (!device.hasXattr || (type !== S.IFREG && type !== S.IFDIR)) return 0;
  let size = -1;
  if (hasGetxattrat) {
    size = c.getxattrat(SYS_getxattrat, dirfd, child, AT.SYMLINK_NOFOLLOW, name, args, args.length);
    if (size < 0 && errno() === Errno.ENOSYS) hasGetxattrat = false;
  }
  // Should the name have become a symlink since, then this follows it, and the wrong flags are those of an inode that
  // no longer has the name.
  if (!hasGetxattrat) size = c.getxattr(procfdChild(dirfd, child), name, value, value.length);
  if (size < 0) {
    if (errno() === Errno.EOPNOTSUPP) device.hasXattr = false;
    return 0;
  }
  let flags = 0;
  for (const [bit, letter] of LETTERS) if (value.subarray(0, size).includes(letter)) flags |= bit;
  return flags;
}

/** Sets the flags of the file that `fd` (O_PATH will do) stands for. */
export function writeFlags(fd: number, flags: number, path: string): void {
  let size = 0;
  for (const [bit, letter] of LETTERS) if ((flags & bit) !== 0) value[size++] = letter;
  const result = size > 0 ? c.setxattr(procfd(fd), name, value, size, 0) : c.removexattr(procfd(fd), name);
  if (result < 0 && !(size === 0 && (errno() === Errno.ENODATA || errno() === Errno.EOPNOTSUPP))) {
    throw failure(errno(), `Keep the flags 0x${flags.toString(16)} of ${path} in ${FLAGS_XATTR}`);
  }
}
