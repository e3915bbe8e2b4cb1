import assert from "node:assert/strict";
import { type Disk, realDisk } from "../disk/mod.ts";
import { DATABASE_LOG, DatabaseGuard } from "../guard/mod.ts";
import { FRAME, type FromWorker } from "../volume/mod.ts";
import type { Exchanges } from "./exchanges.ts";
import { Intake } from "./intake.ts";
import { Keeper } from "./keeper.ts";
import { keeperExchanges } from "./keeper_exchanges.ts";

const OPTIONS = { owned: { uid: "me", gid: "us" }, checkpointOperations: 50_000 };
const SETTLES = { do: "sync", settles: true };

interface Side {
  readonly exchanges: Exchanges;
  readonly intake: Intake;
  readonly keeper: Keeper;
  /** What was told to the main isolate, and where the database was made durable: `durable`. */
  readonly events: string[];
}

/** A volume as its Worker has it, on its own. */
async function withSide(act: (side: Side) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "lux9-keeper-exchanges-" });
  const events: string[] = [];
  const real = realDisk(folder);
  const disk: Disk = {
    open(path, options) {
      if (path === DATABASE_LOG) events.push("durable");
      return real.open(path, options);
    },
    list: (path) => real.list(path),
    rename: (from, to) => real.rename(from, to),
    remove: (path) => real.remove(path),
    makeFolder: (path) => real.makeFolder(path),
    syncFolder: (path) => real.syncFolder(path),
    syncFolderBlocking: (path) => real.syncFolderBlocking(path),
  };
  const guard = new DatabaseGuard(disk);
  guard.open(0);
  const keeper = new Keeper(disk, folder, OPTIONS, guard);
  const post = ({ kind }: FromWorker) => void events.push(kind);
  const intake = new Intake({ post, onFailed: () => {} });
  const exchanges = keeperExchanges({ keeper: () => keeper, folder: () => folder, intake, post });
  try {
    events.length = 0;
    await act({ exchanges, intake, keeper, events });
  } finally {
    exchanges.end();
    keeper[Symbol.dispose]();
    guard[Symbol.dispose]();
    await Deno.remove(folder, { recursive: true });
  }
}

const wish = (value: unknown) => ({
  kind: FRAME.word,
  payload: new TextEncoder().encode(JSON.stringify(value)),
});
const turn = () => new Promise((next) => setTimeout(next, 0));

Deno.test("what is told to have become another is durable, also where an exchange only waits for what clients did", async () => {
  await withSide(async ({ exchanges, intake, keeper, events }) => {
    exchanges.frame({ kind: "exchange", id: 1, frame: wish(SETTLES) });
    await turn();
    assert.deepEqual(events, ["holds"]);
    intake.held({ kind: "held", last: 0, files: [] });
    intake.take(keeper);
    assert.deepEqual(events.slice(1, 3), ["durable", "received"]);
    await turn();
    assert.ok(events.includes("exchange"), "it goes on");
  });
});

Deno.test("an exchange that ended while it waited for what clients did begins no more, whatever else comes of it", async () => {
  await withSide(async ({ exchanges, intake, events }) => {
    exchanges.frame({ kind: "exchange", id: 1, frame: wish(SETTLES) });
    await turn();
    exchanges.end();
    // The main isolate has not heard yet that it is over.
    exchanges.frame({ kind: "exchange", id: 1, frame: { kind: FRAME.message, payload: new Uint8Array(8) } });
    await turn();
    events.length = 0;
    intake.unheld({ kind: "unheld", errno: 28, message: "No space left on device" });
    await turn();
    await turn();
    assert.deepEqual(events.filter((kind) => kind === "exchange"), []);
  });
});
