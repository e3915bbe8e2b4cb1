import { NineError } from "../../9p/mod.ts";

/**
 * The words of a command line, rc(1) quoting: words are apart by blanks, `'…'` holds blanks, and `''` inside it is one
 * quote.
 */
export function splitWords(line: string): string[] {
  const words: string[] = [];
  const pattern = /\s*(?:'((?:[^']|'')*)'|([^\s']+))(?=\s|$)/y;
  const text = line.trimEnd();
  while (pattern.lastIndex < text.length) {
    const at = pattern.lastIndex;
    const match = pattern.exec(text);
    if (!match) {
      throw new NineError(
        "EINVAL",
        `The quotes do not match from ${JSON.stringify(text.slice(at))} on: write '' for a quote`,
      );
    }
    words.push(match[1]?.replaceAll("''", "'") ?? match[2]);
  }
  return words;
}

/** The word as `splitWords` reads it back. */
export function quoteWord(word: string): string {
  return word !== "" && !/[\s']/.test(word) ? word : `'${word.replaceAll("'", "''")}'`;
}
