import { NineError } from "../../9p/mod.ts";

/** How many faults in a row keep a module out. */
const FAULTS_MAX = 3;
/** How many users have to see a fault, without a good run between them, for a module to be kept out for all. */
const BLAMERS_MAX = 3;
/** Users whose runs are remembered. */
const CALLERS_MAX = 1000;
const OUT_MS_FIRST = 1000;
const OUT_MS_MAX = 5 * 60_000;
const LINES_MAX = 200;
/** Of one line of a module's log. */
const LINE_CHARS_MAX = 2000;

/** What became of one run. */
export interface Outcome {
  /** Undefined where it went well. */
  readonly reason?: string;
  /**
   * Where the module is to blame: `module` for what is wrong with it whatever it is given, `run` for a trap or a limit,
   * which input and arguments may have brought about. An exit code is no fault.
   */
  readonly fault?: "module" | "run";
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

/** Faults in a row, and for how long they keep a module out: a while that doubles. */
class Streak {
  faults = 0;
  untilMs = -Infinity;
  #outMs = 0;

  keepOut(nowMs: number): void {
    this.#outMs = Math.min(OUT_MS_MAX, this.#outMs === 0 ? OUT_MS_FIRST : this.#outMs * 2);
    this.untilMs = nowMs + this.#outMs;
  }
}

/**
 * How a module has been doing. One that fails by its own fault several times in a row is kept out for a while, which
 * doubles until a run goes well: for the user whose runs these were, since whoever chooses input and arguments can bring
 * most faults about, and for all where it fails whatever it is given, or for several users. A new content of the module
 * starts anew.
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
  #all = new Streak();
  /** Of each user whose last run failed, the one that failed last at the end. */
  readonly #callers = new Map<string, Streak>();
  /** Users who saw a fault since the last good run, or since they kept the module out. */
  readonly #blamers = new Set<string>();

  /** `now` is in milliseconds since 1970. */
  constructor(readonly name: string, readonly now: () => number = Date.now) {}

  /** EAGAIN while the module is kept out for that user. */
  check(hash: string, caller: string): void {
    if (hash !== this.#hash) {
      this.#hash = hash;
      this.#all = new Streak();
      this.#callers.clear();
      this.#blamers.clear();
    }
    const own = this.#callers.get(caller);
    const streak = own && own.untilMs > this.#all.untilMs ? own : this.#all;
    const leftMs = streak.untilMs - this.now();
    if (leftMs <= 0) return;
    this.stats.refused++;
    throw new NineError(
      "EAGAIN",
      `The translator ${this.name} failed ${streak.faults} times in a row${
        streak === own ? " for this user" : ""
      } ` +
        `and is kept out for another ${(leftMs / 1000).toFixed(1)} s: see /translators/${this.name}/log`,
    );
  }

  /** What became of a run of that content, for that user. */
  ended({ reason, fault, fuel, wallUs, memoryBytes }: Outcome, hash: string, caller: string): void {
    const { stats } = this;
    stats.runs++;
    stats.fuel += fuel;
    stats.wallUs += wallUs;
    stats.memoryBytesMax = Math.max(stats.memoryBytesMax, memoryBytes);
    if (reason !== undefined) {
      stats.failures++;
      this.say(reason);
      if (fault) stats.faults++;
    }
    // A run may end when there is a new content already.
    if (hash !== this.#hash) return;
    if (reason === undefined) this.#wentWell(caller);
    else if (fault) this.#failed(fault, caller);
  }

  #wentWell(caller: string): void {
    this.#all = new Streak();
    this.#callers.delete(caller);
    this.#blamers.clear();
  }

  #failed(fault: "module" | "run", caller: string): void {
    const now = this.now();
    const own = this.#callers.get(caller) ?? new Streak();
    this.#callers.delete(caller);
    this.#callers.set(caller, own);
    if (this.#callers.size > CALLERS_MAX) this.#callers.delete(this.#callers.keys().next().value!);
    if (++own.faults >= FAULTS_MAX) own.keepOut(now);
    this.#all.faults++;
    this.#blamers.add(caller);
    const isOfAll = this.#blamers.size >= BLAMERS_MAX || (fault === "module" && own.faults >= FAULTS_MAX);
    if (!isOfAll) return;
    this.#all.keepOut(now);
    // So that one of them alone cannot keep it out again.
    this.#blamers.clear();
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

  /** `ready`, or until when it is kept out, and for how many if not for all. */
  get status(): string {
    const now = this.now();
    if (this.#all.untilMs > now) return `out until ${new Date(this.#all.untilMs).toISOString()}`;
    const out = [...this.#callers.values()].filter(({ untilMs }) => untilMs > now);
    if (out.length === 0) return "ready";
    const until = new Date(Math.max(...out.map(({ untilMs }) => untilMs))).toISOString();
    return `out until ${until} for ${out.length} ${out.length === 1 ? "user" : "users"}`;
  }
}
