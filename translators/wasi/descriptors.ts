import type { Descriptor, OpenDirectory } from "./descriptor.ts";
import { WasiError } from "./errno.ts";

/** As many as a process has on Linux by default. */
export const DESCRIPTORS_MAX = 1024;

/** The table of descriptors. The lowest free number is given first. */
export class Descriptors {
  readonly #table: (Descriptor | undefined)[] = [];
  /** No number below is free. */
  #lowest = 0;

  /** The descriptor, or undefined for a number that is not open. */
  at(fd: number): Descriptor | undefined {
    return fd < this.#table.length ? this.#table[fd] : undefined;
  }

  /** The descriptor, or BADF. */
  get(fd: number): Descriptor {
    const descriptor = this.at(fd);
    if (!descriptor) throw new WasiError("BADF", `Descriptor ${fd} is not open`);
    return descriptor;
  }

  /** The descriptor that has these rights, or NOTCAPABLE. */
  withRights(fd: number, rights: number): Descriptor {
    const descriptor = this.get(fd);
    checkRights(descriptor, rights);
    return descriptor;
  }

  /** A directory that has these rights: what a path starts from. */
  directory(fd: number, rights: number): OpenDirectory {
    const descriptor = this.get(fd);
    if (descriptor.kind !== "directory") {
      throw new WasiError("NOTDIR", `Descriptor ${fd} is no directory: no path starts there`);
    }
    checkRights(descriptor, rights);
    return descriptor;
  }

  /** A number that is free, or MFILE. Asked before a file is made for it. */
  free(): number {
    while (this.#table[this.#lowest]) this.#lowest++;
    if (this.#lowest >= DESCRIPTORS_MAX) {
      throw new WasiError(
        "MFILE",
        `${DESCRIPTORS_MAX} descriptors are open, which is as many as there may be`,
      );
    }
    return this.#lowest;
  }

  add(descriptor: Descriptor): number {
    const fd = this.free();
    this.#table[fd] = descriptor;
    return fd;
  }

  close(fd: number): void {
    const descriptor = this.get(fd);
    this.#table[fd] = undefined;
    if (fd < this.#lowest) this.#lowest = fd;
    descriptor.close();
  }

  /** Moves `from` to `to`, which is open too and gets closed. */
  renumber(from: number, to: number): void {
    const moved = this.get(from);
    const replaced = this.get(to);
    if (from === to) return;
    this.#table[to] = moved;
    this.#table[from] = undefined;
    if (from < this.#lowest) this.#lowest = from;
    replaced.close();
  }

  /** Closes all; an error of one does not keep the others open. */
  closeAll(): void {
    for (const descriptor of this.#table.splice(0)) {
      try {
        descriptor?.close();
      } catch {
        // The guest has gone, so there is nobody to be told.
      }
    }
    this.#lowest = 0;
  }

  get size(): number {
    return this.#table.reduce((count, descriptor) => descriptor ? count + 1 : count, 0);
  }
}

export function checkRights(descriptor: Descriptor, rights: number): void {
  if ((descriptor.rights & rights) !== rights) throw lacking(descriptor, rights);
}

function lacking(descriptor: Descriptor, rights: number): WasiError {
  const missing = (rights & ~descriptor.rights).toString(16);
  return new WasiError(
    "NOTCAPABLE",
    `A descriptor of kind ${descriptor.kind} without the rights 0x${missing}`,
  );
}
