/**
 * Who made something, and what it is called for ever.
 *
 * Everything is text in an alphabet whose order as ASCII is its order as numbers, so that comparing two of a kind as text is
 * comparing them: `-0123456789A…Z_a…z`, six bits a digit.
 */

/** An incarnation of a store: 8 bytes that no other store has, as 11 digits. It changes when a store learns that it is a copy. */
export type Author = string & { readonly author: unique symbol };
/** A file, a directory or another node, unique for ever: the author who made it (11 digits) and the author's number for it (1 to 9 digits). */
export type NodeId = string & { readonly node: unique symbol };
/** A document: the node id of its directory, then for a shard `.` and one hexadecimal digit a level (`placement.ts`). */
export type DocId = string & { readonly doc: unique symbol };

const DIGITS = "-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz";
const VALUE_OF = new Uint8Array(128).fill(255);
for (let i = 0; i < 64; i++) VALUE_OF[DIGITS.charCodeAt(i)] = i;

export const AUTHOR_BYTES = 8;
export const AUTHOR_DIGITS = 11;
/** Numbers below 2^48 take at most eight digits. */
export const NUMBER_MAX = 2 ** 48 - 1;

/** The root directory of every volume: made by nobody. */
export const ROOT: NodeId = nodeId(authorOf(new Uint8Array(AUTHOR_BYTES)), 0);

/** The text of an incarnation's 8 bytes. */
export function authorOf(bytes: Uint8Array): Author {
  if (bytes.length !== AUTHOR_BYTES) {
    throw new RangeError(`An incarnation has ${AUTHOR_BYTES} bytes, not ${bytes.length}`);
  }
  let text = "";
  let held = 0;
  let bits = 0;
  for (const byte of bytes) {
    held = (held << 8) | byte;
    bits += 8;
    while (bits >= 6) {
      bits -= 6;
      text += DIGITS[(held >> bits) & 63];
    }
    held &= (1 << bits) - 1;
  }
  return text + DIGITS[(held << (6 - bits)) & 63] as Author;
}

/** The 8 bytes of an incarnation. */
export function authorBytes(author: Author): Uint8Array {
  const bytes = new Uint8Array(AUTHOR_BYTES);
  let held = 0;
  let bits = 0;
  let at = 0;
  for (let i = 0; i < AUTHOR_DIGITS; i++) {
    held = (held << 6) | VALUE_OF[author.charCodeAt(i)];
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      if (at < AUTHOR_BYTES) bytes[at++] = held >> bits;
      held &= (1 << bits) - 1;
    }
  }
  return bytes;
}

/** The id of an author's node number so and so. */
export function nodeId(author: Author, number: number): NodeId {
  return author + digitsOf(number) as NodeId;
}

/** The author within a node id. */
export function creatorOf(node: NodeId): Author {
  return node.slice(0, AUTHOR_DIGITS) as Author;
}

/** The author's number within a node id. */
export function numberOf(node: NodeId): number {
  return numberOfDigits(node.slice(AUTHOR_DIGITS)) ?? 0;
}

/** A text that is an author's, or undefined. */
export function parseAuthor(text: string): Author | undefined {
  if (text.length !== AUTHOR_DIGITS) return undefined;
  for (let i = 0; i < AUTHOR_DIGITS; i++) if (valueOf(text, i) === 255) return undefined;
  // 64 bits fill ten digits and four bits of the last.
  return (VALUE_OF[text.charCodeAt(AUTHOR_DIGITS - 1)] & 3) === 0 ? text as Author : undefined;
}

/** A text that is a node id, written in the one way that it has, or undefined. */
export function parseNodeId(text: string): NodeId | undefined {
  if (!parseAuthor(text.slice(0, AUTHOR_DIGITS))) return undefined;
  return numberOfDigits(text.slice(AUTHOR_DIGITS)) === undefined ? undefined : text as NodeId;
}

/** Digits of a number from 0 to 2^48 − 1, without leading zeros. */
export function digitsOf(number: number): string {
  if (!Number.isSafeInteger(number) || number < 0 || number > NUMBER_MAX) {
    throw new RangeError(`${number} is no number from 0 to ${NUMBER_MAX}`);
  }
  let text = "";
  do {
    text = DIGITS[number % 64] + text;
    number = Math.floor(number / 64);
  } while (number > 0);
  return text;
}

/** The number that digits stand for; undefined where digitsOf would have written it otherwise. */
export function numberOfDigits(digits: string): number | undefined {
  if (digits.length === 0 || digits.length > 8 || (digits.length > 1 && digits[0] === DIGITS[0])) {
    return undefined;
  }
  let number = 0;
  for (let i = 0; i < digits.length; i++) {
    const value = valueOf(digits, i);
    if (value === 255) return undefined;
    number = number * 64 + value;
  }
  return number;
}

function valueOf(text: string, i: number): number {
  const code = text.charCodeAt(i);
  return code < 128 ? VALUE_OF[code] : 255;
}
