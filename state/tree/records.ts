import type { DocId } from "./id.ts";

/**
 * Which records of a node there are: documents, each with the parts of its keys. Packed as text with a zero byte between all of them, a document marked by
 * `@`, such as `@DOC·e·c·@DOC·e`.
 */
export type Records = Map<DocId, Set<string>>;

export function packRecords(records: Records): string {
  const words: string[] = [];
  for (const [doc, parts] of records) words.push("@" + doc, ...parts);
  return words.join("\0");
}

export function unpackRecords(packed: string): Records {
  const records: Records = new Map();
  let parts = new Set<string>();
  if (packed === "") return records;
  for (const word of packed.split("\0")) {
    if (word[0] === "@") records.set(word.slice(1) as DocId, parts = new Set());
    else parts.add(word);
  }
  return records;
}

/** Whether packed records are all of that document. */
export function isOnlyIn(packed: string, doc: DocId): boolean {
  return packed.startsWith(`@${doc}\0`) && packed.indexOf("\0@") < 0;
}
