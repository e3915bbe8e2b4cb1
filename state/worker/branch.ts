import { createHash, randomBytes } from "node:crypto";
import type { DatabaseSync } from "node:sqlite";
import { automerge } from "../automerge/mod.ts";
import { type CopyKey, hashOf, type Record, type Seen, type SignedRecord } from "../record/mod.ts";
import { type IndexWriter, type Journal, StoredDocuments } from "../store/mod.ts";
import {
  type Author,
  AUTHOR_BYTES,
  authorBytes,
  authorOf,
  directoryOf,
  type DocId,
  type Key,
  packPuts,
  packValue,
  parseKey,
  parseNodeId,
  Renaming,
  unpackPuts,
  unpackValue,
  type VersionId,
} from "../tree/mod.ts";

export interface BranchOptions {
  readonly db: DatabaseSync;
  readonly index: IndexWriter;
  readonly journal: Journal;
  readonly key: CopyKey;
  /** Who this copy writes as. */
  readonly self: Author;
}

/** What stands in a key of a document from now on. */
export type RenamedKey = readonly [DocId, Key, readonly Uint8Array[]];

/** The records of one author from one on, which are to be another's. */
interface Branch {
  /** The first of them. */
  readonly from: number;
  readonly previous: Uint8Array;
  /** What the author had seen before that. */
  readonly before: Map<Author, number>;
  /** Who writes them from now on, with the key of this copy. */
  readonly author: Author;
  number: number;
  hash: Uint8Array;
  readonly seen: Map<Author, number>;
}

interface Row {
  readonly id: number;
  readonly signed: SignedRecord;
}

const ROWS_AT_ONCE = 256;

/**
 * Two copies wrote as one author from record `number` on, and this one gives way: what its chain has from there on, and all that came after it here, becomes records of new
 * authors of its own, as if it had had another name all along. Everything stays as it is but for names: each node, version and further name that was made in these records gets another, so that
 * both copies' can be in one tree. All in the transaction that is open, which has done nothing else. Gives what is to stand in keys of documents after it, for whoever keeps the tree: the time that it takes is in proportion to
 * what these records did.
 *
 * What these names are follows from the records alone: copies that have the same ones and give way each for itself come to the same files and versions, not to two of each.
 */
export function giveWay(options: BranchOptions, author: Author, number: number): RenamedKey[] {
  const { index, journal, self } = options;
  const { branches, rows } = branchesFrom(journal, author, number);
  const renaming = new Renaming();
  for (const { signed: { record, hash } } of rows) {
    const { author, number } = record;
    if (branches.get(author)!.from === number) renaming.branch(author, nameOf(author, number, hash));
    renaming.learn(author, Array.from(record.changes, ([doc, bytes]) => [doc, unpackPuts(bytes)] as const));
  }
  const touched = new Set(rows.flatMap(({ signed }) => [...signed.record.changes.keys()]));
  // They are made of records, so they come first.
  const renamed = renamedKeys(options, branches, renaming, touched);
  renameFiles(options.db, renaming);
  for (const row of rows) rewrite(options, row, branches, renaming);
  for (const [author, { from, previous, before, ...as }] of branches) {
    const { key } = journal.authors.get(author)!;
    journal.setAuthor(author, from > 1 ? { key, number: from - 1, hash: previous, seen: before } : undefined);
    journal.setAuthor(as.author, { ...as, key: options.key.publicKey });
  }
  // Who said to have these records meant the others, or has them under other names before long. That it was heard of still counts.
  options.db.exec(
    "UPDATE copy SET since = max(since, (SELECT coalesce(max(time), 0) FROM statement WHERE key = copy.key))",
  );
  options.db.exec("DELETE FROM statement");
  const own = branches.get(self);
  if (own !== undefined) index.setMeta("incarnation", authorBytes(own.author));
  return renamed;
}

/** The records from that one on, and those whose writers had seen any of them, in order. */
function branchesFrom(
  journal: Journal,
  author: Author,
  number: number,
): { branches: Map<Author, Branch>; rows: Row[] } {
  const branches = new Map<Author, Branch>();
  const rows: Row[] = [];
  const numbers = new Map(Array.from(journal.authors.entries(), ([each, state]) => {
    const oldest = journal.oldest(each);
    return [each, oldest === undefined ? state.number : oldest - 1] as const;
  }));
  const isIn = (each: Author, upTo: number) => upTo >= (branches.get(each)?.from ?? Infinity);
  for (let id = 0;;) {
    const page = journal.after(id, ROWS_AT_ONCE);
    for (const { id: at, ...signed } of page) {
      id = at;
      const { record } = signed;
      const isFirst = record.author === author && record.number === number;
      if (
        isFirst || isIn(record.author, record.number) ||
        record.seen.some((each) => isIn(each.author, each.number))
      ) {
        if (!branches.has(record.author)) branches.set(record.author, branchAt(record, numbers));
        rows.push({ id, signed });
      }
      numbers.set(record.author, record.number);
    }
    if (page.length < ROWS_AT_ONCE) break;
  }
  for (const [each, branch] of branches) {
    noteBefore(journal, each, branch, rows, numbersBefore(branches, branch.before));
  }
  return { branches, rows };
}

function branchAt({ number, previous }: Record, numbers: ReadonlyMap<Author, number>): Branch {
  return {
    ...{ from: number, previous, before: new Map(numbers), seen: new Map() },
    ...{ author: authorOf(new Uint8Array(randomBytes(AUTHOR_BYTES))), number: 0, hash: new Uint8Array(32) },
  };
}

/** What was here when the branch began, without what is in another branch. */
function numbersBefore(
  branches: ReadonlyMap<Author, Branch>,
  numbers: ReadonlyMap<Author, number>,
): Map<Author, number> {
  return new Map(
    Array.from(
      numbers,
      ([author, number]) => [author, Math.min(number, (branches.get(author)?.from ?? Infinity) - 1)],
    ),
  );
}

/**
 * What an author had seen before a branch of its records: of an author of whom it saw nothing new since, what it has seen at all; of others as much as was here then, and
 * less than it saw afterwards.
 */
function noteBefore(
  journal: Journal,
  author: Author,
  { before }: Branch,
  rows: readonly Row[],
  here: ReadonlyMap<Author, number>,
): void {
  const firstNews = new Map<Author, number>();
  for (const { signed: { record } } of rows) {
    if (record.author !== author) continue;
    for (const { author: other, number } of record.seen) {
      if (!firstNews.has(other)) firstNews.set(other, number);
    }
  }
  const all = journal.authors.get(author)!.seen;
  before.clear();
  for (const [other, number] of all) {
    const news = firstNews.get(other);
    const seen = news === undefined ? number : Math.min(news - 1, here.get(other) ?? 0);
    if (seen > 0) before.set(other, seen);
  }
}

/** The name of what was made in a branch, which all copies give to it. */
function nameOf(author: Author, number: number, hash: Uint8Array): Author {
  const digest = createHash("sha256").update(`lux9 branch 1:${author}:${number}:`).update(hash).digest();
  return authorOf(new Uint8Array(digest.subarray(0, AUTHOR_BYTES)));
}

function rewrite(
  { journal, key }: BranchOptions,
  { id, signed: { record } }: Row,
  branches: ReadonlyMap<Author, Branch>,
  renaming: Renaming,
): void {
  const branch = branches.get(record.author)!;
  const { from, before, author, number, hash: previous, seen } = branch;
  const isFirst = number === 0;
  const told = [...record.seen];
  if (isFirst) {
    told.push(...Array.from(before, ([author, number]) => ({ author, number })));
    if (from > 1) told.push({ author: record.author, number: from - 1 });
  }
  const news = newsIn(told, branches, seen);
  for (const each of news) seen.set(each.author, each.number);
  const next: Record = {
    ...{ author, number: number + 1, previous, time: record.time, vouches: record.vouches, seen: news },
    ...isFirst ? { key: key.publicKey } : {},
    changes: new Map(Array.from(record.changes, ([doc, bytes]) => {
      const puts = unpackPuts(bytes).map(({ key, payload }) => ({
        key: renaming.key(key),
        payload: payload && renaming.payload(doc, key, payload),
      }));
      return [renaming.doc(doc), packPuts(puts)];
    })),
  };
  const hash = hashOf(next);
  journal.replace(id, { record: next, hash, signature: key.sign(hash) });
  Object.assign(branch, { number: number + 1, hash });
}

/** What was seen by the names of now, each author once, without what had been seen before. */
function newsIn(
  told: readonly Seen[],
  branches: ReadonlyMap<Author, Branch>,
  before: ReadonlyMap<Author, number>,
): Seen[] {
  const news = new Map<Author, number>();
  const note = (author: Author, number: number) => {
    if (number > Math.max(before.get(author) ?? 0, news.get(author) ?? 0)) news.set(author, number);
  };
  for (const { author, number } of told) {
    const branch = branches.get(author);
    note(author, Math.min(number, (branch?.from ?? Infinity) - 1));
    if (branch !== undefined && number >= branch.from) note(branch.author, number - branch.from + 1);
  }
  return Array.from(news, ([author, number]) => ({ author, number }));
}

/** What documents have that was set by these records, by the names of now; every document is saved, as what it was made of is about to be something else. */
function renamedKeys(
  { db, journal }: BranchOptions,
  branches: ReadonlyMap<Author, Branch>,
  renaming: Renaming,
  touched: ReadonlySet<DocId>,
): RenamedKey[] {
  const documents = new StoredDocuments(db, automerge);
  const rename = db.prepare("UPDATE untrimmed SET doc = ? WHERE doc = ?");
  const renamed: RenamedKey[] = [];
  for (const id of touched) {
    const old = documents.get(id);
    if (old === undefined) continue;
    const doc = renaming.doc(id);
    if (doc !== id) rename.run(doc, id);
    for (const key of old.keys()) {
      const node = parseKey(key)?.node ?? directoryOf(id);
      const nextKey = renaming.key(key);
      const nextNode = parseKey(nextKey)?.node ?? directoryOf(doc);
      let isOther = doc !== id || nextKey !== key;
      const values = old.get(key).map((value) => {
        const { dot, payload } = unpackValue(value, node);
        const branch = branches.get(dot.author);
        const isIn = branch !== undefined && dot.number >= branch.from;
        const next = isIn ? { author: branch.author, number: dot.number - branch.from + 1 } : dot;
        isOther ||= isIn;
        return packValue(renaming.payload(id, key, payload), nextNode, next);
      });
      if (!isOther) continue;
      if (doc !== id || nextKey !== key) renamed.push([id, key, []]);
      renamed.push([doc, nextKey, values]);
    }
    documents.settle(id, journal.lastId);
  }
  documents.free();
  return renamed;
}

/** The index calls files by the names of the tree. */
function renameFiles(db: DatabaseSync, renaming: Renaming): void {
  const update = db.prepare("UPDATE node SET id = ? WHERE ino = ?");
  for (const { ino, id } of db.prepare("SELECT ino, id FROM node").all() as { ino: number; id: string }[]) {
    const [whole, left] = id.split("!");
    const [first, version] = whole.split("~");
    const node = parseNodeId(first);
    if (node === undefined) continue;
    const renamed = renaming.node(node) +
      (version === undefined ? "" : `~${renaming.version(version as VersionId)}`) +
      (left === undefined ? "" : `!${left}`);
    if (renamed !== id) update.run(renamed, ino);
  }
}
