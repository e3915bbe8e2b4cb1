import { createHash } from "node:crypto";
import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { dirname } from "node:path";
import { concatenate, Slice } from "../../9p/mod.ts";
import type { Result } from "./result.ts";
import { type About, decodeTrailer, encodeTrailer, TRAILER_BYTES_MAX } from "./trailer.ts";

/** Read and hashed at once. */
const PIECE_BYTES = 256 * 1024;

/** What the file at that path knows of itself; undefined where it is no result that was written whole. */
export function aboutOf(path: string): About | undefined {
  return inFile(path, (fd) => {
    const fileBytes = fstatSync(fd).size;
    const end = new Uint8Array(Math.min(TRAILER_BYTES_MAX, fileBytes));
    readSync(fd, end, 0, end.byteLength, fileBytes - end.byteLength);
    return decodeTrailer(end, fileBytes);
  });
}

/** The output in the file; undefined where it is damaged or gone. */
export function readResult(path: string, { size, hash }: About): Uint8Array | undefined {
  const bytes = inFile(path, (fd) => {
    const into = new Uint8Array(size);
    readSync(fd, into, 0, size, 0);
    return into;
  });
  return bytes && createHash("sha256").update(bytes).digest("hex") === hash ? bytes : undefined;
}

/** Whether the output in the file is whole. */
export async function isWhole(path: string, { size, hash }: About): Promise<boolean> {
  const found = await sealOf(path, size).catch(() => undefined);
  return found?.hash === hash && found.size === size;
}

/** Hash and size of the file, or of its first bytes: read in pieces, between which others have their turn. */
export async function sealOf(path: string, bytesMax = Infinity): Promise<Pick<About, "hash" | "size">> {
  const fd = openSync(path, "r");
  try {
    const digest = createHash("sha256");
    const piece = new Uint8Array(PIECE_BYTES);
    const slice = new Slice();
    let size = 0;
    while (size < bytesMax) {
      const count = readSync(fd, piece, 0, Math.min(PIECE_BYTES, bytesMax - size), size);
      if (count === 0) break;
      digest.update(piece.subarray(0, count));
      size += count;
      const turn = slice.breathe();
      if (turn) await turn;
    }
    return { hash: digest.digest("hex"), size };
  } finally {
    closeSync(fd);
  }
}

/**
 * Makes the file of a result in memory, in its place: as long as it is not whole, its end shows that. A result whose file
 * cannot be written stays in memory as long as others do.
 */
export async function writeResult({ path, bytes, about }: Result): Promise<void> {
  const whole = concatenate([bytes!, encodeTrailer(about)]);
  const write = () => Deno.writeFile(path, whole, { mode: 0o600 });
  try {
    await write().catch(async (thrown) => {
      if (!(thrown instanceof Deno.errors.NotFound)) throw thrown;
      // The folder was removed from outside, as what can be made again.
      await Deno.mkdir(dirname(path), { recursive: true, mode: 0o700 });
      await write();
    });
  } catch {
    removeFile(path);
  }
}

/** It may have been removed from outside. */
export function removeFile(path: string): void {
  try {
    Deno.removeSync(path);
  } catch { /* There is nothing to be done about it. */ }
}

/** What `use` finds in the file; undefined where that fails. */
function inFile<T>(path: string, use: (fd: number) => T): T | undefined {
  let fd: number | undefined;
  try {
    fd = openSync(path, "r");
    return use(fd);
  } catch {
    return undefined;
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}
