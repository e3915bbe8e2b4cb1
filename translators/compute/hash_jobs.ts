import { createHash } from "node:crypto";
import { type Later, turns } from "../../9p/mod.ts";

/** Bytes that are read and hashed in one turn: 0.2 ms. */
export const PIECE_BYTES = 256 * 1024;

/** A long file that somebody wants the hash of. */
export interface Hashable {
  readonly size: number;
  /** Fills `into` from `offset` on; 0 at the end. */
  read(offset: number, into: Uint8Array): Later<number>;
  /** What is thrown where it ends before its size. */
  shorter(at: number): Error;
}

interface Holder {
  readonly file: Hashable;
  readonly resolve: (hash: string) => void;
  readonly reject: (thrown: unknown) => void;
}

/**
 * Hashes long files, a piece a turn for all of them together. A file is read once for all who want its hash, as long as
 * one of them does.
 */
export class HashJobs {
  /** By the file's identity. */
  readonly #open = new Map<string, Set<Holder>>();

  /**
   * The hash of the file of that identity. Where it may change without a change of its identity, who comes when it is
   * being read must not have what was read before. Rejects with the signal's reason when that is aborted.
   */
  hash(identity: string, isRacy: boolean, file: Hashable, signal: AbortSignal): Promise<string> {
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    if (signal.aborted) {
      reject(signal.reason);
      return promise;
    }
    const holder: Holder = { file, resolve, reject };
    let holders = this.#open.get(identity);
    if (holders) holders.add(holder);
    else {
      this.#open.set(identity, holders = new Set([holder]));
      this.#run(identity, isRacy, holders);
    }
    const held = holders;
    const leave = () => {
      held.delete(holder);
      if (held.size === 0) this.#close(identity, held);
      reject(signal.reason);
    };
    signal.addEventListener("abort", leave, { once: true });
    return promise.finally(() => signal.removeEventListener("abort", leave));
  }

  async #run(identity: string, isRacy: boolean, holders: Set<Holder>): Promise<void> {
    const hash = createHash("sha256");
    let piece: Uint8Array | undefined;
    let at = 0;
    for (;;) {
      await turns.next();
      if (isRacy) this.#close(identity, holders);
      const [holder] = holders;
      // Nobody wants it any more.
      if (!holder) return;
      const { file } = holder;
      if (at >= file.size) break;
      piece ??= new Uint8Array(Math.min(PIECE_BYTES, file.size));
      const into = piece.subarray(0, Math.min(piece.byteLength, file.size - at));
      try {
        const coming = file.read(at, into);
        // What comes from elsewhere is waited for without keeping others from their turns.
        const count = coming instanceof Promise ? await coming : coming;
        if (count === 0) throw file.shorter(at);
        hash.update(into.subarray(0, count));
        at += count;
      } catch (thrown) {
        // Whose file it was may have gone meanwhile: another one's is read on.
        if (!holders.has(holder)) continue;
        this.#close(identity, holders);
        for (const { reject } of holders) reject(thrown);
        return;
      }
    }
    this.#close(identity, holders);
    const digest = hash.digest("hex");
    for (const { resolve } of holders) resolve(digest);
  }

  /** Whoever comes from now on starts anew. */
  #close(identity: string, holders: Set<Holder>): void {
    if (this.#open.get(identity) === holders) this.#open.delete(identity);
  }
}
