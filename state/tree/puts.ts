import { Malformed, Packer, Unpacker } from "./bytes.ts";
import type { Key } from "./key.ts";

/** A key that was set, or without a value removed. */
export interface Put {
  readonly key: Key;
  /** With its dot (`dot.ts`). */
  readonly value: Uint8Array | undefined;
}

export const KEY_BYTES_MAX = 512;
/** The largest is an edge that was removed by somebody who had seen as many versions as are counted. */
export const VALUE_BYTES_MAX = 256 * 1024;

/** What a record does to one document: `count (key [0 | 1 + length, value])…`. */
export function packPuts(puts: readonly Put[]): Uint8Array {
  const packer = new Packer().number(puts.length);
  for (const { key, value } of puts) {
    packer.text(key).number(value === undefined ? 0 : value.length + 1);
    if (value) packer.raw(value);
  }
  return packer.take();
}

/** Throws Malformed for what packPuts would not have written. */
export function unpackPuts(bytes: Uint8Array): Put[] {
  const unpacker = new Unpacker(bytes);
  // Each takes two bytes at least.
  const count = unpacker.number(bytes.length / 2);
  const puts: Put[] = [];
  for (let i = 0; i < count; i++) {
    const key = unpacker.text(KEY_BYTES_MAX);
    const length = unpacker.number(VALUE_BYTES_MAX + 1);
    puts.push({ key, value: length === 0 ? undefined : unpacker.raw(length - 1) });
  }
  unpacker.end();
  return puts;
}
