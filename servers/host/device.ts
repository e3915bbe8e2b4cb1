import { OPEN, OVERLAYFS_SUPER_MAGIC } from "./libc/constants.ts";
import { c } from "./libc/libc.ts";

/** What holds for a whole mounted filesystem, asked for when its first file is seen. */
export interface Device {
  /** As `stat.dev` gives it. */
  readonly number: number;
  /**
   * Whether the time of birth is part of a file's identity. Not on overlayfs: there it changes when a file is copied
   * up, which the first opening for writing does.
   */
  readonly hasBirth: boolean;
  /** Whether files can hold `user.` attributes. Turns false at the first answer that they cannot. */
  hasXattr: boolean;
}

const STATFS_BYTES = 120;
const statfs = new Uint8Array(new ArrayBuffer(STATFS_BYTES));
const type = new BigInt64Array(statfs.buffer, 0, 1);

/** Asks the filesystem of `name` (a C string, `.` for itself) in the directory `dirfd`. */
export function readDevice(number: number, dirfd: number, name: Uint8Array<ArrayBuffer>): Device {
  const fd = c.openat(dirfd, name, OPEN.PATH | OPEN.NOFOLLOW | OPEN.CLOEXEC, 0);
  const overlay = fd >= 0 && c.fstatfs(fd, statfs) === 0 && Number(type[0]) === OVERLAYFS_SUPER_MAGIC;
  if (fd >= 0) c.close(fd);
  return { number, hasBirth: !overlay, hasXattr: true };
}
