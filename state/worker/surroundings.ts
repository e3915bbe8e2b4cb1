import { randomBytes } from "node:crypto";

/** What a Keeper has of the machine that it runs on; a simulation brings its own. */
export interface Surroundings {
  /** Seconds since 1970. */
  nowSec(): number;
  randomBytes(count: number): Uint8Array;
}

export const MACHINE: Surroundings = {
  nowSec: () => Math.floor(Date.now() / 1000),
  randomBytes: (count) => new Uint8Array(randomBytes(count)),
};
