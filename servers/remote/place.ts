import { Errno, errnoOf, NineError, type Qid, type RemoteFile } from "../../9p/mod.ts";
import type { Life, Link } from "./link.ts";

/** Unheld places whose fids are kept, so that a path that is used again and again costs no new walk. */
const IDLE_MAX = 256;

/** A fid, and the connection that it belongs to. */
export interface Bound {
  readonly life: Life;
  readonly file: RemoteFile;
}

/** A name of a remote file, with a fid of it while one is needed. It follows renames that are made through us. */
export class Place {
  holds = 0;
  /** The name is gone, or another file has it now: no walk leads here any more, only the fid does. */
  isDetached = false;
  readonly children = new Map<string, Place>();
  bound: Bound | undefined;

  constructor(public parent: Place | undefined, public name: string, public qid: Qid) {}

  /** The names on the way from the root; undefined where none leads here. */
  path(): string[] | undefined {
    if (this.isDetached) return undefined;
    const above = this.parent ? this.parent.path() : [];
    if (above && this.parent) above.push(this.name);
    return above;
  }
}

/** The places that are known, each once, and their fids. */
export class Places {
  readonly root: Place;
  readonly #idle = new Set<Place>();

  constructor(readonly link: Link, qid: Qid) {
    this.root = new Place(undefined, "/", qid);
  }

  /**
   * A fid of the place, in the life that goes on now. After a lost connection it is walked to by its path: ESTALE where
   * another file is there now, or none.
   */
  async bound(place: Place, signal?: AbortSignal): Promise<Bound> {
    const life = await this.link.life(signal);
    if (place.bound?.life === life) return place.bound;
    if (place === this.root) {
      place.qid = life.root.qid;
      return place.bound = { life, file: life.root };
    }
    const names = place.path();
    if (!names) throw stale(place, "its name is gone");
    const file = await this.#walk(place, life, names, signal);
    if (place.bound?.life === life) {
      // Somebody else was faster.
      file.letGo();
      return place.bound;
    }
    if (file.qid.path !== place.qid.path) {
      file.letGo();
      throw stale(place, "another file has its name");
    }
    place.qid = file.qid;
    const bound = place.bound = { life, file };
    this.#touch(place);
    return bound;
  }

  async #walk(place: Place, life: Life, names: string[], signal?: AbortSignal): Promise<RemoteFile> {
    try {
      return await life.root.walk(names, signal);
    } catch (thrown) {
      if (errnoOf(thrown) === Errno.ENOENT) throw stale(place, "there is nothing by its name");
      throw this.link.explain(life, thrown);
    }
  }

  /** The place of that name, whose file was just walked to: the one that is known, where it is the same file. */
  arrived(dir: Place, name: string, file: RemoteFile, life: Life): Place {
    const known = dir.children.get(name);
    if (known && known.qid.path === file.qid.path) {
      known.qid = file.qid;
      if (known.bound?.life === life) file.letGo();
      else known.bound = { life, file };
      this.#touch(known);
      return known;
    }
    if (known) this.detach(known);
    const place = new Place(dir, name, file.qid);
    place.bound = { life, file };
    dir.children.set(name, place);
    this.#touch(place);
    return place;
  }

  hold(place: Place): void {
    place.holds++;
    this.#idle.delete(place);
    // It may have been forgotten between the walk and this.
    const { parent } = place;
    if (parent && !place.isDetached && !parent.children.has(place.name)) {
      parent.children.set(place.name, place);
    }
  }

  drop(place: Place): void {
    place.holds--;
    this.#touch(place);
  }

  /** Nothing leads to the place any more; who holds it goes on by its fid. */
  detach(place: Place): void {
    if (place.parent?.children.get(place.name) === place) place.parent.children.delete(place.name);
    place.isDetached = true;
    this.#touch(place);
  }

  move(place: Place, dir: Place, name: string): void {
    if (place.parent === dir && place.name === name) return;
    const onto = dir.children.get(name);
    // rename(2): two names of one file stay as they are.
    if (onto?.qid.path === place.qid.path) return;
    if (onto) this.detach(onto);
    place.parent!.children.delete(place.name);
    place.parent = dir;
    place.name = name;
    dir.children.set(name, place);
  }

  /** Puts an unheld place at the end of the row, whose first ones go. */
  #touch(place: Place): void {
    if (place.holds > 0 || place === this.root) return;
    this.#idle.delete(place);
    if (place.isDetached) return this.#release(place);
    this.#idle.add(place);
    if (this.#idle.size <= IDLE_MAX) return;
    const [oldest] = this.#idle;
    this.#idle.delete(oldest);
    this.#release(oldest);
  }

  /** Gives the fid back, and forgets the place and the ones above it that nobody needs. */
  #release(place: Place): void {
    if (place.bound && !place.bound.life.client.end) place.bound.file.letGo();
    place.bound = undefined;
    for (let at = place; at.parent; at = at.parent) {
      if (at.holds > 0 || at.children.size > 0 || at.bound) return;
      if (at.parent.children.get(at.name) !== at) return;
      at.parent.children.delete(at.name);
    }
  }
}

function stale(place: Place, why: string): NineError {
  return new NineError(
    "ESTALE",
    `${JSON.stringify(place.name)} was not found again on the other side: ${why}`,
  );
}
