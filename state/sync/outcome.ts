import type { Author } from "../tree/mod.ts";
import type { RefuseCode } from "./messages.ts";
import type { Refused } from "./refused.ts";

/** Of which side something is: of this copy, of the one at the other end, or of a third one. */
export type Whose = "mine" | "theirs" | "other";

/** How a session ended. Whatever it was, what was applied stays, and another session goes on from there. */
export type Ending =
  /** Each side has what the other one has, but for what `summary` says was refused. */
  | { readonly kind: "done" }
  /** The messages stopped coming. */
  | { readonly kind: "cut" }
  /**
   * Two copies write as one author: a copied home, or a restored backup that went on. Their chains differ from record `number` on, or where that is not exact from an earlier
   * one. `isProven`: another record of that author and number was seen, signed; otherwise it is what the other side says.
   * `lower`: whose chain has the lower hash at that record. Both sides find the same, so that copies that took different chains of a third one know whose tree stays.
   */
  | {
    readonly kind: "fork";
    readonly author: Author;
    readonly whose: Whose;
    readonly number: number;
    readonly isExact: boolean;
    readonly isProven: boolean;
    readonly lower: "mine" | "theirs" | undefined;
  }
  /** A copy is older than what others have of it: a restored backup. The other one has its record `number`, signed, which it does not know of. */
  | { readonly kind: "older"; readonly whose: Whose; readonly number: number }
  /** A copy lacks a record that the other one has let go of: it has to rejoin. `whose`: of the copy that lacks it. For `mine` it is what the other side says. */
  | { readonly kind: "gone"; readonly whose: Whose; readonly author: Author; readonly number: number }
  /** It cannot go on. `by`: who said so. */
  | {
    readonly kind: "refused";
    readonly by: "us" | "them";
    readonly code: Exclude<RefuseCode, "record" | "later" | "fork" | "older" | "gone">;
    readonly reason: string;
    /** What was thrown by this copy's own storage. */
    readonly thrown?: unknown;
  };

/** What went one way. */
export interface Moved {
  records: number;
  /** Of records as they travel. */
  recordBytes: number;
  chunks: number;
  chunkBytes: number;
  messages: number;
  /** Of whole messages. */
  bytes: number;
}

export interface Summary {
  readonly sent: Readonly<Moved>;
  readonly received: Readonly<Moved>;
  /** Records that each side was found to lack when they met. */
  readonly toSend: number;
  readonly toReceive: number;
  /** Records that this copy did not take. */
  readonly refused: readonly Refused[];
  /** Records that the other one did not take. */
  readonly refusedByPeer: readonly Refused[];
  /** Contents that came without all of their chunks, and chunks that are damaged here and were to be healed, as the other one has not got them either. */
  readonly absent: number;
  /** Contents that are to come when somebody reads them. */
  readonly putOff: number;
}

export function nothingMoved(): Moved {
  return { records: 0, recordBytes: 0, chunks: 0, chunkBytes: 0, messages: 0, bytes: 0 };
}
