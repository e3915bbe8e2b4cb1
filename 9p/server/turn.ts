/** What reads may copy in one turn of the event loop, unless the first alone is larger: some milliseconds' work, bytes. */
const TURN_BYTES = 8 * 1024 * 1024;
/** What every read may have, bytes. */
const SHORT_BYTES = 64 * 1024;

/**
 * What the reads of all connections copy in one turn of the event loop. All that have asked are served within one turn,
 * and nobody else meanwhile; so the first gets all that it wants, and the more was copied, the less those after it:
 * short reads are legal (rule R27).
 */
export class Turn {
  #bytes = 0;
  #isCounting = false;

  /** How many of `wanted` bytes a read may copy now. */
  room(wanted: number): number {
    if (wanted <= SHORT_BYTES || this.#bytes <= SHORT_BYTES) return wanted;
    return Math.min(wanted, Math.max(SHORT_BYTES, Math.floor((TURN_BYTES - this.#bytes) / 2)));
  }

  /** A read has copied so many bytes. */
  copied(bytes: number): void {
    this.#bytes += bytes;
    // Up to here it makes no difference, so small reads one after another pay for no callback.
    if (this.#isCounting || this.#bytes <= SHORT_BYTES) return;
    this.#isCounting = true;
    setImmediate(this.#next);
  }

  readonly #next = () => {
    this.#bytes = 0;
    this.#isCounting = false;
  };
}
