import { z } from "zod";
import { NineError } from "../../9p/mod.ts";
import type { Ending, Summary } from "../sync/mod.ts";
import type { Conflict } from "./conflicts.ts";

/** When the contents of files come, unless a merge may need them: with what tells of them, or when somebody reads them. */
export const CONTENTS = ["whole", "on-demand"] as const;
export type ContentsChoice = typeof CONTENTS[number];

const wish = z.strictObject({
  /** `conflicts` only asks this copy which there are. `clone` lets a new copy in and tells it everything. With `rejoin` this copy takes all that the other one has, of which `state` is asked.
   * With `fetch` on both sides it stays open, and brings what somebody reads on either. */
  do: z.enum(["sync", "conflicts", "clone", "state", "rejoin", "fetch"]),
  /** Whether those conflicts are wanted as well that only a name tells of, for which every name has to be looked at. */
  all: z.boolean().default(false),
  /** The public key of the new copy, in hexadecimal. */
  key: z.string().regex(/^[0-9a-f]{64}$/).optional(),
  /** What this copy is called to the other one. */
  name: z.string().max(80).default(""),
  /** Only to see how much there is to send and to receive. */
  isDry: z.boolean().default(false),
  /** Whether what was written to files that are still open is to be in it, as a version of its own. */
  settles: z.boolean().default(false),
  /** Whether to look for damaged chunks, and to ask the other copy for them. */
  heals: z.boolean().default(false),
  /** What this copy does from now on, or a new copy; as before if not given. */
  contents: z.enum(CONTENTS).optional(),
});

/** What whoever carries an exchange wants of it, in its first frame. */
export type Wish = z.infer<typeof wish>;

/**
 * `again`: this copy goes on under another name, and another exchange goes on from there. `rejoin`: records are gone that this copy lacks, and it is to take the other one's state: an
 * exchange with `{do: "rejoin"}` here and `{do: "state"}` there.
 */
export type Next = "again" | "rejoin";

/** What an exchange tells whoever carries it. */
export type Told =
  /** It goes on; of a state that is told, or taken, there are so many bytes so far. */
  | { readonly progress: Summary | { readonly bytes: number } }
  | {
    readonly peer: string | undefined;
    readonly ended: Ending | undefined;
    readonly summary: Summary;
    /** What is to be done now, whatever the other side says. */
    readonly next?: Next;
  }
  | { readonly peer: string | undefined; readonly dry: Summary }
  /** All of them in several pieces, until the exchange ends. */
  | { readonly conflicts: readonly Conflict[] }
  /** A new copy was told everything: so many bytes of messages. */
  | { readonly cloned: { readonly bytes: number } }
  /** A copy that rejoins was told this one's state. */
  | { readonly stated: { readonly bytes: number } }
  /** This copy has what the other one has: so many bytes of it came, and so many contents are nowhere. */
  | { readonly rejoined: { readonly bytes: number; readonly absent: number } }
  | { readonly failed: string };

/** What two copies whose session is over are to do then, so that the next one goes on: another session, or one of them rejoins. */
export type Step = "again" | "own rejoins" | "other rejoins";

/** Undefined where they are done, or where nothing helps. */
export function nextStep(own: Told | undefined, other: Told | undefined): Step | undefined {
  const [mine, theirs] = [own, other].map((told) => told !== undefined && "ended" in told ? told : undefined);
  if (mine?.next === "rejoin") return "own rejoins";
  if (theirs?.next === "rejoin") return "other rejoins";
  if (mine?.next === "again" || theirs?.next === "again") return "again";
  // Each may have found first that the other one lacks what is gone; what this one lacks comes next then.
  if (mine?.ended?.kind === "gone") return "other rejoins";
  return theirs?.ended?.kind === "gone" ? "own rejoins" : undefined;
}

const WISH_BYTES_MAX = 1024;

/** EINVAL for what is none. */
export function parseWish(payload: Uint8Array): Wish {
  const isShort = payload.byteLength <= WISH_BYTES_MAX;
  try {
    return wish.parse(isShort ? JSON.parse(new TextDecoder().decode(payload)) : undefined);
  } catch (thrown) {
    throw new NineError(
      "EINVAL",
      `An exchange begins with what is wanted, as {"do":"sync"}: ${(thrown as Error).message}`,
    );
  }
}
