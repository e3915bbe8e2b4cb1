import assert from "node:assert/strict";
import type { Log } from "./mod.ts";

/** Bytes that tell from which record they are, and where in it. */
export function payloadOf(number: number, length = 10 + number * 37 % 90): Uint8Array {
  const payload = new Uint8Array(length);
  for (let i = 0; i < length; i++) payload[i] = number * 31 + i * 7 + (i >> 8);
  return payload;
}

/** Appends records whose payloads are of their numbers. */
export function fill(log: Log, count: number): void {
  for (let i = 0; i < count; i++) log.append((log.last + 1) % 256, payloadOf(log.last + 1));
}

/** The numbers of the records that a log has, each of which is checked to be what `fill` wrote. */
export function contents(log: Log, from = 1): number[] {
  const numbers = [];
  for (const { number, type, payload } of log.records(from, () => {})) {
    assert.equal(type, number % 256);
    assert.deepEqual(payload, payloadOf(number));
    numbers.push(number);
  }
  return numbers;
}
