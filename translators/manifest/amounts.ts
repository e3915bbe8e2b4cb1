import { z } from "zod";

const BYTES = /^(\d{1,12})\s*(B|KiB|MiB|GiB)?$/;
const BYTE_UNITS: Record<string, number> = { B: 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 };
const TIME = /^(\d{1,9}(?:\.\d{1,3})?)\s*(ms|s|min)$/;
const TIME_UNITS: Record<string, number> = { ms: 1, s: 1000, min: 60_000 };

/** The bytes that `64MiB` stands for; a bare number is bytes. Undefined for what is none. */
export function bytesOf(amount: string | number): number | undefined {
  const [, digits, unit = "B"] = BYTES.exec(String(amount)) ?? [];
  return digits === undefined ? undefined : Number(digits) * BYTE_UNITS[unit];
}

/** The milliseconds that `10s`, `500ms` or `2min` stand for. Undefined for what is none. */
export function millisecondsOf(amount: string): number | undefined {
  const [, digits, unit] = TIME.exec(amount) ?? [];
  return digits === undefined ? undefined : Number(digits) * TIME_UNITS[unit];
}

export function bytesText(max: number): z.ZodType<string | number> {
  return z.union([z.string().max(32), z.number().int()]).refine((amount) => within(bytesOf(amount), max), {
    error: `must be a number of bytes, as 64MiB, from 1 to ${max / 1024 ** 2}MiB`,
  });
}

export function timeText(max: number): z.ZodType<string> {
  return z.string().max(32).refine((amount) => within(millisecondsOf(amount), max), {
    error: `must be a time, as 10s or 500ms, up to ${max / 60_000}min`,
  });
}

function within(amount: number | undefined, max: number): boolean {
  return amount !== undefined && amount >= 1 && amount <= max;
}
