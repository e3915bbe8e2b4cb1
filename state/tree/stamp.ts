import { type Author, AUTHOR_DIGITS, digitsOf, numberOfDigits, parseAuthor } from "./id.ts";

/**
 * When and by whom something was written: Lamport's clock of the author's copy, and the author. No author uses one time twice, so a stamp
 * names what it stamps, and of two stamps of which one was made with the other in sight, that one is the higher.
 * https://lamport.azurewebsites.net/pubs/time-clocks.pdf
 */
export interface Stamp {
  /** 1 to 2^48 − 1. */
  readonly at: number;
  readonly author: Author;
}

/** The text of a stamp: the name of a version of a file's content. */
export type VersionId = string & { readonly version: unique symbol };

export function versionId({ at, author }: Stamp): VersionId {
  return author + digitsOf(at) as VersionId;
}

export function parseVersionId(text: string): Stamp | undefined {
  const author = parseAuthor(text.slice(0, AUTHOR_DIGITS));
  const at = numberOfDigits(text.slice(AUTHOR_DIGITS));
  return author === undefined || at === undefined ? undefined : { at, author };
}

/** Below 0 where `a` is the lower. */
export function compareStamps(a: Stamp, b: Stamp): number {
  return a.at - b.at || compareText(a.author, b.author);
}

/** By code units, the same on every machine; never by a locale. */
export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** By bytes, the shorter first where one begins the other. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) if (a[i] !== b[i]) return a[i] - b[i];
  return a.length - b.length;
}
