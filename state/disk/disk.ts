/**
 * A folder on a disk, as everything that stores needs it: what happens at once and what waits for the platter are
 * apart, so that a simulated disk can lose whatever was not waited for.
 *
 * Paths are relative to the folder, their components joined by `/`. Every call throws a NineError with the system's
 * errno, whose message names the path.
 */
export interface Disk {
  /** Opens a file for reading and writing. Without `create`, ENOENT if there is none; `exclusive`: EEXIST if there is. */
  open(path: string, options?: OpenOptions): DiskFile;
  /** The names in a folder, sorted; none if there is no such folder. */
  list(folder: string): string[];
  /** Takes the place of a file that has the new name. Both names are in one folder. Durable with that folder's sync. */
  rename(from: string, to: string): void;
  /** Removes a file. Whoever has it open reads on. Durable with its folder's sync. */
  remove(path: string): void;
  /** Makes a folder, and those above it, unless it is there; durable when the call returns. */
  makeFolder(path: string): void;
  /** Makes durable which names there are in a folder (not what is in its files). It does not block. */
  syncFolder(path: string): Promise<void>;
  /** The same, blocking: for start-up and for a Worker, which have nothing else to do. */
  syncFolderBlocking(path: string): void;
}

export interface OpenOptions {
  readonly create?: boolean;
  readonly exclusive?: boolean;
}

/** A part of a file in this process's memory. Only the kernel may look at it: a file that was cut ends the process. */
export interface DiskMapping {
  readonly address: number;
  unmap(): void;
}

/** An open file. Its descriptor goes with `close`, or once a sync that runs is done. */
export interface DiskFile {
  /** Bytes, as the system sees it now. */
  size(): number;
  /** Fills `into` from `offset` on. Returns how many bytes there were; fewer than wanted only at the end of the file. */
  pread(into: Uint8Array, offset: number): number;
  /**
   * Writes all of `bytes` at `offset`; they are in the kernel when it returns, and survive the death of the process.
   * Where it throws (ENOSPC, EIO, EDQUOT), a part of them may be there.
   */
  pwrite(bytes: Uint8Array, offset: number): void;
  /** Shows a part of the file in memory, whole pages from `offset` on; undefined where that cannot be done. */
  map?(offset: number, length: number): DiskMapping | undefined;
  /** Makes the file this long: cut, or filled with zeros. */
  truncate(size: number): void;
  /**
   * fdatasync(2) on another thread: what was written before the call survives the loss of power when it resolves (the
   * file's name is the folder's matter). After a failure nothing is known of what was written before, and asking again
   * does not help: the kernel may have dropped those pages (Rebello et al., "Can Applications Recover from fsync
   * Failures?", USENIX ATC 2020).
   */
  sync(): Promise<void>;
  /** The same, blocking. */
  syncBlocking(): void;
  /** Closing twice is harmless; other calls after it are EBADF. */
  close(): void;
}
