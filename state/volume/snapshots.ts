import { NineError, type Principal, type Timestamp } from "../../9p/mod.ts";
import type { Operation } from "../operation/mod.ts";
import type { IndexReader } from "../store/mod.ts";
import type { Following } from "./following.ts";
import type { Gate } from "./gate.ts";
import { now } from "./now.ts";
import { checkRestorable } from "./restorable.ts";

/** Files in the record of a restoring. */
const HELD_MAX = 1_000_000;

/** What they have of the store. */
export interface SnapshotsOptions {
  readonly following: Following;
  readonly gate: Gate;
  index(): IndexReader;
  /** Gives the number of the operation. */
  append(operation: Operation): number;
  /** Resolves when the index has everything up to that operation, by default the last. */
  caughtUp(number?: number): Promise<void>;
  /** While history goes that is not kept. */
  collecting(): Promise<void> | undefined;
  /** Makes versions of what was written. */
  settle(): void;
  /** Files that somebody has open. */
  heldFiles(): number[];
}

/** Names the tree of a moment, takes such names away, and goes back to what had one. */
export class Snapshots {
  readonly #options: SnapshotsOptions;

  constructor(options: SnapshotsOptions) {
    this.#options = options;
  }

  async add(name: string, by: Principal): Promise<void> {
    const { index, following, caughtUp } = this.#options;
    await caughtUp();
    following.checkAlive();
    if (index().past.snapshot(name)) throw new NineError("EEXIST", `There is a snapshot ${name} already`);
    await caughtUp(this.#name(name, by, now()));
  }

  async remove(name: string, by: Principal): Promise<void> {
    const { index, gate, following, append, caughtUp } = this.#options;
    await caughtUp();
    // It may be what is gone back to.
    while (gate.closing !== undefined) await gate.closing.done.promise;
    if (!index().past.snapshot(name)) throw new NineError("ENOENT", `There is no snapshot ${name}`);
    following.checkAlive();
    await caughtUp(append({ kind: "unsnapshot", name, by, time: now() }));
  }

  async restore(snapshot: string, path: readonly string[], before: string, by: Principal): Promise<void> {
    const { index, gate, following, append, caughtUp, collecting, heldFiles } = this.#options;
    // One after the other, and none while history goes that it needs.
    while (gate.closing !== undefined) await gate.closing.done.promise;
    const restoring = gate.close();
    try {
      await collecting();
      await caughtUp();
      following.checkAlive();
      const { past } = index();
      const found = past.snapshot(snapshot);
      if (found === undefined) throw new NineError("ENOENT", `There is no snapshot ${snapshot}`);
      if (past.snapshot(before)) throw new NineError("EEXIST", `There is a snapshot ${before} already`);
      checkRestorable(index(), path, found);
      const held = heldFiles();
      if (held.length > HELD_MAX) {
        throw new NineError(
          "EBUSY",
          `${held.length} files are open, allowed while restoring are ${HELD_MAX}`,
        );
      }
      const time = now();
      this.#name(before, by, time);
      restoring.number = append({ kind: "restore", snapshot, path: path.join("/"), held, by, time });
    } catch (thrown) {
      gate.open();
      throw thrown;
    }
    await caughtUp(restoring.number);
  }

  #name(name: string, by: Principal, time: Timestamp): number {
    this.#options.settle();
    return this.#options.append({ kind: "snapshot", name, by, time });
  }
}
