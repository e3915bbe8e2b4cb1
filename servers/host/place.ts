import type { Inode, Inodes } from "./inode.ts";

/**
 * One name of one file in one directory: the node that fids bind to. A rename through us moves the place, and with it
 * all that is below; two hard links are two places of one inode.
 */
export class Place {
  /** The directory's place; the root is its own. */
  parent: Place;
  name: string;
  readonly inode: Inode;
  /** Places below that are in the table. */
  children: Map<string, Place> | undefined;
  /** Fids and other long-lived references. */
  holds = 0;
  /** Whether walking to the name gives this very place. */
  inTable = false;
  /** Whether it counts as one of its inode's places. */
  counted = false;
  /**
   * Whether the name was taken away through us. Such a place lives on by its descriptor, which is then neither checked
   * against the name nor closed, until nobody holds it.
   */
  removed = false;

  /** An O_PATH descriptor of exactly this inode, or -1. The rest is kept by `Descriptors`. */
  fd = -1;
  /** When the name was last seen to lead from the root to this inode. Milliseconds, like the others. */
  checkedMs = 0;
  usedMs = 0;
  queuedMs = 0;
  /** In which operation the descriptor was last used; it is not closed during that one. */
  usedIn = 0;

  /** `parent` is null for the root. */
  constructor(parent: Place | null, name: string, inode: Inode) {
    this.parent = parent ?? this;
    this.name = name;
    this.inode = inode;
  }

  get isRoot(): boolean {
    return this.parent === this;
  }

  /** From the root, for messages: `/a/b`. */
  get path(): string {
    if (this.isRoot) return "/";
    const names = [this.name];
    for (let above = this.parent; !above.isRoot; above = above.parent) names.push(above.name);
    return "/" + names.reverse().join("/");
  }
}

/**
 * The places that can be found again: all that are held, their directories, and the latest others up to a bound. One
 * (directory, name) is one place here.
 */
export class Places {
  readonly #inodes: Inodes;
  readonly #idleMax: number;
  readonly #release: (place: Place) => void;
  /** Neither held nor with places below, the longest unused first. */
  readonly #idle = new Set<Place>();

  /** `release` gives up what a place keeps of the system when it leaves the table for good. */
  constructor(inodes: Inodes, idleMax: number, release: (place: Place) => void) {
    this.#inodes = inodes;
    this.#idleMax = idleMax;
    this.#release = release;
  }

  /** The place of a folder that is served. It is in no directory and stays. */
  addRoot(inode: Inode): Place {
    const root = new Place(null, "/", inode);
    this.#count(root);
    return root;
  }

  /** A new place; the name is free in the table. */
  add(parent: Place, name: string, inode: Inode): Place {
    const place = new Place(parent, name, inode);
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
    place.holds++;
    if (place.holds > 1) return;
    this.#idle.delete(place);
    if (place.counted || place.removed) return;
    // It fell out of the table between the walk and now: back, unless its name has been taken.
    this.#count(place);
    if (!place.parent.children?.has(place.name)) this.#enter(place);
  }

  drop(place: Place): void {
    if (place.holds === 0) return;
    place.holds--;
    if (place.holds > 0) return;
    this.#settle(place);
    this.#trim();
  }

  /** Another file has the name now, or none: who holds the place keeps it, but no walk leads to it. */
  detach(place: Place): void {
    if (place.inTable) this.#leave(place);
    this.#settle(place);
  }

  /** The place now has this name in this directory. What was there has been detached. */
  move(place: Place, parent: Place, name: string): void {
    if (place.inTable) this.#leave(place);
    place.parent = parent;
    place.name = name;
    this.#count(place);
    this.#enter(place);
  }

  #count(place: Place): void {
    if (place.counted) return;
    place.counted = true;
    this.#inodes.use(place.inode);
  }

  #enter(place: Place): void {
    const parent = place.parent;
    if (parent.children === undefined) parent.children = new Map();
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

  /** A place that is not held and has none below waits its turn to be forgotten, or is forgotten now. */
  #settle(place: Place): void {
    if (place.holds > 0 || place.isRoot || (place.children !== undefined && place.children.size > 0)) return;
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
    this.#release(place);
    if (!place.counted) return;
    place.counted = false;
    this.#inodes.unuse(place.inode);
  }
}
