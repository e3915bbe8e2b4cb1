import { createHash } from "node:crypto";
import { type CopyKey, KEY_BYTES, SIGNATURE_BYTES, verifySignature } from "../record/mod.ts";
import { type Author, compareBytes, Malformed, Packer, Unpacker } from "../tree/mod.ts";
import { type Numbers, packNumbers, unpackNumbers } from "./vector.ts";

/**
 * What a copy says of itself: that it has all these records, durably. Other copies spread it, so that each knows of every registered one what that has, also of
 * those that it never meets.
 */
export interface Statement {
  /** The public key of the copy. */
  readonly key: Uint8Array;
  /** Who the copy writes as. */
  readonly author: Author;
  /** What it has, its own records among them. */
  readonly numbers: Numbers;
  /** Seconds since 1970, whole. */
  readonly time: number;
  readonly signature: Uint8Array;
}

const TIME_MAX = 2 ** 40;
/** Of a digest of all statements. */
export const DIGEST_BYTES = 16;
/** One that is longer tells of more authors than a message has room for. */
export const STATEMENT_BYTES_MAX = 512 * 1024;

export function sign(said: Pick<Statement, "author" | "numbers" | "time">, key: CopyKey): Statement {
  const { author, numbers, time } = said;
  const statement = { author, numbers, time, key: key.publicKey };
  return { ...statement, signature: key.sign(hashOf(statement)) };
}

/** Whether the holder of the key said so. */
export function isSigned(statement: Statement): boolean {
  return verifySignature(statement.key, hashOf(statement), statement.signature);
}

/** Whose statement it is: who signs as one author may not speak for another key. */
export function speakerOf({ key, author }: Pick<Statement, "key" | "author">): string {
  return author + String.fromCharCode(...key);
}

/** Whether `a` is what the incarnation said later than `b`: what a copy has only grows. */
export function isNewer(a: Statement, b: Statement): boolean {
  const [inA, inB] = [total(a), total(b)];
  return inA > inB || inA === inB && a.time > b.time;
}

function total({ numbers }: Statement): number {
  let sum = 0;
  for (const number of numbers.values()) sum += number;
  return sum;
}

/** The same for the same statements, in whatever order they come. */
export function digestOf(statements: Iterable<Statement>): Uint8Array {
  const hash = createHash("sha256");
  for (const each of Array.from(statements, hashOf).sort(compareBytes)) hash.update(each);
  return new Uint8Array(hash.digest()).slice(0, DIGEST_BYTES);
}

/** `key author time numbers signature` */
export function packStatement({ key, author, time, numbers, signature }: Statement): Uint8Array {
  const packer = new Packer().raw(key).author(author).number(time);
  return packNumbers(packer, numbers).raw(signature).take();
}

/** Throws Malformed for what packStatement would not have written. */
export function unpackStatement(bytes: Uint8Array): Statement {
  if (bytes.length > STATEMENT_BYTES_MAX) {
    throw new Malformed(`A statement has ${bytes.length} bytes, and at most ${STATEMENT_BYTES_MAX}`);
  }
  const unpacker = new Unpacker(bytes);
  const key = unpacker.raw(KEY_BYTES);
  const author = unpacker.author();
  const time = unpacker.number(TIME_MAX);
  const numbers = unpackNumbers(unpacker);
  const signature = unpacker.raw(SIGNATURE_BYTES);
  unpacker.end();
  return { key, author, time, numbers, signature };
}

function hashOf({ key, author, time, numbers }: Omit<Statement, "signature">): Uint8Array {
  const hash = createHash("sha256").update(`lux9 statement 1:${author}:${time}:`).update(key);
  const sorted = [...numbers].sort(([a], [b]) => a < b ? -1 : 1);
  for (const [author, number] of sorted) hash.update(`${author}:${number}:`);
  return new Uint8Array(hash.digest());
}
