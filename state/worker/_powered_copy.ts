import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { Log } from "../log/mod.ts";
import type { SignedRecord } from "../record/mod.ts";
import { Demands, type Head, type Refused, type Stored, type SyncStore, type Unmet } from "../sync/mod.ts";
import { type Author, authorBytes } from "../tree/mod.ts";
import { DATABASE, LOG } from "../volume/mod.ts";
import { Copy, type Parts } from "./_copies.ts";
import type { Negligence, PoweredDisk } from "./_powered_disk.ts";
import type { SteppingClock } from "./_stepping_clock.ts";
import { DatabaseGuard } from "../guard/mod.ts";
import type { ContentsChoice } from "./exchange_words.ts";
import { CHOICE } from "./copy_keeper.ts";
import { Keeper } from "./keeper.ts";
import { verify } from "./verify.ts";

const OPTIONS = { owned: { uid: "me", gid: "us" }, checkpointOperations: 50_000 };
/** Short, so that there are several. */
const SEGMENT_BYTES = 3000;
const RETAIN_NOTHING = { everything: 0, hourly: 0, daily: 0 };

/** What is not done that keeps copies safe, to see that a simulation notices. */
export type Neglect = Negligence | "chunks" | "shared" | "needed";

interface PoweredParts extends Parts {
  readonly disk: PoweredDisk;
}

export interface Wiring {
  readonly clock: SteppingClock;
  readonly folder: string;
  /** Goes into what is random on this copy. */
  readonly number: number;
  readonly neglects?: Neglect;
  /** So often something random was wanted. */
  draws: number;
}

/** A copy with the storage of a real one, driven as the state Worker and the main isolate do, whose power can go at any moment. */
export class PoweredCopy extends Copy {
  readonly disk: PoweredDisk;
  readonly #log: Log;
  readonly wiring: Wiring;
  /** Files with writes that are in no version yet. */
  readonly writing = new Set<number>();
  /** Of each author what this copy said to have for good. */
  readonly promised: Map<Author, Head>;
  /** What people here wait for that is on other copies, and who they are, by number. */
  readonly demands: Demands;
  readonly waiting = new Map<number, (unmet: Unmet | undefined) => void>();
  #isAbandoned = false;
  #turn: Promise<unknown> = Promise.resolve();

  private constructor(wiring: Wiring, parts: PoweredParts, promised: Map<Author, Head>) {
    super(wiring.clock, wiring.folder, parts);
    this.wiring = wiring;
    this.disk = parts.disk;
    this.#log = parts.log;
    this.promised = promised;
    this.demands = new Demands(this.keeper.copy.demandStore, (id, unmet) => this.waiting.get(id)?.(unmet));
    this.isBatching = true;
  }

  static async open(
    wiring: Wiring,
    disk: PoweredDisk,
    promised = new Map<Author, Head>(),
  ): Promise<PoweredCopy> {
    const parts = await openParts(wiring, disk);
    try {
      return new PoweredCopy(wiring, parts, promised);
    } catch (thrown) {
      closeAll(parts);
      throw thrown;
    }
  }

  /** Number of the last operation, and of the last that is durable. */
  get last(): number {
    return this.#log.last;
  }

  get synced(): number {
    return this.#log.synced;
  }

  /**
   * The copy after it died, with what was not synced lost if there is a seed for that. `callsLeft`: it dies again while it starts, unless it needs fewer calls that
   * write.
   */
  async restart(lossSeed?: number, callsLeft = Infinity): Promise<PoweredCopy> {
    const [last, synced] = [this.last, this.synced];
    this.abandon();
    let disk = this.disk.turnOn(lossSeed);
    disk.callsLeft = callsLeft;
    let next: PoweredCopy;
    try {
      next = await PoweredCopy.open(this.wiring, disk, this.promised);
    } catch (thrown) {
      if (!disk.isOff) throw thrown;
      disk = disk.turnOn(lossSeed);
      next = await PoweredCopy.open(this.wiring, disk, this.promised);
    }
    disk.callsLeft = Infinity;
    next.#checkKept(last, lossSeed === undefined ? last : synced);
    return next;
  }

  /** It dies, and stays so. */
  abandon(): void {
    this.disk.turnOff();
    if (this.#isAbandoned) return;
    this.#isAbandoned = true;
    this.index[Symbol.dispose]();
    closeAll(this.parts);
  }

  /** What was durable is there. */
  #checkKept(last: number, kept: number): void {
    assert.ok(
      this.last >= kept,
      `Operations up to ${kept} of ${last} were durable, and ${this.last} are there`,
    );
    using db = new DatabaseSync(join(this.folder, DATABASE), { readOnly: true });
    const head = db.prepare("SELECT number, hash FROM author WHERE author = ?");
    const record = db.prepare("SELECT hash FROM journal WHERE author = ? AND number = ?");
    for (const [author, { number, hash }] of this.promised) {
      const bytes = authorBytes(author);
      const there = head.get(bytes) as { number: number; hash: Uint8Array } | undefined;
      assert.ok(
        there && there.number >= number,
        `Record ${number} of ${hex(bytes)} was promised, and ${there?.number ?? 0} are there`,
      );
      const found = there.number === number ? there : record.get(bytes, number) as { hash: Uint8Array };
      assert.equal(
        hex(found.hash),
        hex(hash),
        `Record ${number} of ${hex(bytes)} is the one that was promised`,
      );
    }
  }

  /** Makes durable what is logged, and applies it. */
  async catchUp(): Promise<void> {
    await this.#log.sync();
    this.apply();
    if (this.keeper.isCheckpointDue) this.checkpoint();
  }

  async sync(): Promise<void> {
    await this.#log.sync();
  }

  /** Applies what is logged. */
  override apply(): void {
    super.apply();
    this.keeper.takeChanged();
  }

  /** After the power went, the database's log is bad at its end until it is begun anew. */
  override check(): void {
    const { problems } = verify(this.folder, undefined, this.disk);
    assert.deepEqual(problems.filter((each) => !/-wal is damaged/.test(each)), []);
  }

  checkpoint(): void {
    this.index.renew();
    this.keeper.checkpoint();
    this.#log.drop(this.keeper.needless);
  }

  /** As `lux9 volume gc` and a Worker that has nothing else to do. */
  collect(): void {
    const { packs } = this.keeper.collect(RETAIN_NOTHING);
    this.index.renew();
    this.keeper.removePacks(packs);
    for (let steps = 0; steps < 20 && this.keeper.tidy(true); steps++);
    this.index.renew();
  }

  /** What was written to files becomes versions of them. */
  settleAll(): void {
    for (const ino of this.writing) this.log("settle", { ino });
    this.writing.clear();
  }

  /** Nobody holds any file. */
  letGo(): void {
    this.settleAll();
    for (const ino of this.held) if (this.index.node(ino)?.nlink === 0) this.log("forget", { ino });
    this.held.clear();
  }

  /** When contents come here. */
  get contents(): ContentsChoice {
    return (this.index.meta(CHOICE) ?? "whole") as ContentsChoice;
  }

  /** This copy as a session sees it. `contents`: when they come from now on. */
  store(contents?: ContentsChoice): SyncStore {
    const store = this.keeper.copy.store({
      contents,
      name: `copy ${this.wiring.number}`,
      heals: false,
      take: (records, absent) => this.inTurn(() => this.#take(records, absent)),
    });
    const { neglects } = this.wiring;
    if (neglects === "chunks") store.pieceOf = () => undefined;
    if (neglects === "needed") store.putsOff = () => this.contents === "on-demand";
    return store;
  }

  /** After what is done already, and before what comes: clients wait while something is taken in, and the other way round. */
  inTurn<T>(act: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(act);
    this.#turn = result.catch(() => {});
    return result;
  }

  async #take(records: readonly SignedRecord[], absent: readonly Stored[]): Promise<readonly Refused[]> {
    this.settleAll();
    const { number } = this.log("receive", {});
    await this.catchUp();
    const refused = this.keeper.copy.receive({ records, chunks: [], absent }, number, this.held);
    this.index.renew();
    this.keeper.takeChanged();
    return refused;
  }
}

async function openParts(wiring: Wiring, disk: PoweredDisk): Promise<PoweredParts> {
  const { folder, clock, number, neglects } = wiring;
  const guard = new DatabaseGuard(disk);
  let keeper: Keeper | undefined;
  let log: Log | undefined;
  try {
    guard.open(Infinity);
    keeper = new Keeper(disk, folder, OPTIONS, guard, {
      nowSec: () => clock.time().sec,
      randomBytes: (size) => new Uint8Array(Buffer.alloc(size, `${number}.${wiring.draws++}.`)),
    });
    if (neglects === "shared") keeper.share = () => {};
    log = openLog(wiring, disk, keeper.needless);
    await log.sync();
    assert.deepEqual(keeper.recover(log.last), []);
    if (log.last < keeper.applied) {
      log.close();
      log = openLog(wiring, disk, keeper.applied);
    }
    keeper.takeChanged();
    return { disk, guard, keeper, log };
  } catch (thrown) {
    closeAll({ guard, keeper, log });
    throw thrown;
  }
}

function openLog(wiring: Wiring, disk: PoweredDisk, after: number): Log {
  const salt = () => Math.imul(++wiring.draws, 0x9e3779b1);
  return new Log(disk, LOG, { after, segmentBytes: SEGMENT_BYTES, salt });
}

/** Where the power went, nothing can be closed in peace; the database is closed first. */
function closeAll({ keeper, guard, log }: Partial<Parts>): void {
  for (const part of [keeper, guard, log]) {
    try {
      part?.[Symbol.dispose]();
    } catch (thrown) {
      if (!/lost its power/.test(String(thrown))) throw thrown;
    }
  }
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}
