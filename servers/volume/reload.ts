import { NineError } from "../../9p/mod.ts";
import type { Named } from "../../state/store/mod.ts";
import { type Inode, ROOT_INO } from "./inode.ts";
import type { Place } from "./place.ts";
import type { Tree } from "./tree.ts";

const DEPTH_MAX = 10_000;

/**
 * Brings what is in memory to what the index says, where that changed by itself. Nothing is pending but contents that are
 * settled anyway. Who holds a place keeps it: it follows its file to where that has its name now. `changed`: the files that
 * are others than before, and the directories in which names are; all, where that is not known.
 */
export function reload(tree: Tree, changed?: ReadonlySet<number>): void {
  const { index } = tree.store;
  const displaced: Place[] = [];
  const isOther = ({ ino }: Inode) => changed === undefined || changed.has(ino);
  for (const place of placesBelow(tree.root)) {
    if (!isOther(place.inode) && !isOther(place.parent.inode)) continue;
    const edge = index.edge(place.parent.inode.ino, place.name);
    if (edge?.ino === place.inode.ino) place.eid = edge.eid;
    else displaced.push(place);
  }
  for (const inode of tree.places.inodes()) {
    if (!isOther(inode)) continue;
    const row = index.node(inode.ino);
    inode.xattrs.clear();
    if (row !== undefined) inode.reload(row);
    else {
      // Nobody held it when that was asked; who does by now has what it was.
      const last = inode.holds > 0 && inode.contents && index.past.history(inode.ino, 1).at(0)?.node;
      if (last) inode.contents!.replace(last.content, last.size);
      inode.nlink = 0;
      inode.isForgotten = true;
    }
  }
  // All leave before any comes, since two may have changed places.
  for (const place of displaced) tree.places.displace(place);
  const following = new Following(tree, displaced);
  for (const place of displaced) following.follow(place);
  for (const place of displaced) {
    if (place.inTable) continue;
    place.removed = true;
    tree.places.detach(place);
    // Somebody held it when that was asked, and may not do so any longer.
    try {
      tree.forgetIfUnused(place);
    } catch (thrown) {
      // Where the log takes nothing it goes at the next start.
      if (!(thrown instanceof NineError)) throw thrown;
    }
  }
}

function* placesBelow(top: Place): Generator<Place> {
  for (const place of top.children?.values() ?? []) {
    yield place;
    yield* placesBelow(place);
  }
}

/** Places that somebody needs go where their files have names that no other place has, directories before what is in them. */
class Following {
  readonly #tree: Tree;
  readonly #directories = new Map<number, Place>();

  constructor(tree: Tree, displaced: readonly Place[]) {
    this.#tree = tree;
    for (const place of displaced) {
      if (place.inode.isDirectory && isNeeded(place)) this.#directories.set(place.inode.ino, place);
    }
  }

  follow(place: Place): void {
    if (place.inTable || !isNeeded(place)) return;
    this.#directories.delete(place.inode.ino);
    for (const { parent, name, eid } of this.#namesOf(place.inode.ino)) {
      const dir = this.#placeOf(parent, 0);
      if (dir === undefined || dir.children?.has(name)) continue;
      return this.#tree.places.move(place, dir, name, eid);
    }
  }

  /** The place of a directory, which is in the table afterwards. */
  #placeOf(ino: number, depth: number): Place | undefined {
    if (ino === ROOT_INO) return this.#tree.root;
    const own = this.#directories.get(ino);
    if (own !== undefined) {
      this.follow(own);
      return own;
    }
    const [edge] = this.#namesOf(ino);
    if (edge === undefined || depth > DEPTH_MAX) return undefined;
    const above = this.#placeOf(edge.parent, depth + 1);
    return above && this.#tree.child(above, edge.name);
  }

  #namesOf(ino: number): readonly Named[] {
    const { index } = this.#tree.store;
    return index.changes.namesOf(ino, index.seq);
  }
}

function isNeeded(place: Place): boolean {
  return place.holds > 0 || place.pins > 0 || (place.children?.size ?? 0) > 0;
}
