import { NineError } from "../error.ts";

/** NAME_MAX of Linux, in bytes of UTF-8. */
export const NAME_BYTES_MAX = 255;

/**
 * Throws unless `name` can be a name in a directory (rule R18). Invalid UTF-8 never gets this far: the decoder refuses
 * it. Names are never truncated.
 */
export function checkName(name: string): void {
  if (name === "") throw new NineError("EINVAL", "An empty name: every name needs at least one character");
  if (name.includes("/")) throw new NineError("EINVAL", `The name ${JSON.stringify(name)} contains a slash`);
  if (name.includes("\0")) throw new NineError("EINVAL", `The name ${JSON.stringify(name)} contains a NUL`);
  if (name.length * 3 > NAME_BYTES_MAX) {
    const bytes = new TextEncoder().encode(name).byteLength;
    if (bytes > NAME_BYTES_MAX) {
      throw new NineError("ENAMETOOLONG", `A name of ${bytes} bytes, allowed are ${NAME_BYTES_MAX}`);
    }
  }
}

/** The same for a name that is about to be made: `.` and `..` are there already. */
export function checkNewName(name: string): void {
  checkName(name);
  if (name === "." || name === "..") {
    throw new NineError("EINVAL", `${name} cannot be made, it names a place already`);
  }
}

/** Throws unless `name` can be that of an extended attribute. A list of them ends each by a NUL, as strings of C do. */
export function checkXattrName(name: string): void {
  if (!name.includes("\0")) return;
  throw new NineError(
    "EINVAL",
    `The name ${
      JSON.stringify(name)
    } of an extended attribute contains a NUL, which ends names: leave it out`,
  );
}
