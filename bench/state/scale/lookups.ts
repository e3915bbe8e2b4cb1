import { frame, type RawClient, ROOT_FID, text, Type, u16, u32, u64 } from "../../raw.ts";
import { quantile } from "./figure.ts";

/** getattr's mask for everything basic. */
const ALL = 0x7ffn;
const LOOKUPS = 5000;
const READ_BYTES = 65_000;
const DIR_FID = 1_000_000;
/** Fids that a walk of everything has at once. */
const WINDOW = 500;

export interface Lookups {
  readonly p50Us: number;
  readonly p99Us: number;
}

/** A walk to a file and its attributes, one file after the other, taken at random by `path`. */
export async function lookups(client: RawClient, path: () => readonly string[]): Promise<Lookups> {
  const samples: number[] = [];
  for (let i = 0; i < LOOKUPS; i++) {
    const names = path();
    const began = performance.now();
    await client.ask(walkTo(1, names));
    await client.ask(frame(Type.Tgetattr, 1, u32(1), u64(ALL)));
    samples.push((performance.now() - began) * 1000);
    await client.ask(frame(Type.Tclunk, 1, u32(1)));
  }
  return { p50Us: quantile(samples, 0.5), p99Us: quantile(samples, 0.99) };
}

/** Every name of a directory, and how long that took. */
export async function listing(
  client: RawClient,
  path: readonly string[],
): Promise<{ names: number; ms: number }> {
  const began = performance.now();
  let names = 0;
  await client.ask(walkTo(DIR_FID, path));
  await client.ask(frame(Type.Tlopen, 1, u32(DIR_FID), u32(0)));
  for (let offset = 0n;;) {
    const { body } = await client.ask(frame(Type.Treaddir, 1, u32(DIR_FID), u64(offset), u32(READ_BYTES)));
    const length = body.getUint32(0, true);
    if (length === 0) break;
    // Entries: qid[13] offset[8] type[1] name[s]
    for (let at = 4; at < 4 + length; at += 24 + body.getUint16(at + 22, true)) {
      offset = body.getBigUint64(at + 13, true);
      names++;
    }
  }
  await client.ask(frame(Type.Tclunk, 1, u32(DIR_FID)));
  return { names, ms: performance.now() - began };
}

/** Looks at all files, many at a time, as `find -ls` does; how many there were a second. */
export async function lookAtAll(
  client: RawClient,
  count: number,
  path: (i: number) => readonly string[],
): Promise<number> {
  const began = performance.now();
  for (let from = 0; from < count; from += WINDOW) {
    const many = Math.min(WINDOW, count - from);
    await client.askAll(many, (i) => walkTo(1 + i, path(from + i)));
    await client.askAll(many, (i) => frame(Type.Tgetattr, i, u32(1 + i), u64(ALL)));
    await client.askAll(many, (i) => frame(Type.Tclunk, i, u32(1 + i)));
  }
  return count / (performance.now() - began) * 1000;
}

function walkTo(fid: number, names: readonly string[]): Uint8Array {
  return frame(Type.Twalk, fid % 60_000, u32(ROOT_FID), u32(fid), u16(names.length), ...names.map(text));
}
