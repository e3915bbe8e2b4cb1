import { type Author, authorBytes } from "./id.ts";

export const NAME_BYTES_MAX = 255;
/** `NAME.conflict-AUTHOR-HASH`: 8 digits of the author, 8 or, where two would be the same, up to 64 of the hash. */
const CONFLICT = /^(.+)\.conflict-[0-9a-f]{8}-[0-9a-f]{8,64}$/s;
const utf8 = new TextEncoder();

/** Whether a directory may hold this name. */
export function isName(name: string): boolean {
  if (name === "" || name === "." || name === ".." || name.includes("/") || name.includes("\0")) return false;
  if (name.length > NAME_BYTES_MAX || !name.isWellFormed()) return false;
  return name.length * 3 <= NAME_BYTES_MAX || utf8.encode(name).length <= NAME_BYTES_MAX;
}

/** What a name that looks like that of a conflict file says that was lost, whoever gave it; undefined for another name. */
export function lostName(name: string): string | undefined {
  return CONFLICT.exec(name)?.[1];
}

/**
 * The name that the loser of a conflict is shown under. It comes from the name that was wanted, the losing change's author and its hash (hexadecimal)
 * alone, so it is the same on every copy and stays the same whoever else is in the conflict. It never nests: a conflict name that loses again is one
 * conflict name. It cannot act as a recipe, since a recipe ends in `.fn`.
 */
export function conflictName(name: string, author: Author, hash: string): string {
  const suffix = `.conflict-${hex(authorBytes(author)).slice(0, 8)}-${hash}`;
  return withinBytes(lostName(name) ?? name, NAME_BYTES_MAX - suffix.length) + suffix;
}

/** As many whole characters as fit. */
function withinBytes(text: string, bytesMax: number): string {
  if (utf8.encode(text).length <= bytesMax) return text;
  let bytes = 0;
  let end = 0;
  for (const character of text) {
    bytes += utf8.encode(character).length;
    if (bytes > bytesMax) break;
    end += character.length;
  }
  return text.slice(0, end);
}

export function hex(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += (byte < 16 ? "0" : "") + byte.toString(16);
  return text;
}
