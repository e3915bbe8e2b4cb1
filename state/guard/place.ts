import { statSync } from "node:fs";

/**
 * What a copy of the file does not have: its inode and when that was made. A file system that is copied as a whole, block by block, has both, too. Devices
 * may have other numbers after each start of the machine, and so count only where nobody knows when the file was made.
 */
export function placeOf(path: string): string {
  const { ino, dev, birthtimeMs } = statSync(path, { bigint: true });
  return birthtimeMs > 0n ? `${ino} of ${birthtimeMs}` : `${ino} on ${dev}`;
}
