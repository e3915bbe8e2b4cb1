import { NineError } from "../../9p/mod.ts";

/** How many failures in a row keep a module out. */
const FAILURES_MAX = 3;
const OUT_MS_FIRST = 1000;
const OUT_MS_MAX = 5 * 60_000;
const LINES_MAX = 200;
/** Of one line of a module's log. */
const LINE_CHARS_MAX = 2000;

/** What became of one run. */
export interface Outcome {
  /** Undefined where it went well. */
  readonly reason?: string;
  /** Whether the module is to blame, rather than its input: a trap or a limit, not an exit code. */
  readonly isFault: boolean;
  readonly fuel: number;
  readonly wallUs: number;
  readonly memoryBytes: number;
}

/** Counters since the node started. */
export interface Stats {
  runs: number;
  failures: number;
  faults: number;
  refused: number;
  cached: number;
  fuel: number;
  wallUs: number;
  memoryBytesMax: number;
}

/**
 * How a module has been doing. One that fails by its own fault several times in a row is kept out for a while, which
 * doubles until a run goes well. A new content of the module starts anew.
 */
export class Health {
  readonly stats: Stats = {
    runs: 0,
    failures: 0,
    faults: 0,
    refused: 0,
    cached: 0,
    fuel: 0,
    wallUs: 0,
    memoryBytesMax: 0,
  };
  readonly #lines: string[] = [];
  #hash = "";
  #faultsInARow = 0;
  #outMs = 0;
  #outUntil = -Infinity;

  /** `now` is in milliseconds since 1970. */
  constructor(readonly name: string, readonly now: () => number = Date.now) {}

  /** EAGAIN while the module is kept out. */
  check(hash: string): void {
    if (hash !== this.#hash) {
      this.#hash = hash;
      this.#faultsInARow = this.#outMs = 0;
      this.#outUntil = -Infinity;
    }
    const leftMs = this.#outUntil - this.now();
    if (leftMs <= 0) return;
    this.stats.refused++;
    throw new NineError(
      "EAGAIN",
      `The translator ${this.name} failed ${this.#faultsInARow} times in a row and is kept out for another ` +
        `${(leftMs / 1000).toFixed(1)} s: see /translators/${this.name}/log`,
    );
  }

  ended({ reason, isFault, fuel, wallUs, memoryBytes }: Outcome): void {
    const { stats } = this;
    stats.runs++;
    stats.fuel += fuel;
    stats.wallUs += wallUs;
    stats.memoryBytesMax = Math.max(stats.memoryBytesMax, memoryBytes);
    if (reason === undefined) {
      this.#faultsInARow = this.#outMs = 0;
      return;
    }
    stats.failures++;
    this.say(reason);
    if (!isFault) return;
    stats.faults++;
    if (++this.#faultsInARow < FAILURES_MAX) return;
    this.#outMs = Math.min(OUT_MS_MAX, this.#outMs === 0 ? OUT_MS_FIRST : this.#outMs * 2);
    this.#outUntil = this.now() + this.#outMs;
  }

  /** Adds a line to the module's log; control characters are the caller's to escape. */
  say(text: string): void {
    const line = text.length > LINE_CHARS_MAX ? `${text.slice(0, LINE_CHARS_MAX)}…` : text;
    this.#lines.push(`${new Date(this.now()).toISOString()} ${line}\n`);
    if (this.#lines.length > LINES_MAX) this.#lines.shift();
  }

  get log(): string {
    return this.#lines.join("");
  }

  /** `ready`, or until when it is kept out. */
  get status(): string {
    return this.#outUntil > this.now() ? `out until ${new Date(this.#outUntil).toISOString()}` : "ready";
  }
}
