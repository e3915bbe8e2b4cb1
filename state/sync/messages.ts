import { HASH_BYTES, KEY_BYTES, RECORD_BYTES_MAX } from "../record/mod.ts";
import { type Author, Malformed, Packer, Unpacker } from "../tree/mod.ts";
import {
  DIGEST_BYTES,
  packStatement,
  type Statement,
  STATEMENT_BYTES_MAX,
  unpackStatement,
} from "./statement.ts";
import { NUMBER_MAX, packVector, unpackVector, type Vector } from "./vector.ts";

/** What two copies say to each other. Each message is one array of bytes, its kind first. */
export type Message =
  | Hello
  | Stranger
  | Statements
  | Records
  | Ack
  | Want
  | Chunks
  | Probe
  | Refuse
  | Done;

/** The first of each side: who it is and what it has. `protocol format` come first for ever, so that each program can tell why it does not go on. */
export interface Hello {
  readonly kind: "hello";
  readonly protocol: number;
  /** Of the volume, as its database tells it. */
  readonly format: number;
  readonly volume: Uint8Array;
  readonly author: Author;
  readonly key: Uint8Array;
  /** For people. */
  readonly name: string;
  readonly vector: Vector;
  /** Of all statements that the sender knows. */
  readonly statements: Uint8Array;
}

/** A hello in another protocol, of which nothing but this can be read. */
export interface Stranger {
  readonly kind: "stranger";
  readonly protocol: number;
  readonly format: number;
}

/** What copies have, as they said it: after the hellos, where the two sides do not know the same. */
export interface Statements {
  readonly kind: "statements";
  readonly statements: readonly Statement[];
  /** No more come of them. */
  readonly isLast: boolean;
}

/**
 * Records as packRecord packs them, in an order in which nothing comes before what its writer had seen. At the end of a search by probes it is the sender's record from which on two chains differ, or none
 * where that has gone.
 */
export interface Records {
  readonly kind: "records";
  readonly records: readonly Uint8Array[];
  readonly isLast: boolean;
}

/** So many of the records that came in this session are applied and durable, or refused. */
export interface Ack {
  readonly kind: "ack";
  readonly count: number;
}

export interface Want {
  readonly kind: "want";
  readonly ids: readonly Uint8Array[];
}

export interface Chunks {
  readonly kind: "chunks";
  /** Without bytes where the sender has not got it. */
  readonly chunks: readonly { readonly id: Uint8Array; readonly bytes: Uint8Array | undefined }[];
}

/** Hashes of some of an author's records, to find out from which one on two chains differ. */
export interface Probe {
  readonly kind: "probe";
  readonly author: Author;
  readonly samples: readonly { readonly number: number; readonly hash: Uint8Array }[];
}

/** What the sender does not take: a record and all that follow it (`record`, `later`), or the whole session. */
export interface Refuse {
  readonly kind: "refuse";
  readonly code: RefuseCode;
  /** Whose record it is about, where it is about one. */
  readonly author: Author | undefined;
  readonly number: number;
  /** For people and the log. */
  readonly reason: string;
}

/** Everything that the receiver lacked was sent and acknowledged, and nothing is wanted of it any more. */
export interface Done {
  readonly kind: "done";
  /** What the sender has now, where that is not what it said before. */
  readonly statement: Statement | undefined;
}

/** Only added to at the end, and only with a new protocol number. */
const CODES = [
  /** A record that no copy takes. */
  "record",
  /** A record that cannot be taken yet. */
  "later",
  "protocol",
  "format",
  "volume",
  /** A message that is none, or that nobody asked for. */
  "message",
  /** Two records of one author with one number. */
  "fork",
  /** The receiver has more of the sender's own records than the sender itself. */
  "older",
  /** The receiver lacks records that the sender has let go of. */
  "gone",
  /** The sender cannot go on: its disk, its database. */
  "failed",
] as const;
export type RefuseCode = typeof CODES[number];

export const PROTOCOL = 1;
export const MESSAGE_BYTES_MAX = 2 * 1024 * 1024;
/** What a message is filled up to. One thing that is larger goes alone. */
export const FILL_BYTES = 1024 * 1024;
export const WANT_MAX = 128;
export const SAMPLES_MAX = 32;
export const ID_BYTES = 32;
export const CHUNK_BYTES_MAX = 1024 * 1024;
export const REASON_BYTES_MAX = 1024;
const VOLUME_BYTES_MAX = 64;
const NAME_BYTES_MAX = 255;
const FORMAT_MAX = 2 ** 32;
/** Names it to whatever else may listen: "lux9 sync". */
const MAGIC = new TextEncoder().encode("lux9sync");

const KINDS = ["hello", "statements", "records", "ack", "want", "chunks", "probe", "refuse", "done"] as const;

export function packMessage(message: Exclude<Message, Stranger>): Uint8Array {
  // Before the packer of the message begins, as all packers share one buffer.
  const statements = message.kind === "statements"
    ? message.statements.map(packStatement)
    : message.kind === "done" && message.statement
    ? [packStatement(message.statement)]
    : [];
  const packer = new Packer().u8(KINDS.indexOf(message.kind) + 1);
  switch (message.kind) {
    case "hello":
      packer.raw(MAGIC).number(message.protocol).number(message.format).bytes(message.volume);
      packer.author(message.author).raw(message.key).text(message.name);
      return packVector(packer, message.vector).raw(message.statements).take();
    case "statements":
      packer.u8(message.isLast ? 1 : 0).number(statements.length);
      for (const each of statements) packer.bytes(each);
      return packer.take();
    case "records":
      packer.u8(message.isLast ? 1 : 0).number(message.records.length);
      for (const each of message.records) packer.bytes(each);
      return packer.take();
    case "ack":
      return packer.number(message.count).take();
    case "want":
      packer.number(message.ids.length);
      for (const id of message.ids) packer.raw(id);
      return packer.take();
    case "chunks":
      packer.number(message.chunks.length);
      for (const { id, bytes } of message.chunks) {
        packer.raw(id).number(bytes ? bytes.length + 1 : 0);
        if (bytes) packer.raw(bytes);
      }
      return packer.take();
    case "probe":
      packer.author(message.author).number(message.samples.length);
      for (const { number, hash } of message.samples) packer.number(number).raw(hash);
      return packer.take();
    case "refuse":
      packer.u8(CODES.indexOf(message.code)).u8(message.author ? 1 : 0);
      if (message.author) packer.author(message.author).number(message.number);
      return packer.bytes(cut(message.reason)).take();
    case "done":
      return packer.bytes(statements[0] ?? new Uint8Array()).take();
  }
}

/** Throws Malformed for what packMessage would not have written. */
export function unpackMessage(bytes: Uint8Array): Message {
  if (bytes.length > MESSAGE_BYTES_MAX) {
    throw new Malformed(`A message has ${bytes.length} bytes, and at most ${MESSAGE_BYTES_MAX}`);
  }
  const unpacker = new Unpacker(bytes);
  const number = unpacker.u8();
  const kind = KINDS[number - 1];
  if (kind === undefined) {
    throw new Malformed(`A message is of kind ${number}, and there are ${KINDS.length}`);
  }
  const message = unpackRest(kind, unpacker, bytes.length);
  if (message.kind !== "stranger") unpacker.end();
  return message;
}

function unpackRest(kind: typeof KINDS[number], unpacker: Unpacker, length: number): Message {
  switch (kind) {
    case "hello": {
      if (unpacker.raw(MAGIC.length).some((byte, i) => byte !== MAGIC[i])) {
        throw new Malformed("What speaks there is no copy of a volume");
      }
      const [protocol, format] = [unpacker.number(FORMAT_MAX), unpacker.number(FORMAT_MAX)];
      if (protocol !== PROTOCOL) return { kind: "stranger", protocol, format };
      return {
        ...{ kind, protocol, format },
        volume: unpacker.bytes(VOLUME_BYTES_MAX),
        author: unpacker.author(),
        key: unpacker.raw(KEY_BYTES),
        name: unpacker.text(NAME_BYTES_MAX),
        vector: unpackVector(unpacker),
        statements: unpacker.raw(DIGEST_BYTES),
      };
    }
    case "statements": {
      const isLast = flag(unpacker);
      const statements = times(unpacker, length, () => unpackStatement(unpacker.bytes(STATEMENT_BYTES_MAX)));
      if (statements.length === 0 && !isLast) throw new Malformed("A message of statements has none");
      return { kind, isLast, statements };
    }
    case "records": {
      const isLast = flag(unpacker);
      const records = times(unpacker, length, () => unpacker.bytes(RECORD_BYTES_MAX));
      if (records.length === 0 && !isLast) throw new Malformed("A message of records has none");
      return { kind, isLast, records };
    }
    case "ack":
      return { kind, count: unpacker.number(NUMBER_MAX) };
    case "want":
      return { kind, ids: times(unpacker, WANT_MAX, () => unpacker.raw(ID_BYTES)) };
    case "chunks":
      return {
        kind,
        chunks: times(unpacker, WANT_MAX, () => {
          const id = unpacker.raw(ID_BYTES);
          const size = unpacker.number(CHUNK_BYTES_MAX + 1);
          return { id, bytes: size === 0 ? undefined : unpacker.raw(size - 1) };
        }),
      };
    case "probe":
      return {
        kind,
        author: unpacker.author(),
        samples: times(unpacker, SAMPLES_MAX, () => ({
          number: unpacker.number(NUMBER_MAX),
          hash: unpacker.raw(HASH_BYTES),
        })),
      };
    case "refuse": {
      const code = CODES[unpacker.u8()];
      if (code === undefined) throw new Malformed("It is refused for a reason that there is not");
      const author = flag(unpacker) ? unpacker.author() : undefined;
      const number = author === undefined ? 0 : unpacker.number(NUMBER_MAX);
      return { kind, code, author, number, reason: unpacker.text(REASON_BYTES_MAX) };
    }
    case "done": {
      const packed = unpacker.bytes(STATEMENT_BYTES_MAX);
      return { kind, statement: packed.length > 0 ? unpackStatement(packed) : undefined };
    }
  }
}

function flag(unpacker: Unpacker): boolean {
  const value = unpacker.u8();
  if (value > 1) throw new Malformed(`A flag is ${value}`);
  return value === 1;
}

/** As many as are told, of which each takes a byte at least; not allocated before they are there. */
function times<T>(unpacker: Unpacker, max: number, one: () => T): T[] {
  const all: T[] = [];
  for (let left = unpacker.number(max); left > 0; left--) all.push(one());
  return all;
}

/** A reason as UTF-8, at most so long as is allowed, without a character cut in two. */
function cut(reason: string): Uint8Array {
  const bytes = new Uint8Array(REASON_BYTES_MAX);
  const { written } = new TextEncoder().encodeInto(reason, bytes);
  return bytes.subarray(0, written);
}
