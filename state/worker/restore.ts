import { NineError, S } from "../../9p/mod.ts";
import type { Operation, Restore } from "../operation/mod.ts";
import {
  type ChangeReader,
  type IndexWriter,
  type NodeRow,
  type PastReader,
  sameAttributes,
  sameContents,
} from "../store/mod.ts";
import type { Applier, Place } from "./applier.ts";

export interface RestoreOptions {
  readonly past: PastReader;
  readonly changes: ChangeReader;
  readonly index: IndexWriter;
  readonly applier: Applier;
  /** Numbers for files that come back. */
  readonly nextIno: () => number;
  /** Told where there is no such snapshot; nothing is done then. */
  readonly onDamage: (reason: string) => void;
}

/** With the record of the journal that the snapshot shows. */
interface RestoreTo extends RestoreOptions {
  readonly seq: number;
}

const ROOT_INO = 1;
const PAGE = 1000;
const DEPTH_MAX = 10_000;

/**
 * What is at a path becomes as it was, by operations like those of a client, all in the transaction that is open and that
 * nothing else was done in. It costs as much as there is difference:
 *
 * 1. Names below the path that were not there go; a file that was there under another name waits in a folder of its own.
 * 2. Names that were there come back, to the same file if that is within reach, else to a copy of what it was.
 * 3. Contents and attributes become what they were.
 *
 * A file stays what it is if it has a name below the path now, or one outside that it had then. One that was moved out
 * of the path stays where it is, and a copy takes its old place: what is outside does not change.
 */
export function restore(options: RestoreOptions, operation: Restore, place: Place): void {
  const found = options.past.snapshot(operation.snapshot);
  if (found === undefined) {
    return options.onDamage(
      `There is no snapshot ${operation.snapshot} to go back to: everything stays as it is`,
    );
  }
  new Restoring({ ...options, seq: found.seq }, operation, place).run();
}

type Words<Kind extends Operation["kind"]> = Omit<Extract<Operation, { kind: Kind }>, "kind" | "by" | "time">;

class Restoring {
  readonly #options: RestoreTo;
  readonly #operation: Restore;
  readonly #place: Place;
  readonly #held: ReadonlySet<number>;
  /** Numbers of files as they were: what the path led to, and whether it was above the others. */
  #target = ROOT_INO;
  readonly #was = new Map<number, boolean>();
  /** Directories that what is in reach is below. */
  readonly #reach = new Set<number>();
  readonly #isKept = new Map<number, boolean>();
  /** Where files wait for a name. */
  #waiting: { readonly ino: number; readonly rootBefore: NodeRow; readonly name: string } | undefined;
  readonly #waits = new Map<number, string>();
  /** Files that were made for files that are gone. */
  readonly #copies = new Map<number, number>();
  /** Files that are to be as others were. */
  readonly #due = new Map<number, number>();

  constructor(options: RestoreTo, operation: Restore, place: Place) {
    this.#options = options;
    this.#operation = operation;
    this.#place = place;
    this.#held = new Set(operation.held);
  }

  run(): void {
    const { past, changes, index } = this.#options;
    const { seq } = this.#options;
    const { path } = this.#operation;
    const span = { from: seq, to: index.seq };
    const at = this.#locate(path === "" ? [] : path.split("/"));
    if (at === undefined) return;
    const there = at === "everything" ? ROOT_INO : index.edge(at.parent, at.name)?.ino;
    if (there !== undefined) this.#reach.add(there);
    // It comes to the path, whatever it is below of by then.
    if (this.#keeps(this.#target)) this.#reach.add(this.#target);
    const fits = there === this.#target;

    // In the order of their numbers, which are the same whenever the log is applied. In which order they changed depends on which
    // operations were one transaction, and operations that follow call what is made now by its number.
    const changed = [...changes.files(span)].flat().sort(ascending).filter((ino) => this.#wasBelow(ino, 0));
    const kept = changed.filter((ino) => this.#keeps(ino));
    const folders = kept.filter((ino) => isDirectory(index.node(ino)!));
    // All that is to go or to come is found before anything moves.
    const come = folders.flatMap((ino) => changes.come(ino, span)).sort(byNumber);
    const inFolders = new Set(folders);
    const gone = [...changes.gone(span)].flat().filter(({ parent }) => inFolders.has(parent)).sort(byNumber);

    if (at !== "everything" && there !== undefined && !fits) this.#clear(at.parent, at.name, there);
    for (const { parent, name, ino } of come) {
      if (past.edge(parent, name, seq)?.ino !== ino) this.#clear(parent, name, ino);
    }
    if (at !== "everything" && !fits) this.#put(at.parent, at.name, this.#target);
    for (const { parent, name, ino } of gone) {
      if (index.edge(parent, name)?.ino !== ino) this.#put(parent, name, ino);
    }
    this.#endWaiting();
    for (const ino of kept) this.#due.set(ino, ino);
    for (const [now, then] of this.#due) this.#becomes(now, then);
    // A name that came to the root at the path is a change of its own.
    if (at === "everything" || fits || at.parent !== ROOT_INO) this.#rootAsBefore();
  }

  /** Where the path is now, its folders made anew where they are gone; undefined where it was nothing then. */
  #locate(names: string[]): { readonly parent: number; readonly name: string } | "everything" | undefined {
    const { past, index } = this.#options;
    const { seq } = this.#options;
    const then = [ROOT_INO];
    for (const name of names) {
      const edge = past.edge(then[then.length - 1], name, seq);
      if (edge === undefined) return undefined;
      then.push(edge.ino);
    }
    this.#target = then[then.length - 1];
    this.#was.set(this.#target, true);
    const name = names.pop();
    if (name === undefined) return "everything";
    let parent = ROOT_INO;
    for (const [i, folder] of names.entries()) {
      let ino = index.edge(parent, folder)?.ino;
      if (ino === undefined) {
        ino = this.#create(parent, folder, past.node(then[i + 1], seq)!);
        this.#due.set(ino, then[i + 1]);
      }
      if (!isDirectory(index.node(ino)!)) return undefined;
      parent = ino;
    }
    return { parent, name };
  }

  /** The name goes, and all that is below it, but for files that will have a name again: these wait. */
  #clear(parent: number, name: string, ino: number): void {
    const { index, past } = this.#options;
    const row = index.node(ino);
    if (row === undefined) return;
    if (this.#keeps(ino)) {
      // A name in the folder that nobody sees would be what others, who remove the rest, leave of the file.
      if (row.nlink > 1) return this.#do("unlink", { ino, parent, name, held: false });
      const waiting = this.#waitingFolder();
      const toName = String(index.nextEid());
      this.#waits.set(ino, toName);
      return this.#do("rename", {
        ...{ ino, parent, name, toParent: waiting, toName, eid: index.nextEid(), held: false },
      });
    }
    if (isDirectory(row)) {
      for (let eid = 0;;) {
        const page = past.list(ino, index.seq, eid, PAGE);
        for (const edge of page) this.#clear(ino, edge.name, edge.ino);
        if (page.length < PAGE) break;
        eid = page[page.length - 1].eid;
      }
    }
    this.#do("unlink", { ino, parent, name, held: this.#held.has(ino) });
  }

  /** The name leads again to what it led to. */
  #put(parent: number, name: string, then: number): void {
    const { past, index } = this.#options;
    const { seq } = this.#options;
    const row = past.node(then, seq);
    if (row === undefined) {
      throw new NineError(
        "EIO",
        `A name of the past leads to file ${then}, which is not kept: run volume verify`,
      );
    }
    if (this.#keeps(then)) {
      const from = this.#waits.get(then);
      if (from !== undefined) {
        this.#waits.delete(then);
        const waiting = this.#waitingFolder();
        return this.#do("rename", {
          ...{ ino: then, parent: waiting, name: from, toParent: parent, toName: name },
          ...{ eid: index.nextEid(), held: false },
        });
      }
      if (!isDirectory(row)) return this.#do("link", { ino: then, parent, eid: index.nextEid(), name });
    }
    const copy = this.#copies.get(then);
    if (copy !== undefined) return this.#do("link", { ino: copy, parent, eid: index.nextEid(), name });
    const ino = this.#create(parent, name, row);
    this.#due.set(ino, then);
    if (!isDirectory(row)) return void this.#copies.set(then, ino);
    // What was within reach may come into it, and is so still.
    this.#reach.add(ino);
    for (let eid = 0;;) {
      const page = past.list(then, seq, eid, PAGE);
      for (const edge of page) this.#put(ino, edge.name, edge.ino);
      if (page.length < PAGE) break;
      eid = page[page.length - 1].eid;
    }
  }

  #becomes(now: number, then: number): void {
    const { past, index, applier } = this.#options;
    const { seq } = this.#options;
    const { by } = this.#operation;
    const [row, before] = [index.node(now), past.node(then, seq)];
    if (row === undefined || before === undefined) return;
    if (!sameContents(row, before)) applier.replace(now, before, this.#place.number, by);
    const [attributes, wanted] = [past.xattrs(now, index.seq), past.xattrs(then, seq)];
    if (!sameAttributes(attributes, wanted)) {
      for (const name of attributes.keys()) {
        if (!wanted.has(name)) this.#do("xattr", { ino: now, name, value: null });
      }
      for (const [name, value] of wanted) this.#do("xattr", { ino: now, name, value });
    }
    this.#attributes(row, before);
  }

  #attributes({ ino, ...row }: NodeRow, { mode, uid, gid, flags, atime, mtime }: NodeRow): void {
    const same = (a: NodeRow["mtime"], b: NodeRow["mtime"]) => a.sec === b.sec && a.nsec === b.nsec;
    if (
      row.mode === mode && row.uid === uid && row.gid === gid && row.flags === flags &&
      same(row.atime, atime) && same(row.mtime, mtime)
    ) return;
    this.#do("attributes", { ino, mode, uid, gid, flags, atime, mtime, size: undefined });
  }

  #create(parent: number, name: string, { mode, uid, gid, flags, rdev, target }: NodeRow): number {
    const ino = this.#options.nextIno();
    const eid = this.#options.index.nextEid();
    this.#do("create", { ino, parent, eid, name, mode, uid, gid, flags, rdev, target });
    return ino;
  }

  /** Whether the file was at the path, or below it. */
  #wasBelow(ino: number, depth: number): boolean {
    if (this.#target === ROOT_INO) return this.#options.past.node(ino, this.#options.seq) !== undefined;
    const known = this.#was.get(ino);
    if (known !== undefined) return known;
    const names = depth > DEPTH_MAX ? [] : this.#options.changes.namesOf(ino, this.#options.seq);
    const was = names.some(({ parent }) => this.#wasBelow(parent, depth + 1));
    this.#was.set(ino, was);
    return was;
  }

  /** Whether the file that was below the path will be the same file. It is asked before it moves. */
  #keeps(ino: number): boolean {
    const known = this.#isKept.get(ino);
    if (known !== undefined) return known;
    const keeps = this.#canKeep(ino);
    this.#isKept.set(ino, keeps);
    return keeps;
  }

  #canKeep(ino: number): boolean {
    const { index, changes } = this.#options;
    const row = index.node(ino);
    if (row === undefined || row.nlink === 0 || !this.#wasBelow(ino, 0)) return false;
    if (this.#target === ROOT_INO || this.#isInReach(ino, 0)) return true;
    // A directory has one place, and that is outside now; the folder above the path may have moved with it.
    if (isDirectory(row)) return false;
    // Another name of it, which was outside then and is as it was.
    return changes.namesOf(ino, index.seq).some(({ parent, since }) =>
      since <= this.#options.seq && !this.#wasBelow(parent, 0)
    );
  }

  #isInReach(ino: number, depth: number): boolean {
    if (this.#reach.has(ino)) return true;
    if (ino === ROOT_INO || depth > DEPTH_MAX) return false;
    const { index, changes } = this.#options;
    return changes.namesOf(ino, index.seq).some(({ parent }) => this.#isInReach(parent, depth + 1));
  }

  /** A folder that nobody ever sees: it goes in the same transaction. */
  #waitingFolder(): number {
    if (this.#waiting !== undefined) return this.#waiting.ino;
    const { index } = this.#options;
    const rootBefore = { ...index.node(ROOT_INO)! };
    let name = `.restoring-${this.#place.number}`;
    while (index.edge(ROOT_INO, name) !== undefined) name += "-";
    const ino = this.#create(ROOT_INO, name, { ...rootBefore, mode: S.IFDIR | 0o700 });
    this.#waiting = { ino, rootBefore, name };
    this.#reach.add(ino);
    return ino;
  }

  #endWaiting(): void {
    if (this.#waiting === undefined) return;
    const { ino: parent, name } = this.#waiting;
    this.#do("unlink", { ino: parent, parent: ROOT_INO, name, held: false });
  }

  /** The folder that is gone has left its traces in the times of the root. */
  #rootAsBefore(): void {
    if (this.#waiting === undefined || this.#due.has(ROOT_INO)) return;
    this.#attributes(this.#options.index.node(ROOT_INO)!, this.#waiting.rootBefore);
  }

  #do<Kind extends Operation["kind"]>(kind: Kind, words: Words<Kind>): void {
    const { by, time } = this.#operation;
    this.#options.applier.apply({ kind, by, time, ...words } as unknown as Operation, this.#place);
  }
}

function isDirectory({ mode }: NodeRow): boolean {
  return (mode & S.IFMT) === S.IFDIR;
}

function ascending(a: number, b: number): number {
  return a - b;
}

function byNumber(a: { readonly eid: number }, b: { readonly eid: number }): number {
  return a.eid - b.eid;
}
