import { z } from "zod";
import { NineError } from "../../9p/mod.ts";

/**
 * What is told of a copy's whole state, each a message `kind[1] …` of an exchange:
 *
 *     head    JSON: what it is
 *     rows    a piece of them, as rows_stream.ts of the store packs them
 *     pack    pack[4] offset[8] bytes
 *     want    id[32]…              from who takes it: chunks that it has not got
 *     chunks  (id[32] length[4] bytes)…, with a length of 2^32 - 1 and no bytes for one that is not there
 *     end
 *     from    pack[4] offset[8]    from a new copy, once it has all rows: packs from there on
 */
export const STATE = { head: 0, rows: 1, pack: 2, want: 3, chunks: 4, end: 5, from: 6 } as const;

/** A place in the packs, which are told in order. */
export interface PackPlace {
  readonly pack: number;
  readonly offset: number;
}

const head = z.strictObject({
  format: z.number().int().nonnegative(),
  volume: z.string().min(1).max(64),
  /** The columns of the tables that rows are of. */
  tables: z.array(z.strictObject({ name: z.string().max(64), columns: z.array(z.string().max(64)).max(64) }))
    .max(64),
  /** How much there is, to show how far it is. */
  files: z.number().int().nonnegative(),
  bytes: z.number().int().nonnegative(),
});

export type Head = z.infer<typeof head>;

const HEAD_BYTES_MAX = 64 * 1024;
const PACK_AT = 13;

/** A message of that kind. */
export function stateMessage(kind: number, payload: Uint8Array = new Uint8Array()): Uint8Array {
  const message = new Uint8Array(1 + payload.byteLength);
  message[0] = kind;
  message.set(payload, 1);
  return message;
}

export function packHead(value: Head): Uint8Array {
  return stateMessage(STATE.head, new TextEncoder().encode(JSON.stringify(value)));
}

/** EINVAL for what is none. */
export function parseHead(message: Uint8Array): Head {
  try {
    if (message[0] !== STATE.head || message.byteLength > HEAD_BYTES_MAX) throw new Error("none came");
    return head.parse(JSON.parse(new TextDecoder().decode(message.subarray(1))));
  } catch (thrown) {
    throw new NineError("EINVAL", `A copy's state begins with what it is: ${(thrown as Error).message}`);
  }
}

/** An empty message for bytes of a pack, and where these go. */
export function newPackMessage(
  { pack, offset }: PackPlace,
  length: number,
  kind: number = STATE.pack,
): { message: Uint8Array; bytes: Uint8Array } {
  const message = new Uint8Array(PACK_AT + length);
  const view = new DataView(message.buffer);
  message[0] = kind;
  view.setUint32(1, pack, true);
  view.setFloat64(5, offset, true);
  return { message, bytes: message.subarray(PACK_AT) };
}

/** EINVAL for what is none. */
export function parsePack(message: Uint8Array): PackPlace & { readonly bytes: Uint8Array } {
  if (message.byteLength < PACK_AT) throw new NineError("EINVAL", "A piece of a pack ends before it begins");
  const view = new DataView(message.buffer, message.byteOffset, message.byteLength);
  return {
    pack: view.getUint32(1, true),
    offset: view.getFloat64(5, true),
    bytes: message.subarray(PACK_AT),
  };
}

/** What a new copy says that has all rows. */
export function packFrom(place: PackPlace): Uint8Array {
  return newPackMessage(place, 0, STATE.from).message;
}

/** EINVAL for what is none. */
export function parseFrom(message: Uint8Array): PackPlace {
  const { pack, offset } = parsePack(message);
  const isPlace = Number.isSafeInteger(offset) && offset >= 0;
  if (message[0] !== STATE.from || message.byteLength !== PACK_AT || !isPlace) {
    throw new NineError("EINVAL", "A new copy says from where on it lacks contents, and nothing else");
  }
  return { pack, offset };
}
