import { createHash } from "node:crypto";
import { concatenate, type Later, NineError, Slice, then } from "../../9p/mod.ts";
import type { Result } from "../cache/mod.ts";
import { versionOf } from "./key.ts";

/** One input of a pipeline, pinned: whoever opened it may read it, and its bytes are those of `hash`. */
export interface Input {
  /** As people know it: a path, or what it is. */
  readonly path: string;
  /** SHA-256, hex. */
  readonly hash: string;
  readonly size: number;
  readonly version: number;
  /** Seconds since 1970 of the last change. */
  readonly mtimeSec: number;
  /** Of a result: what it takes of the disk beside the cache. */
  readonly besideBytes?: number;
  /** All of it where that is short, else undefined. */
  whole(): Later<Uint8Array | undefined>;
  /** Fills `into` from `offset` on; 0 at the end. */
  read(offset: number, into: Uint8Array): Later<number>;
  /** Throws ESTALE where what was read was not what `hash` is of. */
  verify(): Later<void>;
  close(): void;
}

/** Inputs up to this size together are handed to a run whole. */
export const SHORT_BYTES = 1024 * 1024;

/**
 * The inputs of one evaluation, opened one after the other and closed together, when nobody reads them any more: the
 * evaluation that opened them, or a run that others wait for as well.
 */
export class Inputs {
  readonly list: Input[] = [];
  readonly #aborter = new AbortController();
  readonly #giveUp = () => this.#aborter.abort(UNWANTED);
  #holders = 1;

  /** `asking` is of the request that opens them: until they are `opened`, its end is theirs. */
  constructor(readonly asking?: AbortSignal) {
    if (asking?.aborted) this.#giveUp();
    else asking?.addEventListener("abort", this.#giveUp, { once: true });
  }

  /** Aborted when nobody wants the inputs any more: what opens and reads them may wait as long as this is not. */
  get signal(): AbortSignal {
    return this.#aborter.signal;
  }

  opened(): void {
    this.asking?.removeEventListener("abort", this.#giveUp);
  }

  hold(): void {
    this.#holders++;
  }

  release(): void {
    if (--this.#holders > 0) return;
    this.opened();
    closeAll(this.list);
    this.#aborter.abort(UNWANTED);
  }
}

/** There may be thousands, each with a descriptor. */
async function closeAll(inputs: readonly Input[]): Promise<void> {
  const slice = new Slice();
  for (const input of inputs) {
    try {
      input.close();
    } catch { /* Nothing was written, so nothing that could be lost is lost. */ }
    const turn = slice.breathe();
    if (turn) await turn;
  }
}

/** Why a wait ends that nobody waits for any more. One for all: making an error takes longer than ending the wait. */
export const UNWANTED = new NineError("EINTR", "Nobody wants the result any more");

/** The result of another computation as an input. */
export function resultInput(result: Result, path: string, mtimeSec: number): Input {
  result.hold();
  return {
    path,
    hash: result.about.hash,
    size: result.size,
    version: versionOf(result.about.hash),
    mtimeSec,
    get besideBytes() {
      return result.besideBytes;
    },
    whole: () => result.bytes,
    read: (offset, into) => result.read(offset, into),
    verify() {},
    close: () => result.release(),
  };
}

/** A text that stands in a recipe. */
export function textInput(text: string, path: string, mtimeSec: number): Input {
  const bytes = new TextEncoder().encode(text);
  const hash = createHash("sha256").update(bytes).digest("hex");
  return {
    path,
    hash,
    size: bytes.byteLength,
    version: versionOf(hash),
    mtimeSec,
    whole: () => bytes,
    read(offset, into) {
      const part = bytes.subarray(offset, offset + into.byteLength);
      into.set(part);
      return part.byteLength;
    },
    verify() {},
    close() {},
  };
}

/** Several inputs, one behind the other, as what a module reads from its standard input. */
export interface Concatenated {
  readonly size: number;
  /** All of it where that is short. */
  readonly bytes: Uint8Array | undefined;
  read(offset: number, into: Uint8Array): Later<number>;
}

export function concatenated(inputs: readonly Input[]): Later<Concatenated> {
  if (inputs.length === 1) {
    const [input] = inputs;
    return then(input.whole(), (bytes) => ({ size: input.size, bytes, read: input.read.bind(input) }));
  }
  const size = inputs.reduce((sum, input) => sum + input.size, 0);
  const read = (offset: number, into: Uint8Array): Later<number> => {
    let start = 0;
    for (const input of inputs) {
      if (offset < start + input.size) return input.read(offset - start, into);
      start += input.size;
    }
    return 0;
  };
  if (size > SHORT_BYTES) return { size, bytes: undefined, read };
  return then(joined(inputs), (bytes) => ({ size, bytes, read }));
}

/** Undefined where the bytes of one are not at hand. */
async function joined(inputs: readonly Input[]): Promise<Uint8Array | undefined> {
  const parts: Uint8Array[] = [];
  const slice = new Slice();
  for (const input of inputs) {
    const part = await input.whole();
    if (!part) return undefined;
    parts.push(part);
    const turn = slice.breathe();
    if (turn) await turn;
  }
  return concatenate(parts);
}
