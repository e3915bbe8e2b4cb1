import { z } from "zod";

/**
 * A file of the cache is the output, then what is known of it as JSON, then `length[4] "lux9"`: the bytes stand first,
 * so that they can be written before anything is known of them.
 */
const MAGIC = new TextEncoder().encode("lux9");
export const TRAILER_BYTES_MAX = 4096;
const FOOT_BYTES = 8;

const schema = z.strictObject({
  /** SHA-256 of the output, hex. */
  hash: z.string().regex(/^[0-9a-f]{64}$/),
  size: z.number().int().nonnegative(),
  /** What the run took: wasmtime's units, microseconds, bytes. */
  fuel: z.number().nonnegative(),
  wallUs: z.number().nonnegative(),
  memoryBytes: z.number().nonnegative(),
});

/** What a result file knows of itself. */
export type About = z.infer<typeof schema>;

/** What is written behind the output. */
export function encodeTrailer(about: About): Uint8Array<ArrayBuffer> {
  const json = new TextEncoder().encode(JSON.stringify(about));
  const bytes = new Uint8Array(json.byteLength + FOOT_BYTES);
  bytes.set(json);
  new DataView(bytes.buffer).setUint32(json.byteLength, json.byteLength, true);
  bytes.set(MAGIC, json.byteLength + 4);
  return bytes;
}

/** Reads the end of a file of `fileBytes`; undefined where it was not written whole. */
export function decodeTrailer(end: Uint8Array, fileBytes: number): About | undefined {
  const foot = end.byteLength - FOOT_BYTES;
  if (foot < 0 || MAGIC.some((byte, i) => end[foot + 4 + i] !== byte)) return undefined;
  const length = new DataView(end.buffer, end.byteOffset, end.byteLength).getUint32(foot, true);
  if (length > foot) return undefined;
  try {
    const about = schema.parse(JSON.parse(new TextDecoder().decode(end.subarray(foot - length, foot))));
    return about.size + length + FOOT_BYTES === fileBytes ? about : undefined;
  } catch {
    return undefined;
  }
}
