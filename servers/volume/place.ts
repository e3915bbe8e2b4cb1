import type { Inode } from "./inode.ts";

/**
 * One name of one file in one directory: the node that fids bind to. A rename moves the place, and with it all that is
 * below; two hard links are two places of one inode.
 */
export class Place {
  /** The directory's place; the root is its own. */
  parent: Place;
  /** Places below that are in the table. */
  children: Map<string, Place> | undefined;
  /** Fids and other long-lived references. */
  holds = 0;
  /** Operations on it that the index does not have yet. */
  pins = 0;
  /** The operation that gave it its name, where this node did so. */
  namedBy = 0;
  /** Whether walking to the name gives this very place. */
  inTable = false;
  /** Whether it counts as one of its inode's places. */
  counted = false;
  /** The name is gone; the file goes on for those who hold it. */
  removed = false;

  /** `parent` is null for the root. `eid` is the number of the name. */
  constructor(parent: Place | null, public name: string, public eid: number, readonly inode: Inode) {
    this.parent = parent ?? this;
  }

  get isRoot(): boolean {
    return this.parent === this;
  }

  /** From the root of the volume, for messages. */
  get path(): string {
    return this.isRoot ? "/" : this.parent.pathTo(this.name);
  }

  pathTo(name: string): string {
    return this.isRoot ? `/${name}` : `${this.path}/${name}`;
  }

  /** Of a directory: whether every name in it is in the table. */
  get isComplete(): boolean {
    return (this.children?.size ?? 0) === this.inode.size;
  }
}

/** Whether `place` is `top` or below it. */
export function isWithin(place: Place, top: Place): boolean {
  for (let at = place;; at = at.parent) {
    if (at === top) return true;
    if (at.isRoot) return false;
  }
}

/**
 * The places that can be found without asking the index: all that are held or pinned, their directories, and the latest
 * others up to a bound. One (directory, name) is one place here, and one file is one inode.
 */
export class Places {
  readonly #inodes = new Map<number, Inode>();
  readonly #idleMax: number;
  /** Neither held nor pinned nor with places below, the longest unused first. */
  readonly #idle = new Set<Place>();

  constructor(idleMax: number) {
    this.#idleMax = idleMax;
  }

  /** The inode of that number, if a place of it is in the table. */
  inode(ino: number): Inode | undefined {
    return this.#inodes.get(ino);
  }

  inodes(): IterableIterator<Inode> {
    return this.#inodes.values();
  }

  addRoot(inode: Inode): Place {
    const root = new Place(null, "/", 0, inode);
    this.#count(root);
    return root;
  }

  /** A new place; the name is free in the table. */
  add(parent: Place, name: string, eid: number, inode: Inode): Place {
    const place = new Place(parent, name, eid, inode);
    this.#count(place);
    this.#enter(place);
    this.#trim();
    return place;
  }

  /** The place was walked to again. */
  refresh(place: Place): void {
    if (this.#idle.delete(place)) this.#idle.add(place);
  }

  hold(place: Place): void {
    place.inode.holds++;
    place.holds++;
    if (place.holds === 1) this.#busy(place);
  }

  drop(place: Place): void {
    place.inode.holds--;
    place.holds--;
    if (place.holds === 0) this.#settleAndTrim(place);
  }

  pin(place: Place): void {
    place.pins++;
    if (place.pins === 1) this.#busy(place);
  }

  unpin(place: Place): void {
    place.pins--;
    if (place.pins === 0) this.#settleAndTrim(place);
  }

  /** The name was taken away: who holds the place keeps it, but no walk leads to it. */
  detach(place: Place): void {
    if (place.inTable) this.#leave(place);
    this.#settle(place);
  }

  /** The place now has this name in this directory. What was there has been detached. */
  move(place: Place, parent: Place, name: string, eid: number): void {
    if (place.inTable) this.#leave(place);
    place.parent = parent;
    place.name = name;
    place.eid = eid;
    this.#count(place);
    this.#enter(place);
  }

  /** No walk leads to the place until it moves: its name is another one now. */
  displace(place: Place): void {
    if (place.inTable) this.#leave(place);
  }

  #busy(place: Place): void {
    this.#idle.delete(place);
    if (place.counted || place.removed) return;
    // It fell out of the table between the walk and now: back, unless its name has been taken.
    this.#count(place);
    if (!place.parent.children?.has(place.name)) this.#enter(place);
  }

  #count(place: Place): void {
    if (place.counted) return;
    place.counted = true;
    if (place.inode.places++ === 0) this.#inodes.set(place.inode.ino, place.inode);
  }

  #enter(place: Place): void {
    const { parent } = place;
    parent.children ??= new Map();
    parent.children.set(place.name, place);
    place.inTable = true;
    this.#idle.delete(parent);
    this.#settle(place);
  }

  #leave(place: Place): void {
    place.inTable = false;
    this.#idle.delete(place);
    place.parent.children!.delete(place.name);
    this.#settle(place.parent);
  }

  #settleAndTrim(place: Place): void {
    this.#settle(place);
    this.#trim();
  }

  /** A place that nothing needs waits its turn to be forgotten, or is forgotten now. */
  #settle(place: Place): void {
    if (place.holds > 0 || place.pins > 0 || place.isRoot) return;
    if (place.children !== undefined && place.children.size > 0) return;
    if (place.inTable) this.#idle.add(place);
    else this.#forget(place);
  }

  #trim(): void {
    while (this.#idle.size > this.#idleMax) {
      const oldest = this.#idle.values().next().value!;
      this.#leave(oldest);
      this.#forget(oldest);
    }
  }

  #forget(place: Place): void {
    if (!place.counted) return;
    place.counted = false;
    if (--place.inode.places === 0) this.#inodes.delete(place.inode.ino);
  }
}
