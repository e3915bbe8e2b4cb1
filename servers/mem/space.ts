import { NineError } from "../../9p/mod.ts";

/** What a file takes before it holds anything, a name of it, and an attribute, bytes: about what V8 was measured to. */
export const INODE_BYTES = 640;
const NAME_BYTES = 256;
const ATTRIBUTE_BYTES = 256;

/** The memory that all files of one server may take together. */
export class Space {
  bytesUsed = 0;

  constructor(readonly bytesMax: number) {}

  /** Takes the bytes, or gives them back where they are negative; ENOSPC takes nothing. */
  take(bytes: number): void {
    if (bytes > 0 && this.bytesUsed + bytes > this.bytesMax) {
      throw new NineError(
        "ENOSPC",
        `The server holds ${this.bytesUsed} bytes and needs ${bytes} more, allowed are ${this.bytesMax}`,
      );
    }
    this.bytesUsed += bytes;
  }
}

export function bytesOfName(name: string): number {
  return NAME_BYTES + bytesOfText(name);
}

export function bytesOfAttribute(name: string, value: Uint8Array): number {
  return ATTRIBUTE_BYTES + bytesOfText(name) + value.byteLength;
}

/** At most: a string takes one or two bytes for each of its units. */
export function bytesOfText(text: string): number {
  return 2 * text.length;
}
