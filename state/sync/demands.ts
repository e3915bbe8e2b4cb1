import { Malformed } from "../tree/mod.ts";
import { packMessage, unpackMessage, type Want, WANT_MAX } from "./messages.ts";
import { Serving } from "./serving.ts";
import type { Piece, SyncStore } from "./sync_store.ts";

/** What is left of those that copies have not got is forgotten after so many, and asked for again. */
const MISSING_MAX = 65_536;

/** Bytes of a content that somebody waits for. */
export interface Demand {
  readonly descriptor: Uint8Array;
  readonly start: number;
  readonly end: number;
  /** Also what tells of the rest of it where that is. */
  readonly withLists: boolean;
}

/** A copy as it is asked on behalf of those who wait. */
export interface DemandStore extends Pick<SyncStore, "chunk" | "putChunk"> {
  /** What of it is not here, as far as that is known: not what is in lists that are not here. What was put is here. */
  lackingOf(demand: Demand): Iterable<Piece>;
}

/** Why nothing comes of a demand: no other copy is there, or none that is there has it. */
export type Unmet = "nobody" | "nowhere";

/**
 * What people wait for that is on other copies, and the copies that are there to be asked. Each chunk is asked of one of them, until one has it; whoever waits is
 * answered as soon as all is here, or when it cannot be. How long somebody waits is his own affair.
 */
export class Demands {
  readonly #store: DemandStore;
  readonly #answer: (id: number, unmet?: Unmet) => void;
  readonly #waiting = new Map<number, Demand>();
  readonly #peers = new Set<Peer>();

  constructor(store: DemandStore, answer: (id: number, unmet?: Unmet) => void) {
    this.#store = store;
    this.#answer = answer;
  }

  add(id: number, demand: Demand): void {
    this.#waiting.set(id, demand);
    this.#look();
  }

  /** Nobody waits for it any more. What was asked for is taken when it comes. */
  remove(id: number): void {
    this.#waiting.delete(id);
  }

  /** Another copy is there until `leave` is called. `onNews`: there is something to say to it. */
  meet(onNews: () => void): Peer {
    const peer = new Peer(this.#store, {
      onNews,
      onCame: () => this.#look(),
      onLeave: () => {
        this.#peers.delete(peer);
        this.#look();
      },
    });
    this.#peers.add(peer);
    return peer;
  }

  #look(): void {
    for (const [id, demand] of [...this.#waiting]) {
      const unmet = this.#peers.size === 0 ? "nobody" : this.#askFor(demand);
      if (unmet === "waits") continue;
      this.#waiting.delete(id);
      this.#answer(id, unmet);
    }
    // What a copy had not got a moment ago it may have the next time.
    if (this.#waiting.size === 0) { for (const peer of this.#peers) peer.missing.clear(); }
  }

  /** Undefined where nothing is needed any more. */
  #askFor(demand: Demand): Unmet | "waits" | undefined {
    const peers = [...this.#peers];
    let lacking: Piece[];
    try {
      lacking = [...this.#store.lackingOf(demand)];
    } catch {
      // What came is no list, or damaged: nothing more can be found out, and reading it says why.
      return undefined;
    }
    for (const { id } of lacking) {
      const name = nameOf(id);
      if (peers.some((peer) => peer.isAsked(name))) continue;
      const able = peers.filter((peer) => !peer.missing.has(name));
      if (able.length === 0) return "nowhere";
      // Where all have enough to do it is asked for when something has come.
      able.find((peer) => peer.hasRoom)?.ask(id);
    }
    return lacking.length > 0 ? "waits" : undefined;
  }
}

interface PeerEvents {
  onNews(): void;
  onCame(): void;
  onLeave(): void;
}

/** One other copy that is there: it is asked, and may ask. */
export class Peer {
  readonly #store: DemandStore;
  readonly #events: PeerEvents;
  readonly #serving: Serving;
  readonly #asked = new Set<string>();
  #toAsk: Uint8Array[] = [];
  /** What it has not got. */
  readonly missing = new Set<string>();

  constructor(store: DemandStore, events: PeerEvents) {
    this.#store = store;
    this.#events = events;
    this.#serving = new Serving(store);
  }

  get hasRoom(): boolean {
    return this.#asked.size < WANT_MAX;
  }

  isAsked(name: string): boolean {
    return this.#asked.has(name);
  }

  ask(id: Uint8Array): void {
    this.#asked.add(nameOf(id));
    this.#toAsk.push(id);
    this.#events.onNews();
  }

  /** The next message for it, if there is anything to say. */
  next(): Uint8Array | undefined {
    if (this.#toAsk.length > 0) {
      const want: Want = { kind: "want", ids: this.#toAsk };
      this.#toAsk = [];
      return packMessage(want);
    }
    const chunks = this.#serving.next();
    return chunks && packMessage(chunks);
  }

  /** Takes what it says. Throws Malformed for what no copy says. */
  receive(bytes: Uint8Array): void {
    const message = unpackMessage(bytes);
    if (message.kind === "want") {
      this.#serving.receive(message);
      return this.#events.onNews();
    }
    if (message.kind !== "chunks") throw new Malformed(`${message.kind} came where chunks are asked for`);
    for (const { id, bytes } of message.chunks) {
      const name = nameOf(id);
      if (!this.#asked.delete(name)) throw new Malformed("A chunk came, and nobody asked for it");
      if (bytes && !this.#store.putChunk(id, bytes)) {
        throw new Malformed(`A chunk came with ${bytes.length} bytes that are not its own`);
      }
      if (bytes) continue;
      if (this.missing.size >= MISSING_MAX) this.missing.clear();
      this.missing.add(name);
    }
    this.#events.onCame();
  }

  leave(): void {
    this.#events.onLeave();
  }
}

function nameOf(id: Uint8Array): string {
  return String.fromCharCode(...id);
}
