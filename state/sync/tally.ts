import type { Author } from "../tree/mod.ts";
import type { Chunks } from "./messages.ts";
import { type Moved, nothingMoved, type Summary } from "./outcome.ts";
import type { Refused } from "./refused.ts";

/** What happened in a session so far. */
export class Tally {
  readonly sent = nothingMoved();
  readonly received = nothingMoved();
  /** Of each author the first record that this copy did not take, and that the other one did not. */
  readonly refused = new Map<Author, Refused>();
  readonly refusedByPeer = new Map<Author, Refused>();
  absent = 0;
  putOff = 0;
  toSend = 0;
  toReceive = 0;

  get summary(): Summary {
    const { sent, received, toSend, toReceive, absent, putOff } = this;
    const [refused, refusedByPeer] = [this.refused, this.refusedByPeer].map((list) => [...list.values()]);
    return { sent, received, toSend, toReceive, refused, refusedByPeer, absent, putOff };
  }
}

/** A message went one way. */
export function countMessage(moved: Moved, bytes: Uint8Array): void {
  moved.messages++;
  moved.bytes += bytes.length;
}

/** Chunks did, those of them that there are. */
export function countChunks(moved: Moved, { chunks }: Chunks): void {
  for (const { bytes } of chunks) {
    if (!bytes) continue;
    moved.chunks++;
    moved.chunkBytes += bytes.length;
  }
}
