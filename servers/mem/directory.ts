import type { Place } from "./place.ts";

/** A name in the order of its making; the place is undefined once the name is gone. */
interface Slot {
  readonly cookie: number;
  place: Place | undefined;
}

/**
 * The names in a directory. Each gets a cookie that grows, so that a listing goes on where it was whatever is added or
 * removed meanwhile (rule R29).
 */
export class Directory {
  readonly #byName = new Map<string, Place>();
  #slots: Slot[] = [];
  #lastCookie = 0;
  /** How many of the names are directories: each links back by its "..". */
  folders = 0;
  #removed = 0;

  get size(): number {
    return this.#byName.size;
  }

  get(name: string): Place | undefined {
    return this.#byName.get(name);
  }

  /** Adds a place whose name is free here. */
  add(place: Place): void {
    this.#byName.set(place.name, place);
    if (place.inode.directory) this.folders++;
    place.cookie = ++this.#lastCookie;
    this.#slots.push({ cookie: place.cookie, place });
  }

  remove(place: Place): void {
    this.#byName.delete(place.name);
    if (place.inode.directory) this.folders--;
    this.#slots[this.#after(place.cookie - 1)].place = undefined;
    if (++this.#removed * 2 > this.#slots.length) {
      this.#slots = this.#slots.filter((slot) => slot.place);
      this.#removed = 0;
    }
  }

  /** At most `max` places behind the cookie, oldest first. */
  list(cookie: number, max: number): Place[] {
    const places: Place[] = [];
    for (let i = this.#after(cookie); i < this.#slots.length && places.length < max; i++) {
      const { place } = this.#slots[i];
      if (place) places.push(place);
    }
    return places;
  }

  /** The index of the first slot with a higher cookie. */
  #after(cookie: number): number {
    let low = 0;
    let high = this.#slots.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#slots[middle].cookie <= cookie) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
