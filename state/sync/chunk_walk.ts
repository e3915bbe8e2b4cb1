import type { Piece, SyncStore } from "./sync_store.ts";

/** A chunk that is not here, and what it is needed for: a number of `roots`. */
export interface Needed {
  readonly id: Uint8Array;
  readonly root: number;
}

interface Frame {
  readonly pieces: readonly Piece[];
  readonly root: number;
  at: number;
}

/** A list stands for some megabytes of content or more. */
const ENTERED_MAX = 65_536;

/**
 * Walks through the chunks of contents and finds those that are not here, each list before what is in it. At any time it holds one list a level, and lists that were asked
 * for and have not come.
 */
export class ChunkWalk {
  readonly #store: Pick<SyncStore, "hasChunk" | "piecesOf">;
  readonly #stack: Frame[] = [];
  /** Lists that were told as needed: what is in them is looked at once they are here. */
  #lists: { readonly piece: Piece; readonly root: number }[] = [];
  readonly #givenUp = new Set<number>();
  /** Lists that were entered, and the first root that they were entered for: few chunks can make up a content of 2^53 bytes. */
  readonly #entered = new Map<string, number>();
  /** Roots that have a list in common. */
  readonly #related = new Map<number, Set<number>>();

  constructor(store: Pick<SyncStore, "hasChunk" | "piecesOf">, roots: readonly (Piece | undefined)[]) {
    this.#store = store;
    for (let root = roots.length - 1; root >= 0; root--) {
      const piece = roots[root];
      if (piece) this.#stack.push({ pieces: [piece], root, at: 0 });
    }
  }

  /** What is needed next, at most `max`; none where all is here, or where it has to wait for lists that were told before. The same may be told twice. */
  next(max: number): Needed[] {
    const here = this.#lists.filter(({ piece }) => this.#store.hasChunk(piece.id));
    this.#lists = this.#lists.filter((list) => !here.includes(list) && !this.#givenUp.has(list.root));
    for (const { piece, root } of here) this.#enter(piece, root);
    const needed: Needed[] = [];
    while (needed.length < max) {
      const frame = this.#stack.at(-1);
      if (!frame) break;
      if (frame.at === frame.pieces.length || this.#givenUp.has(frame.root)) {
        this.#stack.pop();
        continue;
      }
      const { root } = frame;
      const piece = frame.pieces[frame.at++];
      if (!this.#store.hasChunk(piece.id)) {
        needed.push({ id: piece.id, root });
        if (piece.depth > 0) this.#lists.push({ piece, root });
      } else if (piece.depth > 0) this.#enter(piece, root);
    }
    return needed;
  }

  /** Nothing more is wanted of it, as something of it is nowhere; nor of those that have a list in common with it. */
  giveUp(root: number): void {
    if (this.#givenUp.has(root)) return;
    this.#givenUp.add(root);
    for (const other of this.#related.get(root) ?? []) this.giveUp(other);
  }

  get givenUp(): ReadonlySet<number> {
    return this.#givenUp;
  }

  #enter(list: Piece, root: number): void {
    const name = `${list.depth} ${list.size} ${list.id}`;
    const first = this.#entered.get(name);
    if (first !== undefined) return this.#relate(first, root);
    if (this.#entered.size >= ENTERED_MAX) this.#entered.clear();
    this.#entered.set(name, root);
    try {
      this.#stack.push({ pieces: this.#store.piecesOf(list), root, at: 0 });
    } catch {
      // Whoever wrote it named as a list what is none: there is no such content anywhere.
      this.giveUp(root);
    }
  }

  #relate(one: number, other: number): void {
    if (one === other) return;
    for (const [from, to] of [[one, other], [other, one]]) {
      const related = this.#related.get(from);
      if (related) related.add(to);
      else this.#related.set(from, new Set([to]));
    }
    if (this.#givenUp.has(one)) this.giveUp(other);
  }
}
