import type { Authors, SignedRecord } from "../record/mod.ts";
import type { Author, Content } from "../tree/mod.ts";
import type { Refused } from "./refused.ts";
import type { Statement } from "./statement.ts";
import type { Numbers } from "./vector.ts";

/** Who a copy is to others. */
export interface Self {
  /** At most 64 bytes that all copies of a volume have, and no other. */
  readonly volume: Uint8Array;
  /** The format of its database. */
  readonly format: number;
  /** Who it writes as. */
  readonly author: Author;
  /** Its public key. */
  readonly key: Uint8Array;
  /** For people, at most 255 bytes. */
  readonly name: string;
}

/** A content as a record names it: the descriptor and what it is said to be long. */
export interface Stored extends Pick<Content, "size" | "descriptor"> {
  /** A merge may need it, so it is to be on every copy. */
  readonly isNeeded: boolean;
}

/** A chunk that a content needs: one with bytes of the file, or with depth a list of others. */
export interface Piece {
  readonly id: Uint8Array;
  readonly depth: number;
  /** Bytes of content that it stands for. */
  readonly size: number;
}

/** A record of the journal, packed as it travels. */
export interface Packed {
  readonly author: Author;
  readonly number: number;
  readonly bytes: Uint8Array;
}

export interface Page {
  readonly records: readonly Packed[];
  /** Where the next page begins; undefined after the last. */
  readonly next: number | undefined;
}

/**
 * A copy as a session sees it. Everything is answered at once but `take`, which may wait until the changes of clients stand still. Whatever throws ends the
 * session, and nothing else.
 */
export interface SyncStore {
  readonly self: Self;

  /** Seconds since 1970. */
  nowSec(): number;

  /** What is durable here of each author. The session does not change it, and asks again after each batch. */
  authors(): Authors;

  /** The hash of a record, where it is still known; of an author's last record always. */
  hashOf(author: Author, number: number): Uint8Array | undefined;

  /** A record that is not in `after` and that the journal has let go of; undefined where it has all of them. */
  gone(after: Numbers): { readonly author: Author; readonly number: number } | undefined;

  /**
   * Durable records that are not in `after`, in the order of the journal, from `start` on: 0, or the `next` of the page before. Together at most `bytesMax`, unless the first
   * alone is longer; at least one, unless there are none.
   */
  records(after: Numbers, start: number, bytesMax: number): Page;

  /**
   * Applies records in this order and all chunks that were put before it, in one transaction that is durable when it answers. What cannot be taken is left out
   * and told (`checkAll`); what is here already is passed over, as another session may have brought it. `absent`: contents that the other side has not got
   * all chunks of, and those that were put off; they are to be remembered and shown as not here. `lacking` tells of the former from then on.
   */
  take(
    records: readonly SignedRecord[],
    absent: readonly Stored[],
  ): Promise<readonly Refused[]> | readonly Refused[];

  /** The chunk that a content begins with; undefined where it needs none, or where it is none that this program makes. */
  pieceOf(content: Pick<Stored, "size" | "descriptor">): Piece | undefined;

  /** Whether a content is not to be fetched before somebody reads it. */
  putsOff?(content: Stored): boolean;

  hasChunk(id: Uint8Array): boolean;

  /** What a list that is here consists of, without holes. Whatever it throws leaves the content absent: a chunk that is no list of this size, or that cannot be read. */
  piecesOf(list: Piece): readonly Piece[];

  /** The bytes of a chunk; undefined where it is not here, or damaged. */
  chunk(id: Uint8Array): Uint8Array | undefined;

  /** Keeps a chunk, durable with the next `take`. False where these are not the bytes that have this id, and then nothing is kept. */
  putChunk(id: Uint8Array, bytes: Uint8Array): boolean;

  /**
   * Chunks of the tree that are absent or damaged here: other copies are asked for them. Those of the contents that `take` was told of are among them, unless they were put
   * off. It is looked through as the exchange goes on.
   */
  lacking(): Iterable<Piece>;

  /** Makes chunks durable that were put without a record, and takes note of what is whole again. How many of the damaged ones that were asked for did not come. */
  healed(): Promise<number> | number;

  /**
   * The newest statement of every speaker (`speakerOf`), to be spread; the one of this copy itself always among them, signed anew where it has more by now or a day has
   * passed.
   */
  statements(): readonly Statement[];

  /**
   * Takes note of what another copy said; its signature is right. It passes over what is older than what is known (`isNewer`), and keys that were never let in. Of a
   * speaker it also keeps the one before, as long as the newest does not count yet (`acknowledged`).
   */
  learn(statement: Statement): void;

  /** Takes note of what a copy of this volume calls itself, for people: nobody has checked that it has the key. */
  met?(peer: Pick<Self, "key" | "name">): void;
}
