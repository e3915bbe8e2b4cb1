/**
 * A folder on a disk: the real one, and a simulated one that loses power.
 *
 * @module
 */
export type { Disk, DiskFile, DiskMapping, OpenOptions } from "./disk.ts";
export { type Random, seeded } from "./random.ts";
export { readingDisk, realDisk } from "./real.ts";
export { SimulatedDisk, type SimulatedDiskOptions } from "./simulated.ts";
