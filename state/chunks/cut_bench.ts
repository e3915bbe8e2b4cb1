/** Cutting, naming and reading of chunks: `deno bench -A state/chunks/cut_bench.ts`. The packs are below TMPDIR. */
import { createHash, createHmac, getRandomValues } from "node:crypto";
import { realDisk } from "../disk/mod.ts";
import { chunkIds } from "./chunk_id.ts";
import { KEY, MemoryIndex } from "./fixture.ts";
import {
  CHUNK_AVERAGE,
  CHUNK_MAX,
  CHUNK_MIN,
  ChunkReader,
  ChunkStore,
  cutPoint,
  type GearTable,
  gearTable,
  PackWriter,
} from "./mod.ts";

const SIZE = 16 << 20;
const bytes = new Uint8Array(SIZE);
for (let at = 0; at < SIZE; at += 65536) getRandomValues(bytes.subarray(at, at + 65536));
const gear = gearTable(KEY);
const root = Deno.makeTempDirSync();
globalThis.addEventListener("unload", () => Deno.removeSync(root, { recursive: true }));
const packs = new PackWriter(realDisk(root), "packs");
const index = new MemoryIndex();
const store = new ChunkStore({ packs, index, key: KEY });

Deno.bench("cut 16 MiB, a byte a turn", { group: "cut", baseline: true }, () => cutAll(cutPoint));
Deno.bench("cut 16 MiB, four bytes a turn", { group: "cut" }, () => cutAll(cutByFour));

for (const size of [100, 65536]) {
  const chunk = bytes.subarray(0, size);
  const idOf = chunkIds(KEY);
  Deno.bench(`id of ${size} bytes`, { group: `id ${size}`, baseline: true }, () => void idOf(chunk));
  Deno.bench(`HMAC of ${size} bytes`, { group: `id ${size}` }, () => {
    createHmac("sha256", KEY).update(chunk).digest();
  });
  Deno.bench(`BLAKE2b of ${size} bytes`, { group: `id ${size}` }, () => {
    createHash("blake2b512").update(KEY).update(chunk).digest();
  });
}

const descriptor = store.putContent(bytes);
const content = new ChunkReader({ packs, index, key: KEY }).open(descriptor);
const block = new Uint8Array(65536);
let at = 0;
Deno.bench("cut, name and find 16 MiB that are stored", () => void store.putContent(bytes));
Deno.bench("read 64 KiB", () => {
  content.read(at = (at + block.length) % SIZE, block);
});

function cutAll(cut: typeof cutPoint): void {
  for (let from = 0; from < SIZE;) from = cut(gear, bytes, from, SIZE);
}

/** The same cuts, with the loop unrolled. */
function cutByFour(gear: GearTable, bytes: Uint8Array, from: number, to: number): number {
  const middle = Math.min(to, from + CHUNK_AVERAGE);
  const end = Math.min(to, from + CHUNK_MAX);
  return findByFour(gear, bytes, from + CHUNK_MIN, middle, 14) || findByFour(gear, bytes, middle, end, 18) ||
    end;
}

function findByFour(gear: GearTable, bytes: Uint8Array, from: number, end: number, shift: number): number {
  let hash = 0;
  for (let at = from - 32; at < from; at++) hash = (hash << 1) + gear[bytes[at]] | 0;
  for (let at = from; at < end; at += 4) {
    const one = (hash << 1) + gear[bytes[at]] | 0;
    const two = (one << 1) + gear[bytes[at + 1]] | 0;
    const three = (two << 1) + gear[bytes[at + 2]] | 0;
    hash = (three << 1) + gear[bytes[at + 3]] | 0;
    if (one >>> shift === 0) return at + 1;
    if (two >>> shift === 0) return at + 2;
    if (three >>> shift === 0) return at + 3;
    if (hash >>> shift === 0) return at + 4;
  }
  return 0;
}
