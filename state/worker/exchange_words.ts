import { z } from "zod";
import { NineError } from "../../9p/mod.ts";
import type { Ending, Summary } from "../sync/mod.ts";
import type { Conflict } from "./conflicts.ts";

const wish = z.strictObject({
  /** `conflicts` only asks this copy which there are. `clone` lets a new copy in and tells it everything. */
  do: z.enum(["sync", "conflicts", "clone"]),
  /** The public key of the new copy, in hexadecimal. */
  key: z.string().regex(/^[0-9a-f]{64}$/).optional(),
  /** What this copy is called to the other one. */
  name: z.string().max(80).default(""),
  /** Only to see how much there is to send and to receive. */
  isDry: z.boolean().default(false),
  /** Whether to look for damaged chunks, and to ask the other copy for them. */
  heals: z.boolean().default(false),
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
  | { readonly progress: Summary }
  | {
    readonly peer: string | undefined;
    readonly ended: Ending | undefined;
    readonly summary: Summary;
    /** What is to be done now, whatever the other side says. */
    readonly next?: Next;
  }
  | { readonly peer: string | undefined; readonly dry: Summary }
  | { readonly conflicts: readonly Conflict[] }
  /** A new copy was told everything: so many bytes of messages. */
  | { readonly cloned: { readonly bytes: number } }
  | { readonly failed: string };

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
