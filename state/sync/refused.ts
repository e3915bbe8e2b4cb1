import type { Author } from "../tree/mod.ts";

/** A record that was not taken, and with it all that come after it. */
export interface Refused {
  readonly author: Author;
  readonly number: number;
  readonly reason: string;
  /** It may be taken at another time: what it follows is not here, or it is ahead of the clock. */
  readonly isLater: boolean;
}
