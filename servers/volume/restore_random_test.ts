import assert from "node:assert/strict";
import { VolumeStore } from "../../state/volume/mod.ts";
import { verify } from "../../state/worker/mod.ts";
import { call, now, numbers, type Place, type Server } from "./_fixture.ts";
import {
  checkRestored,
  exactly,
  type Picture,
  picture,
  sharing,
  type Shot,
  withoutNumbers,
} from "./_picture.ts";
import { Walker } from "./_walker.ts";
import { snapshots, volume } from "./mod.ts";

/** The first seed and how many; `LUX9_SEED=7` alone tries that one. */
const FIRST = Number(Deno.env.get("LUX9_SEED") ?? 1);
const COUNT = Number(Deno.env.get("LUX9_RUNS") ?? (Deno.env.has("LUX9_SEED") ? 1 : 4));
const STEPS = Number(Deno.env.get("LUX9_STEPS") ?? 12);

Deno.test(`restore after anything: what is at the path is as it was, all else as it is, and so is the past; ${COUNT} seeds from ${FIRST}`, async () => {
  for (let seed = FIRST; seed < FIRST + COUNT; seed++) await new Run(seed).run();
});

/** A snapshot: the tree when it was made, and what of it was to be seen in the past right then. */
interface Named {
  readonly name: string;
  readonly then: Picture;
  readonly past: readonly string[];
}

/** A place that somebody holds, and what is in its file. */
interface Seen {
  readonly place: Place;
  readonly ino: number;
  readonly text: string;
}

/** One volume, to which everything happens. */
class Run {
  readonly #below: (n: number) => number;
  readonly #snapshots: Named[] = [];
  #store!: VolumeStore;
  #server!: Server;
  #root!: Place;
  #walker!: Walker;
  #count = 0;
  #what = "";

  constructor(readonly seed: number) {
    this.#below = numbers(seed);
  }

  async run(): Promise<void> {
    const folder = await Deno.makeTempDir({ prefix: "lux9-restore-" });
    try {
      await this.#open(folder);
      for (let step = 0; step < STEPS; step++) {
        this.#what = `LUX9_SEED=${this.seed}, step ${step}`;
        for (let i = this.#below(30); i > 0; i--) {
          this.#walker.act();
          if (this.#below(20) === 0) await this.#store.caughtUp();
        }
        await this.#step(folder);
      }
      await this.#reopen(folder, false);
      this.#checkPast();
      await this.#store.close();
      assert.deepEqual(verify(folder).problems, [], `${this.#what}, verify`);
    } catch (thrown) {
      this.#store.abandon();
      throw thrown;
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  }

  async #step(folder: string): Promise<void> {
    const below = this.#below;
    if (this.#snapshots.length === 0) return await this.#snapshot();
    switch (below(12)) {
      case 0:
      case 1:
      case 2:
        return await this.#snapshot();
      case 3:
        return await this.#reopen(folder, below(2) === 0);
      case 4:
        return await this.#forget();
      case 5:
        return await this.#restoreAndKill(folder);
      case 6:
        return await this.#restoreAndWrite();
      default:
        return await this.#restore();
    }
  }

  async #snapshot(): Promise<void> {
    const name = `then ${this.#count++}`;
    await this.#store.snapshot(name, "me");
    this.#note(name, this.#picture());
  }

  /** A snapshot shows the tree as it was when it was made. */
  #note(name: string, then: Picture): void {
    const past = this.#past(name);
    assert.deepEqual(withoutNumbers(past), withoutNumbers(then), `${this.#what}, ${name} in the past`);
    assert.deepEqual(sharing(past), sharing(then), `${this.#what}, files of ${name} in the past`);
    this.#snapshots.push({ name, then, past: exactly(past) });
  }

  async #restore(): Promise<void> {
    const { snapshot, path } = this.#choose();
    const before = this.#picture();
    const opened = this.#opened();
    const undo = `undo ${this.#count++}`;
    const what = `${this.#what}, ${path} of ${snapshot.name}`;
    const restored = this.#store.restore(snapshot.name, namesOf(path), undo, "me");
    if (isInTheWay(before, path)) {
      await assert.rejects(restored, { code: "ENOTDIR" }, what);
      return assert.deepEqual(exactly(this.#picture()), exactly(before), `${what}, refused`);
    }
    await restored;
    const after = this.#picture();
    checkRestored(snapshot.then, before, after, path, what);
    this.#note(undo, before);
    this.#checkOpened(opened, after, what);
    if (this.#below(3) > 0) return;
    // Taken back as a whole, or the path alone.
    const top = this.#below(2) === 0 || !before.has(path) ? "" : path;
    await this.#store.restore(undo, namesOf(top), `redo ${this.#count}`, "me");
    const back = this.#picture();
    checkRestored(before, after, back, top, `${what}, ${top} taken back`);
    this.#note(`redo ${this.#count}`, after);
  }

  /** Whoever has a file open writes to it while it is restored: that waits, and then goes on with what there is. */
  async #restoreAndWrite(): Promise<void> {
    const { snapshot, path } = this.#choose();
    const before = this.#picture();
    if (isInTheWay(before, path)) return;
    const undo = `undo ${this.#count++}`;
    const restored = this.#store.restore(snapshot.name, namesOf(path), undo, "me");
    const write = this.#walker.write();
    const written = write?.written;
    if (write !== undefined) assert.ok(written instanceof Promise, `${this.#what}, a write while restoring`);
    await restored;
    await written;
    const after = new Map(this.#picture());
    this.#note(undo, before);
    const what = `${this.#what}, ${path} of ${snapshot.name}, with writes`;
    if (write === undefined) return checkRestored(snapshot.then, before, after, path, what);
    // As if it had not been written to.
    const ino = Number(this.#server.qid(write.place).path);
    const wrote: Shot[] = [...after.values()].filter((shot) => shot.ino === ino);
    if (wrote.length > 0) assert.ok(wrote[0].text.includes(write.text), `${what}: ${wrote[0].path}`);
    const undone = [...snapshot.then.values(), ...before.values()].filter((shot) => shot.ino === ino);
    const attempts = undone.map(({ about, mtime }) => () => {
      for (const shot of wrote) after.set(shot.path, { ...shot, about, mtime });
      checkRestored(snapshot.then, before, after, path, what);
    });
    if (wrote.length === 0 || undone.length === 0) checkRestored(snapshot.then, before, after, path, what);
    else anyOf(attempts);
  }

  /** After the death of the process all of it is there, or nothing. */
  async #restoreAndKill(folder: string): Promise<void> {
    const { snapshot, path } = this.#choose();
    const before = this.#picture();
    if (isInTheWay(before, path)) return;
    const undo = `undo ${this.#count++}`;
    this.#store.restore(snapshot.name, namesOf(path), undo, "me").catch(() => {});
    await new Promise((wake) => setTimeout(wake, this.#below(12)));
    await this.#kill(folder);
    const after = this.#picture();
    const isNamed = this.#store.index.past.snapshot(undo) !== undefined;
    if (isNamed) this.#note(undo, before);
    const what = `${this.#what}, ${path} of ${snapshot.name}, killed`;
    // Between the name of what was before and the restoring itself nothing is logged, yet a process may end.
    anyOf([
      () => assert.deepEqual(exactly(after), exactly(before), what),
      () => {
        assert.ok(isNamed, what);
        checkRestored(snapshot.then, before, after, path, what);
      },
    ]);
  }

  /** Snapshots are removed, and history goes that no other shows. */
  async #forget(): Promise<void> {
    if (this.#snapshots.length > 3) {
      const [{ name }] = this.#snapshots.splice(this.#below(this.#snapshots.length), 1);
      await this.#store.unsnapshot(name, "me");
    }
    const before = exactly(this.#picture());
    await this.#store.collect();
    assert.deepEqual(exactly(this.#picture()), before, `${this.#what}, collected`);
    this.#checkPast();
  }

  /** The volume is closed, or its process is killed, and opened again: it is the same. */
  async #reopen(folder: string, kills: boolean): Promise<void> {
    const before = this.#picture();
    if (kills) await this.#kill(folder);
    else {
      this.#walker.end();
      await this.#store.close();
      assert.deepEqual(verify(folder).problems, [], `${this.#what}, verify`);
      await this.#open(folder);
    }
    assert.deepEqual(exactly(this.#picture()), exactly(before), `${this.#what}, opened again`);
    this.#checkPast();
  }

  async #kill(folder: string): Promise<void> {
    this.#store.abandon();
    await this.#open(folder);
  }

  async #open(folder: string): Promise<void> {
    this.#store = await VolumeStore.open(folder, {
      gatherMs: 1,
      checkpointOperations: 200,
      retention: { everything: 0, hourly: 0, daily: 0 },
      onTrouble: (message) => {
        throw new Error(`${this.#what}: ${message}`);
      },
    });
    this.#server = volume(this.#store, { placesMax: 20 });
    this.#root = now(this.#server.attach("", call));
    this.#walker = new Walker(this.#server, this.#root, this.#below);
  }

  /** Any snapshot, the latest ones most often, and a path that was there, folders most often. */
  #choose(): { readonly snapshot: Named; readonly path: string } {
    const below = this.#below;
    const latest = this.#snapshots.slice(-(1 + below(this.#snapshots.length)));
    const snapshot = latest[below(latest.length)];
    const all = [...snapshot.then.values()].filter(({ path }) => path !== "");
    const folders = all.filter(({ isDirectory }) => isDirectory);
    const from = below(3) === 0 || folders.length === 0 ? all : folders;
    const path = below(5) === 0 || from.length === 0 ? "" : from[below(from.length)].path;
    return { snapshot, path };
  }

  #picture(): Picture {
    return picture(this.#server, this.#root);
  }

  #past(name: string): Picture {
    const past = snapshots(this.#store, { uid: "me", gid: "us" });
    return picture(past, now(past.walk(now(past.attach("", call)), name, call)));
  }

  #checkPast(): void {
    for (const { name, past } of this.#snapshots) {
      assert.deepEqual(exactly(this.#past(name)), past, `${this.#what}, ${name} in the past`);
    }
  }

  /** What whoever holds a file sees of it. */
  #opened(): Seen[] {
    const held = [...this.#walker.held, ...this.#walker.opened.map(({ place }) => place)];
    return held.map((place) => ({
      place,
      ino: Number(this.#server.qid(place).path),
      text: this.#text(place),
    }));
  }

  /** Who holds a file has it as it is now, at one of its names if that is to be had; a file that is gone stays as it was. */
  #checkOpened(opened: readonly Seen[], after: Picture, what: string): void {
    for (const { place, ino, text } of opened) {
      const named = [...after.values()].filter((shot) => shot.ino === ino);
      assert.equal(Number(this.#server.qid(place).path), ino, `${what}: ${place.path} is the same file`);
      if (place.inode.contents) {
        assert.equal(this.#text(place), named[0]?.text ?? text, `${what}: ${place.path}`);
      }
      const walked = named.map(({ path }) => this.#walk(path));
      if (!place.removed) {
        assert.ok(walked.includes(place), `${what}: a walk to ${place.path} leads to its place`);
      } else {assert.ok(
          walked.every((other) => other !== place),
          `${what}: ${place.path} is no name any more`,
        );}
    }
  }

  #walk(path: string): Place {
    return namesOf(path).reduce((dir, name) => now(this.#server.walk(dir, name, call)), this.#root);
  }

  #text(place: Place): string {
    if (!place.inode.contents) return "";
    const into = new Uint8Array(place.inode.size);
    place.inode.contents.read(this.#store, 0, into);
    return new TextDecoder().decode(into);
  }
}

function namesOf(path: string): string[] {
  return path.split("/").filter((name) => name !== "");
}

/** Whether something that is no directory is where one above the path was. */
function isInTheWay(before: Picture, path: string): boolean {
  for (let at = path.lastIndexOf("/"); at > 0; at = path.lastIndexOf("/", at - 1)) {
    if (before.get(path.slice(0, at))?.isDirectory === false) return true;
  }
  return false;
}

/** One of them is so. */
function anyOf(attempts: readonly (() => void)[]): void {
  const failures: unknown[] = [];
  for (const attempt of attempts) {
    try {
      return attempt();
    } catch (thrown) {
      failures.push(thrown);
    }
  }
  throw failures.at(-1);
}
