/** A bucket is this much wider than the one before it. */
const GROWTH = 1.02;

/** How long the requests of one kind took: counts in buckets that grow by 2 %, so memory does not grow with them. */
export class Latencies {
  readonly #buckets = new Map<number, number>();
  count = 0;
  maxUs = 0;

  add(us: number): void {
    const bucket = Math.round(Math.log(Math.max(us, 1)) / Math.log(GROWTH));
    this.#buckets.set(bucket, (this.#buckets.get(bucket) ?? 0) + 1);
    this.count++;
    this.maxUs = Math.max(this.maxUs, us);
  }

  /** What the given part (0 to 1) of the requests did not exceed, to 2 %, microseconds. */
  quantileUs(part: number): number {
    let left = Math.max(1, Math.ceil(this.count * part));
    for (const [bucket, count] of [...this.#buckets].sort(([a], [b]) => a - b)) {
      left -= count;
      if (left <= 0) return Math.min(this.maxUs, GROWTH ** bucket);
    }
    return this.maxUs;
  }
}

/** `812 µs`, `1.2 ms`, `3.45 s` */
export function durationText(us: number): string {
  if (us < 1000) return `${Math.round(us)} µs`;
  if (us < 1_000_000) return `${(us / 1000).toFixed(1)} ms`;
  return `${(us / 1_000_000).toFixed(2)} s`;
}
