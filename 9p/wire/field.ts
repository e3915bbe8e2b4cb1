/** The kinds of fields that messages are made of: how each is read, written, shown and made up for a fuzz test. */
import { escapeJson } from "../escape.ts";
import type { Qid, U64 } from "../qid.ts";
import type { Reader } from "./reader.ts";
import type { Writer } from "./writer.ts";

export interface Field<T> {
  read(from: Reader): T;
  write(to: Writer, value: T): void;
  show(value: T): string;
  /** Any legal value. `random(n)` is a whole number from 0 to n - 1. */
  any(random: Random): T;
}

export type Random = (below: number) => number;

export type Dialect = "9P2000" | "9P2000.u" | "9P2000.L";
export const DIALECTS: readonly Dialect[] = ["9P2000", "9P2000.u", "9P2000.L"];

/** A field that only some dialects carry; the others give and take `absent`. */
export interface DialectField<T> extends Field<T> {
  readonly dialects: readonly Dialect[];
  readonly absent: T;
}

export const u8: Field<number> = {
  read: (from) => from.u8(),
  write: (to, value) => to.u8(value),
  show: String,
  any: (random) => random(2 ** 8),
};

export const u16: Field<number> = {
  read: (from) => from.u16(),
  write: (to, value) => to.u16(value),
  show: String,
  any: (random) => random(2 ** 16),
};

export const u32: Field<number> = {
  read: (from) => from.u32(),
  write: (to, value) => to.u32(value),
  show: (value) => value === 0xffffffff ? "~0" : String(value),
  any: (random) => pick(random, [0, 1, 2 ** 31, 2 ** 32 - 1]) ?? random(2 ** 32),
};

/** Unix modes and flags, shown in octal. */
export const bits32: Field<number> = { ...u32, show: (value) => "0" + value.toString(8) };

/** Offsets and sizes: doubles, exact below 2^53. */
export const u64: Field<number> = {
  read: (from) => from.u64(),
  write: (to, value) => to.u64(value),
  show: String,
  any: (random) => pick(random, [0, 1, 2 ** 32, 2 ** 53 - 1]) ?? random(2 ** 53),
};

/** Seconds since 1970, with a sign. */
export const seconds: Field<number> = {
  read: (from) => from.i64(),
  write: (to, value) => to.u64(value),
  show: String,
  any: (random) => random(2 ** 40) - random(2 ** 40),
};

/** 64 bits that must survive as they are. */
export const exact64: Field<U64> = {
  read: (from) => from.exact64(),
  write: (to, value) => to.exact64(value),
  show: String,
  any: (random) => random(2) ? random(2 ** 53) : (BigInt(random(2 ** 32)) << 32n) | (1n << 63n),
};

export const string: Field<string> = {
  read: (from) => from.string(),
  write: (to, value) => to.string(value),
  show: escapeJson,
  any: (random) =>
    pick(random, ["", ".", "..", "a/b", "ascii", "größe", "文件", "🐟", "x".repeat(300)]) ??
      Array.from({ length: random(40) }, () => String.fromCodePoint(1 + random(0xd7ff))).join(""),
};

export const qid: Field<Qid> = {
  read: (from) => from.qid(),
  write: (to, value) => to.qid(value),
  show: ({ type, version, path }) => `(${path.toString(16)} ${version} ${showQidType(type)})`,
  any: (random) => ({ type: random(256), version: random(2 ** 32), path: exact64.any(random) }),
};

/** count[4] data[count]. What is read is a view that dies with the request. */
export const data: Field<Uint8Array> = {
  read: (from) => from.bytes(from.u32()),
  write(to, value) {
    to.u32(value.byteLength);
    to.bytes(value);
  },
  show: (value) => `${value.byteLength} bytes`,
  any: (random) => Uint8Array.from({ length: random(200) }, () => random(256)),
};

/** n[2] n*(item), at most `max` items. */
export function list<T>(item: Field<T>, max: number): Field<T[]> {
  return {
    read(from) {
      const count = from.u16();
      // The bound of walk(5) comes before anything is allocated; the caller answers for what is over it.
      if (count > max) {
        from.malformed = true;
        return [];
      }
      const items: T[] = [];
      for (let i = 0; i < count && !from.malformed; i++) items.push(item.read(from));
      return items;
    },
    write(to, value) {
      to.u16(value.length);
      for (const one of value) item.write(to, one);
    },
    show: (value) => `[${value.map(item.show).join(" ")}]`,
    any: (random) => Array.from({ length: random(max + 1) }, () => item.any(random)),
  };
}

/** A field that other dialects than these do not have. */
export function only<T>(dialects: readonly Dialect[], field: Field<T>, absent: T): DialectField<T> {
  return { ...field, dialects, absent };
}

/** A last field that some clients leave out. */
export function optional<T>(field: Field<T>, absent: T): Field<T> {
  return { ...field, read: (from) => from.left === 0 ? absent : field.read(from) };
}

function showQidType(type: number): string {
  const letters = ["d", "a", "l", "m", "A", "t", "L", "k"].filter((_, i) => type & (0x80 >> i)).join("");
  return letters || "f";
}

/** Half of the time one of the edge cases, else undefined. */
function pick<T>(random: Random, cases: readonly T[]): T | undefined {
  return random(2) ? cases[random(cases.length)] : undefined;
}
