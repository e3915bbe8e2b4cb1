import { type Author, type DocId, Malformed, Packer, parseDocId, Unpacker } from "../tree/mod.ts";
import { KEY_BYTES, SIGNATURE_BYTES } from "./copy_key.ts";
import { HASH_BYTES, hashOf, type Record, RECORD_BYTES_MAX, type SignedRecord } from "./record.ts";

const VOUCHES_MAX = 64;
/** A record tells of so many authors at most that its writer had seen them; whoever saw more writes several. */
export const SEEN_MAX = 4096;
const NUMBER_MAX = 2 ** 48 - 1;
const TIME_MAX = 2 ** 40;
const DOC_BYTES_MAX = 64;

/** `author number previous time key vouches seen changes signature`; the hash is not told, as everybody makes it. */
export function packRecord({ record, signature }: SignedRecord): Uint8Array {
  const { author, number, previous, time, key, vouches, seen, changes } = record;
  const packer = new Packer().author(author).number(number).raw(previous).number(time);
  packer.bytes(key ?? new Uint8Array()).number(vouches.length);
  for (const each of vouches) packer.raw(each);
  packer.number(seen.length);
  for (const { author, number } of seen) packer.author(author).number(number);
  packer.number(changes.size);
  for (const [doc, puts] of changes) packer.text(doc).bytes(puts);
  return packer.raw(signature).take();
}

/** Throws Malformed for what packRecord would not have written. */
export function unpackRecord(bytes: Uint8Array): SignedRecord {
  if (bytes.length > RECORD_BYTES_MAX) {
    throw new Malformed(`A record has ${bytes.length} bytes, and at most ${RECORD_BYTES_MAX}`);
  }
  const unpacker = new Unpacker(bytes);
  const author = unpacker.author();
  const number = unpacker.number(NUMBER_MAX);
  if (number === 0) throw new Malformed("A record has number 0, where the first has 1");
  const previous = unpacker.raw(HASH_BYTES);
  const time = unpacker.number(TIME_MAX);
  const key = unpacker.bytes(KEY_BYTES);
  if (key.length !== 0 && key.length !== KEY_BYTES) {
    throw new Malformed(`A key has ${key.length} bytes, not ${KEY_BYTES}`);
  }
  const vouches = Array.from({ length: unpacker.number(VOUCHES_MAX) }, () => unpacker.raw(KEY_BYTES));
  const seen = Array.from({ length: unpacker.number(SEEN_MAX) }, () => ({
    author: unpacker.author(),
    number: unpacker.number(NUMBER_MAX),
  }));
  if (new Set(seen.map(({ author }) => author)).size < seen.length) {
    throw new Malformed("An author is seen twice in one record");
  }
  const changes = new Map<DocId, Uint8Array>();
  // Each takes two bytes at least.
  for (let left = unpacker.number(bytes.length / 2); left > 0; left--) {
    const doc = parseDocId(unpacker.text(DOC_BYTES_MAX));
    if (doc === undefined || changes.has(doc)) {
      throw new Malformed("A document's name is none, or told twice");
    }
    changes.set(doc, unpacker.bytes(RECORD_BYTES_MAX));
  }
  const signature = unpacker.raw(SIGNATURE_BYTES);
  unpacker.end();
  const record: Record = {
    ...{ author, number, previous, time, vouches, seen, changes },
    ...key.length > 0 ? { key } : {},
  };
  return { record, hash: hashOf(record), signature };
}

/** What a copy keeps of an author, as text for a database. */
export function packSeen(seen: ReadonlyMap<Author, number>): Uint8Array {
  const packer = new Packer().number(seen.size);
  for (const [author, number] of seen) packer.author(author).number(number);
  return packer.take();
}

export function unpackSeen(bytes: Uint8Array): Map<Author, number> {
  const unpacker = new Unpacker(bytes);
  const seen = new Map<Author, number>();
  for (let left = unpacker.number(bytes.length); left > 0; left--) {
    seen.set(unpacker.author(), unpacker.number(NUMBER_MAX));
  }
  unpacker.end();
  return seen;
}
