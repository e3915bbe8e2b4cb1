import { NineError, type Principal, type Timestamp } from "../../9p/mod.ts";
import type { Operation } from "../../state/operation/mod.ts";
import { Inode, ROOT_INO } from "./inode.ts";
import { type Place, Places } from "./place.ts";
import { reload } from "./reload.ts";
import type { LeftFile, Logged, VolumeStore } from "./store.ts";

export interface VolumeOptions {
  /** What the volume is called; the history of a file tells it. */
  readonly name?: string;
  readonly clock?: () => Timestamp;
  /** When a change is durable that nobody calls fsync for; with `clunk`, before the file that it was made through is closed. */
  readonly durable?: "clunk";
  /** Bound on places that nobody holds but that can be found without asking the index; 32,768. */
  readonly placesMax?: number;
  /** A file whose first change is in no version so many bytes of log later gets one, since the log is kept from there; 256 MiB. */
  readonly heldBytesMax?: number;
}

const HELD_BYTES_MAX = 256 * 1024 * 1024;
const DEPTH_MAX = 10_000;

type Kind = Operation["kind"];
type Words<K extends Kind> = Omit<Extract<Operation, { kind: K }>, "kind" | "by" | "time">;

/** What the index does not have yet, by the operation that it comes from. */
interface Pending {
  readonly number: number;
  readonly place: Place;
  /** A name that went from the directory `place`. */
  readonly gone?: string;
  /** An attribute of the file. */
  readonly xattr?: string;
  /** The file's contents were settled. */
  readonly settles?: boolean;
}

/** What a file has in the log and in no version. */
interface Written {
  readonly place: Place;
  /** How many bytes had been logged when that began. */
  readonly since: number;
}

/**
 * The tree as it is after all operations of this node: the index, and over it what the index does not have yet. What is
 * pending is pinned in the table until a renewed index has it.
 */
export class Tree {
  readonly places: Places;
  readonly root: Place;
  readonly name: string;
  readonly #clock: () => Timestamp;
  #pending: Pending[] = [];
  /** Files with changes that nothing in the log settles; their places are pinned. The one that has been so longest is first. */
  readonly #written = new Map<Inode, Written>();
  readonly #heldBytesMax: number;
  /** Bytes that were put in the log, and where the last operation is. */
  #loggedBytes = 0;
  #last = { segment: 0, position: 0 };
  /** Of the first entry that is still pending. */
  #pendingFrom = 0;

  constructor(readonly store: VolumeStore, options: VolumeOptions) {
    this.name = options.name ?? "";
    this.#clock = options.clock ?? systemClock;
    this.places = new Places(options.placesMax ?? 32_768);
    this.#heldBytesMax = options.heldBytesMax ?? HELD_BYTES_MAX;
    const row = store.index.node(ROOT_INO);
    if (row === undefined) throw new NineError("EIO", "The volume has no root directory: run volume verify");
    this.root = this.places.addRoot(new Inode(row));
    for (const left of store.left) this.#takeUp(left);
    store.onRenewed = () => this.#renewed();
    store.onSnapshot = () => this.#settleAll();
    store.onRestored = (changed) => reload(this, changed);
    store.onLost = (ino, number, reason) => this.places.inode(ino)?.contents?.lose(number, reason);
    store.heldFiles = () =>
      [...this.places.inodes()].flatMap(({ ino, holds }) => holds > 0 && ino !== ROOT_INO ? [ino] : []);
  }

  now(): Timestamp {
    return this.#clock();
  }

  /** Puts the operation in the log. Throws before anything has changed, or not at all. */
  log<K extends Kind>(kind: K, by: Principal, time: Timestamp, words: Words<K>): Logged {
    const oldest = this.#written.values().next().value;
    // One for each operation is enough, since none makes more than one.
    if (oldest !== undefined && this.#loggedBytes - oldest.since > this.#heldBytesMax) {
      this.settle(oldest.place);
    }
    return this.#append({ kind, by, time, ...words } as unknown as Operation);
  }

  #append(operation: Operation): Logged {
    const logged = this.store.append(operation);
    const { segment, position } = logged;
    this.#loggedBytes += segment === this.#last.segment ? position - this.#last.position : position;
    this.#last = { segment, position };
    return logged;
  }

  /** The contents were written to or cut, which the index does not have before they are settled. */
  wrote(place: Place): void {
    if (this.#written.has(place.inode)) return;
    this.places.pin(place);
    this.#written.set(place.inode, { place, since: this.#loggedBytes });
  }

  /** The index has the place's file as it is now once it has that operation. */
  pend(number: number, place: Place, more: Omit<Pending, "number" | "place"> = {}): void {
    this.places.pin(place);
    this.#pending.push({ number, place, ...more });
  }

  /** The child of that name, undefined where there is none. */
  child(dir: Place, name: string): Place | undefined {
    const { inode } = dir;
    if (!inode.isDirectory) throw new NineError("ENOTDIR", `${dir.path} is no directory`);
    const known = dir.children?.get(name);
    if (known !== undefined) {
      this.places.refresh(known);
      return known;
    }
    if (dir.removed || inode.gone.has(name)) return undefined;
    // A listing shows what the index has.
    if (dir.isComplete && !this.store.isAhead) return undefined;
    const edge = this.store.index.edge(inode.ino, name);
    return edge && this.places.add(dir, name, edge.eid, this.inode(edge.ino));
  }

  /** The file of that number, which the index has. */
  inode(ino: number): Inode {
    const known = this.places.inode(ino);
    if (known !== undefined) return known;
    const row = this.store.index.node(ino);
    if (row === undefined) {
      throw new NineError("EIO", `A name leads to file ${ino}, which is not there: run volume verify`);
    }
    return new Inode(row);
  }

  /** The directory, about to get a new name. */
  checkFree(dir: Place, name: string): void {
    if (this.child(dir, name)) throw new NineError("EEXIST", `${dir.pathTo(name)} is there already`);
    if (dir.removed) {
      throw new NineError("ENOENT", `The directory ${dir.path} was removed: nothing can be made in it`);
    }
  }

  /** A name has come to a directory. */
  entered(place: Place, { number }: Logged, by: Principal, time: Timestamp): void {
    const { parent, inode } = place;
    inode.nlink++;
    place.namedBy = number;
    parent.inode.fresh.add(place);
    parent.inode.grow(1, Number(inode.isDirectory));
    parent.inode.touched(number, by, time);
    this.pend(number, place);
  }

  /** The place's name goes from its directory; the place itself is about to move or to end. */
  leaving(place: Place, { number }: Logged, by: Principal, time: Timestamp): void {
    const { parent, inode } = place;
    inode.nlink--;
    // A name that the index never had leaves nothing behind in it, yet it may get there before the operation that took it.
    parent.inode.fresh.delete(place);
    parent.inode.gone.set(place.name, number);
    parent.inode.grow(-1, -Number(inode.isDirectory));
    parent.inode.touched(number, by, time);
    this.pend(number, parent, { gone: place.name });
    this.pend(number, place);
  }

  /** What was written becomes a version. Where that cannot be logged, the file stays as it is, to be settled later. */
  settle({ inode }: Place, by: Principal = inode.muid): void {
    const written = this.#written.get(inode);
    if (written === undefined) return;
    const { number } = this.#append({ kind: "settle", by, time: this.now(), ino: inode.ino });
    inode.contents!.versionAsked();
    this.pend(number, written.place, { settles: true });
    this.#unwritten(inode);
  }

  /** After the last holder of a file without a name has gone, it need not be kept. */
  forgetIfUnused({ inode }: Place): void {
    if (inode.nlink > 0 || inode.holds > 0 || inode.isForgotten) return;
    this.log("forget", inode.uid, this.now(), { ino: inode.ino });
    this.forgotten(inode);
  }

  /** The file is gone, with what was written to it. */
  forgotten(inode: Inode): void {
    inode.isForgotten = true;
    this.#unwritten(inode);
  }

  /** What was written to the file before this start is in the log, and stays in view. */
  #takeUp({ ino, version, by, time, spans }: LeftFile): void {
    // One without a name was let go of; one that is settled by now is what the index says.
    const place = this.store.index.unsettledFrom(ino) === undefined ? undefined : this.#placeOf(ino, 0);
    if (place?.inode.contents === undefined) return;
    const { inode } = place;
    for (const { start, end, lost, ...logged } of spans) {
      if (start === undefined) inode.contents!.cut(logged, end);
      else inode.contents!.write(logged, start, end, lost);
    }
    Object.assign(inode, { version, muid: by, ...(time ? { mtime: time, ctime: time } : {}) });
    this.wrote(place);
  }

  /** A place of the file, by the names that the index has. */
  #placeOf(ino: number, depth: number): Place | undefined {
    if (ino === ROOT_INO) return this.root;
    const { index } = this.store;
    const [edge] = index.changes.namesOf(ino, index.seq);
    if (edge === undefined || depth > DEPTH_MAX) return undefined;
    const dir = this.#placeOf(edge.parent, depth + 1);
    return dir && this.child(dir, edge.name);
  }

  #unwritten(inode: Inode): void {
    const written = this.#written.get(inode);
    if (written === undefined) return;
    this.#written.delete(inode);
    this.places.unpin(written.place);
  }

  /** What was written before a snapshot is in it, whoever has it open. */
  #settleAll(): void {
    for (const { place } of [...this.#written.values()]) this.settle(place);
  }

  #renewed(): void {
    const { applied } = this.store.index;
    const pending = this.#pending;
    let at = this.#pendingFrom;
    // A file may have been settled thousands of times since, and all that counts is the last.
    const settled = new Map<Inode, Pending>();
    for (let i = at; i < pending.length && pending[i].number <= applied; i++) {
      if (pending[i].settles) settled.set(pending[i].place.inode, pending[i]);
    }
    for (const { place, number } of settled.values()) this.#settled(place, number);
    for (; at < pending.length && pending[at].number <= applied; at++) this.#release(pending[at]);
    this.#pendingFrom = at;
    if (at === pending.length || at > 65_536) {
      this.#pending = pending.slice(at);
      this.#pendingFrom = 0;
    }
  }

  #release({ number, place, gone, xattr }: Pending): void {
    const { inode } = place;
    if (gone !== undefined) {
      if (inode.gone.get(gone) === number) inode.gone.delete(gone);
    } else if (place.namedBy === number) place.parent.inode.fresh.delete(place);
    if (xattr !== undefined && inode.xattrs.get(xattr)?.number === number) inode.xattrs.delete(xattr);
    this.places.unpin(place);
  }

  /** Where what it was written over is damaged, the file has no version of it: it stays what was written, to be settled again. */
  #settled(place: Place, number: number): void {
    const { contents, ino } = place.inode;
    const first = this.store.index.unsettledFrom(ino);
    if (first === undefined || first > number) contents!.settled(number);
    else if (!place.inode.isForgotten) this.wrote(place);
  }
}

function systemClock(): Timestamp {
  const ms = performance.timeOrigin + performance.now();
  const sec = Math.floor(ms / 1000);
  return { sec, nsec: Math.floor((ms - sec * 1000) * 1e6) };
}
