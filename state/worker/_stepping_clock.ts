import type { Timestamp } from "../../9p/mod.ts";
import type { Clock } from "./_copies.ts";

/** The time on one copy: that of the schedule, and wrong by some seconds. */
export class SteppingClock implements Clock {
  #nsec = 0;
  #sec = 1_700_000_000;
  skewSec = 0;

  /** What is done from now on is done later. */
  step(sec: number): void {
    this.#sec += sec;
    this.#nsec = 0;
  }

  time(): Timestamp {
    return { sec: this.#sec + this.skewSec, nsec: this.#nsec };
  }

  tick(): Timestamp {
    const { sec, nsec } = this.time();
    this.#nsec++;
    return { sec, nsec };
  }
}
