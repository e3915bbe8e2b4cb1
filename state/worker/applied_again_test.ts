/**
 * The log may be applied twice, and must come to the same: when power is lost, the database is older than what clients and
 * other operations have seen, and transactions are others the second time. Operations in the log name files by numbers, also
 * those that this side gave.
 */
import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { S } from "../../9p/mod.ts";
import { Random } from "../../tests/fuzz/random.ts";
import { realDisk } from "../disk/mod.ts";
import { DatabaseGuard } from "../guard/mod.ts";
import { IndexReader } from "../store/mod.ts";
import { DATABASE, VolumeStore } from "../volume/mod.ts";
import { durableOf, takeBack } from "./_taken_back.ts";
import { Keeper } from "./keeper.ts";
import { verify } from "./mod.ts";

const ROOT_INO = 1;
const STEPS = 250;
const OPTIONS = { owned: { uid: "me", gid: "us" }, checkpointOperations: 50_000 };
/** History that no snapshot shows goes with each collection. */
const RETENTION = { everything: 0, hourly: 0, daily: 0 };
const NAMES = ["a", "b", "c", "d", "e"];
const SNAPSHOTS_MAX = 4;
const SEEDS = Number(Deno.env.get("LUX9_SEEDS") ?? 2);

interface Found {
  readonly parent: number;
  readonly name: string;
  readonly ino: number;
  readonly mode: number;
}

/** Changes a volume at random, as clients would: what it says next depends on what the index shows. */
class Client {
  readonly #store: VolumeStore;
  readonly #random: Random;
  /** Seconds since 1970. */
  #sec = 1_700_000_000;
  #lastSnapshot = 0;
  readonly #written = new Set<number>();
  readonly #held = new Set<number>();

  constructor(store: VolumeStore, random: Random) {
    this.#store = store;
    this.#random = random;
    store.onSnapshot = () => {
      for (const ino of this.#written) this.#append("settle", { ino });
      this.#written.clear();
    };
    store.heldFiles = () => [...this.#held];
  }

  async step(): Promise<void> {
    const random = this.#random;
    if (random.once(8)) this.#sec++;
    const all = this.#all();
    const files = all.filter(({ mode }) => (mode & S.IFMT) === S.IFREG);
    const folders = [
      { ino: ROOT_INO },
      ...all.filter(({ mode }) => (mode & S.IFMT) === S.IFDIR),
    ].map(({ ino }) => ino);
    const to = { parent: random.pick(folders), name: random.pick(NAMES) };
    const there = all.find(({ parent, name }) => parent === to.parent && name === to.name);
    const what = random.weighted({
      ...{ create: 10, mkdir: 6, link: 3, unlink: 10, rename: 8, write: 12, settle: 4, chmod: 2, xattr: 2 },
      ...{ hold: 2, snapshot: 1, unsnapshot: 1, restore: 3 },
    });
    switch (what) {
      case "create":
      case "mkdir": {
        if (there) return;
        const mode = what === "mkdir" ? S.IFDIR | 0o755 : S.IFREG | 0o644;
        const numbers = { ino: this.#store.nextIno(), eid: this.#store.nextEid() };
        return this.#append("create", {
          ...{ ...numbers, ...to, mode, uid: "me", gid: "us", flags: 0, rdev: 0, target: "" },
        });
      }
      case "link": {
        if (there || files.length === 0) return;
        return this.#append("link", { ...to, ino: random.pick(files).ino, eid: this.#store.nextEid() });
      }
      case "unlink": {
        const victim = random.pick([...all, undefined]);
        if (!victim || all.some(({ parent }) => parent === victim.ino)) return;
        const { parent, name, ino } = victim;
        this.#append("unlink", { parent, name, ino, held: this.#held.has(ino) });
        return;
      }
      case "rename": {
        const from = random.pick([...all, undefined]);
        if (!from || there?.ino === from.ino || this.#isBelow(to.parent, from.ino, all)) return;
        if (there && (all.some(({ parent }) => parent === there.ino) || there.mode !== from.mode)) return;
        const held = there !== undefined && this.#held.has(there.ino);
        const { parent, name, ino } = from;
        const words = { toParent: to.parent, toName: to.name, eid: this.#store.nextEid(), held };
        return this.#append("rename", { ino, parent, name, ...words });
      }
      case "write": {
        if (files.length === 0) return;
        const { ino } = random.pick(files);
        const bytes = Uint8Array.from({ length: 1 + random.below(50) }, () => random.below(256));
        this.#append("write", { ino, offset: random.below(30), bytes });
        return void this.#written.add(ino);
      }
      case "settle": {
        const [ino] = this.#written;
        if (ino === undefined) return;
        this.#written.delete(ino);
        return this.#append("settle", { ino });
      }
      case "chmod": {
        if (all.length === 0) return;
        const { ino, mode } = random.pick(all);
        const times = { atime: this.#time, mtime: this.#time };
        const words = { mode: mode & S.IFMT | 0o700 + random.below(64), uid: "me", gid: "us", flags: 0 };
        return this.#append("attributes", { ino, ...words, ...times, size: undefined });
      }
      case "xattr": {
        if (files.length === 0) return;
        const value = random.once(3) ? null : Uint8Array.of(random.below(256));
        return this.#append("xattr", { ino: random.pick(files).ino, name: "user.a", value });
      }
      case "hold": {
        const [ino] = this.#held;
        if (ino === undefined || random.once(2)) {
          if (files.length > 0) this.#held.add(random.pick(files).ino);
          return;
        }
        this.#held.delete(ino);
        if (!all.some((file) => file.ino === ino)) this.#append("forget", { ino });
        return;
      }
      case "snapshot":
        return await this.#store.snapshot(this.#newSnapshot(), "me");
      case "unsnapshot": {
        const { past } = this.#store.index;
        const snapshots = past.snapshots();
        if (snapshots.length <= SNAPSHOTS_MAX) return;
        return await this.#store.unsnapshot(random.pick(snapshots).name, "me");
      }
      case "restore": {
        const { past } = this.#store.index;
        const names = past.snapshots().map(({ name }) => name);
        if (names.length === 0) return;
        const snapshot = random.pick(names);
        const tops = past.list(ROOT_INO, past.snapshot(snapshot)!.seq, 0, 100).map(({ name }) => [name]);
        const path = random.pick([[], ...tops]);
        return await this.#store.restore(snapshot, path, this.#newSnapshot(), "me");
      }
    }
  }

  get #time() {
    return { sec: this.#sec, nsec: 7 };
  }

  #newSnapshot(): string {
    return `snapshot ${++this.#lastSnapshot}`;
  }

  #append(kind: string, words: Record<string, unknown>): void {
    this.#store.append({ kind, by: "me", time: this.#time, ...words } as never);
  }

  #all(): Found[] {
    const all: Found[] = [];
    const look = (parent: number) => {
      for (const { name, ino, node } of this.#store.index.list(parent, 0, 1000)) {
        all.push({ parent, name, ino, mode: node.mode });
        if ((node.mode & S.IFMT) === S.IFDIR) look(ino);
      }
    };
    look(ROOT_INO);
    return all;
  }

  #isBelow(ino: number, top: number, all: readonly Found[]): boolean {
    for (
      let at: number | undefined = ino;
      at !== undefined;
      at = all.find((file) => file.ino === at)?.parent
    ) {
      if (at === top) return true;
    }
    return false;
  }
}

/** All that clients and operations can see: current rows with their numbers, and what each snapshot shows. */
function seen(folder: string): string[] {
  const lines: string[] = [];
  const db = new DatabaseSync(`${folder}/${DATABASE}`, { readOnly: true });
  using index = new IndexReader(`${folder}/${DATABASE}`);
  const hex = (bytes: Uint8Array | null) => bytes && bytes.toHex();
  const text = (value: unknown) =>
    JSON.stringify(value, (_, part) => part instanceof Uint8Array ? hex(part) : part);
  for (const row of db.prepare("SELECT eid, parent, name, ino FROM edge ORDER BY eid").all()) {
    lines.push(text(row));
  }
  for (const { ino } of db.prepare("SELECT ino FROM node ORDER BY ino").all() as { ino: number }[]) {
    lines.push(text(index.node(ino)));
  }
  for (const row of db.prepare("SELECT ino, name, value FROM xattr ORDER BY ino, name").all()) {
    lines.push(text(row));
  }
  for (const row of db.prepare("SELECT ino FROM orphan ORDER BY ino").all()) {
    lines.push(`orphan ${text(row)}`);
  }
  for (const row of db.prepare("SELECT * FROM unsettled ORDER BY ino").all()) lines.push(text(row));
  db.close();
  for (const { name, seq, sec } of [...index.past.snapshots()].sort((a, b) => a.name < b.name ? -1 : 1)) {
    lines.push(`${name} of ${sec}`);
    const look = (parent: number, path: string) => {
      for (const { eid, name, ino } of index.past.list(parent, seq, 0, 1000)) {
        const node = index.past.node(ino, seq)!;
        lines.push(`${path}/${name} ${eid} ${text(node)} ${text([...index.past.xattrs(ino, seq)])}`);
        if ((node.mode & S.IFMT) === S.IFDIR) look(ino, `${path}/${name}`);
      }
    };
    look(ROOT_INO, "");
  }
  return lines;
}

/** Brings the log into the database, `most` operations at once, with all that a Worker does between, and Workers that end. */
function applyAgain(
  folder: string,
  { last, most, random }: { readonly last: number; readonly most: number; readonly random: Random },
): void {
  using guard = new DatabaseGuard(realDisk(folder));
  guard.open(Infinity);
  const damage: string[] = [];
  for (let applied = 0; applied < last;) {
    using keeper = new Keeper(realDisk(folder), folder, OPTIONS, guard);
    keeper.resume(damage);
    do {
      keeper.apply(Math.min(last, keeper.applied + 1 + random.below(most)), damage);
      if (random.once(5)) keeper.tidy(true);
      if (random.once(10)) keeper.removePacks(keeper.collect(RETENTION).packs);
      if (random.once(10)) keeper.checkpoint();
      applied = keeper.applied;
    } while (applied < last && !random.once(10));
  }
  assert.deepEqual(damage, []);
}

for (let seed = 3; seed < 3 + SEEDS; seed++) {
  Deno.test(`applied again: in other transactions the same comes of the log, numbers and snapshots too (seed ${seed})`, async () => {
    const top = await Deno.makeTempDir({ prefix: "lux9-again-" });
    try {
      const folder = `${top}/first`;
      Deno.mkdirSync(folder);
      await (await VolumeStore.open(folder, { owned: OPTIONS.owned })).close();
      const durable = durableOf(folder);
      const random = new Random(seed);
      const store = await VolumeStore.open(folder, { gatherMs: 0, onTrouble: assert.fail });
      const client = new Client(store, random);
      for (let step = 0; step < STEPS; step++) {
        await client.step();
        // It looks at the index to know what there is, so each is a transaction of its own.
        await store.caughtUp();
      }
      const { last } = store.log;
      store.abandon();
      const first = seen(folder);
      for (const most of [1000, 12, 3]) {
        const again = `${top}/at most ${most}`;
        takeBack(folder, again, durable);
        applyAgain(again, { last, most, random });
        const second = seen(again);
        assert.deepEqual(
          second.filter((line) => !first.includes(line)),
          first.filter((line) => !second.includes(line)),
          `In transactions of at most ${most} operations`,
        );
        assert.deepEqual(verify(again).problems, []);
      }
    } finally {
      await Deno.remove(top, { recursive: true });
    }
  });
}
