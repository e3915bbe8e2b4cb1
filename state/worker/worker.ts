/** The state Worker: the only writer of a volume's database and packs. */
import { Errno, errnoOf, NineError, reasonOf } from "../../9p/mod.ts";
import { realDisk } from "../disk/mod.ts";
import { DatabaseGuard } from "../guard/mod.ts";
import type { Ending, Refused } from "../sync/mod.ts";
import type { Author } from "../tree/mod.ts";
import type { Next } from "./exchange_words.ts";
import { Exchanges } from "./exchanges.ts";
import { Keeper } from "./keeper.ts";
import { StateSource } from "./state_source.ts";
import type { FromWorker, News, ToWorker } from "../volume/mod.ts";
import { wrongRows } from "./verify.ts";

/** Deno's types here are those of a window. */
const scope = self as unknown as {
  onmessage: ((event: MessageEvent<ToWorker>) => void) | null;
  postMessage(message: FromWorker, transfer?: Transferable[]): void;
  close(): void;
};

/** What is done while clients change nothing, after all that they did, as to take in what others changed. */
interface Incoming {
  /** `last`: the last operation that is applied; `held`: files that somebody has open. What it gives is called once the main isolate was told. */
  act(keeper: Keeper, last: number, held: ReadonlySet<number>): () => void;
  failed(thrown: unknown): void;
}

const RETRY_MS = 500;
/** So long the database's pages are checked before it is opened; the rest of a large one comes between transactions. */
const CHECK_MS = 1000;
const CHECK_PART_MS = 20;
const CHECK_PAUSE_MS = 200;
/** After a failure that may come of damage all pages are checked again, at most once in so long. */
const MEND_MS = 60_000;

let volume: Extract<ToWorker, { kind: "open" }>;
/** It lives as long as the Worker. */
let guard: DatabaseGuard;
let mendedMs = -Infinity;
/** Documents and the rows of their tree are looked through when the database is opened again. */
let isMendDue = false;
/** Undefined after a failure. */
let keeper: Keeper | undefined;
/** The last operation that may be applied. */
let logged = 0;
let isApplying = false;
/** What was found to be damaged and was not told yet. */
let damage: string[] = [];
let whenRenewed: (() => void) | undefined;
let isClosing = false;
/** What others changed and is not taken in yet. */
const incoming: Incoming[] = [];
const exchanges = new Exchanges({
  store: (options) => ready().copy.store(options),
  demandStore: {
    lackingOf: (demand) => ready().copy.demandStore.lackingOf(demand),
    chunk: (id) => ready().copy.demandStore.chunk(id),
    putChunk: (id, bytes) => ready().copy.demandStore.putChunk(id, bytes),
  },
  conflicts: () => ready().conflicts.all(),
  clone: (key) => stateAfter((keeper) => keeper.copy.letIn(key)),
  state: () =>
    stateAfter((keeper) => {
      keeper.makeDurable();
      keeper.share();
    }),
  rejoin: () => ready().copy.rejoin(volume.folder),
  merge: (state, absent, id) =>
    new Promise((done, failed) =>
      takeLater({
        act(keeper, last, held) {
          keeper.copy.merge(state, absent, last, held);
          // What they know of this copy is not so any more.
          exchanges.end(id);
          return done;
        },
        failed,
      })
    ),
  take: (records, absent) =>
    new Promise((done, failed) => takeLater({ ...receiving({ records, chunks: [], absent }, done), failed })),
  putRight,
  post: (message) => {
    // Nobody here looks at a message again once it is made, so it is given away rather than copied.
    const payload = message.kind === "exchange" ? message.frame.payload : undefined;
    const isWhole = payload?.byteLength === payload?.buffer.byteLength;
    scope.postMessage(message, payload && isWhole ? [payload.buffer as ArrayBuffer] : []);
  },
});
/** Files that are others than the main isolate knows. */
let changed = new Set<number>();
/** The main isolate was asked to hold back changes, and does so. */
let isHoldAsked = false;
let held: Extract<ToWorker, { kind: "held" }> | undefined;
/** Who asked for collecting waits until all is in order. */
let isCollecting = false;
/** It ends once there is nothing to do; and whether all was brought over since that was said. */
let isResting = false;
let isBroughtOver = false;

scope.onmessage = ({ data }) => {
  try {
    take(data);
  } catch (thrown) {
    scope.postMessage({ kind: "failed", ...told(thrown) });
    letGo();
    if (isClosing) end();
  }
};

function take(message: ToWorker): void {
  if (isResting && message.kind !== "renewed") stay();
  switch (message.kind) {
    case "open":
      volume = message;
      guard = new DatabaseGuard(realDisk(volume.folder));
      openGuard();
      keeper = message.isWaking ? ready() : open();
      logged = keeper.applied;
      setTimeout(checkPages, CHECK_PAUSE_MS);
      scope.postMessage({ kind: "opened", needless: keeper.needless, applied: logged, damage });
      damage = [];
      return;
    case "recover":
      logged = Math.max(logged, message.last);
      damage = keeper!.recover(message.last);
      // Nobody has looked at anything yet.
      keeper!.takeChanged();
      keeper!.conflicts.changes();
      scope.postMessage({ kind: "recovered", damage, left: keeper!.left() });
      damage = [];
      return;
    case "logged":
      logged = message.last;
      return applySome();
    case "renewed":
      return resume();
    case "collect":
      // Also while applying does not work: it may be what makes room.
      scope.postMessage({ kind: "moved", ...ready().collect(message.retention) });
      // Disks forget while a node runs, too.
      guard.again();
      return void setTimeout(checkPages, CHECK_PAUSE_MS);
    case "forgotten":
      // Those that a new copy is made of are found the next time.
      if (!exchanges.needsPacks) ready().removePacks(message.packs);
      isCollecting = true;
      return applySome();
    case "receive":
      return takeLater({
        ...receiving(
          message.news,
          (refused) => scope.postMessage({ kind: "taken", refused: refused.map(({ reason }) => reason) }),
        ),
        failed: (thrown) => scope.postMessage({ kind: "untaken", ...told(thrown) }),
      });
    case "exchange":
      return exchanges.frame(message);
    case "demand":
      return exchanges.demand(message.id, message);
    case "undemand":
      return exchanges.undemand(message.id);
    case "exchangeRead":
      return exchanges.read(message.id, message.bytes);
    case "exchangeClosed":
      return exchanges.close(message.id);
    case "held":
      held = message;
      logged = Math.max(logged, message.last);
      return applySome();
    case "unheld": {
      isHoldAsked = false;
      incoming.shift()?.failed(new NineError(message.errno, message.message));
      // As on a full disk, it may be so for some time.
      return void setTimeout(askToHold, RETRY_MS);
    }
    case "rest":
      isResting = true;
      return applySome();
    case "close":
      logged = message.last;
      isClosing = true;
      exchanges.end();
      return whenRenewed === undefined ? applySome() : resume();
  }
}

function resume(): void {
  const next = whenRenewed;
  whenRenewed = undefined;
  next?.();
}

function receiving(news: News, done: (refused: readonly Refused[]) => void): Pick<Incoming, "act"> {
  return {
    act(keeper, last, held) {
      const refused = keeper.copy.receive(news, last, held);
      return () => done(refused);
    },
  };
}

/** Copies that have one name, or one of which has forgotten what it wrote, are to go on under two. */
function putRight(ending: Ending, self: Author, id: number): Promise<Next | undefined> {
  if (ending.kind === "gone" && ending.whose === "mine") return Promise.resolve("rejoin");
  if (actAfter(ready(), ending, self) === undefined) return Promise.resolve(undefined);
  return new Promise((done, failed) =>
    takeLater({
      act(keeper, last, held) {
        // Another exchange may have led to it before.
        const act = actAfter(keeper, ending, self);
        act?.(last, held);
        // What they know of this copy is not so any more.
        if (act) exchanges.end(id);
        return () => done("again");
      },
      failed,
    })
  );
}

function actAfter(
  keeper: Keeper,
  ending: Ending,
  self: Author,
): ((last: number, held: ReadonlySet<number>) => void) | undefined {
  const isSelf = keeper.author === self;
  if (ending.kind === "older" && ending.whose === "mine") {
    return isSelf && keeper.numberOf(self) < ending.number ? () => keeper.beAnother() : undefined;
  }
  if (ending.kind !== "fork" || !ending.isExact) return undefined;
  const { author, number, lower, isProven } = ending;
  // One of the two has not written anything since.
  if (author === self && isSelf && keeper.numberOf(self) < number) return () => keeper.beAnother();
  // Anybody can make up a hash.
  if (!isProven || lower !== "theirs" || !keeper.hasRecord(author, number)) return undefined;
  return (last, held) => keeper.giveWay(author, number, last, held);
}

/** This copy's state once that is done, at a moment at which all is in it that clients did. */
function stateAfter(act: (keeper: Keeper) => void): Promise<StateSource> {
  return new Promise((done, failed) =>
    takeLater({
      act(keeper) {
        act(keeper);
        const source = new StateSource(volume.folder);
        return () => done(source);
      },
      failed,
    })
  );
}

function takeLater(batch: Incoming): void {
  incoming.push(batch);
  askToHold();
}

/** What the main isolate shows is about to be something else, or is so already: it is to hold back changes, if it does not. */
function askToHold(): void {
  if (isHoldAsked || incoming.length === 0 && changed.size === 0) return;
  isHoldAsked = true;
  scope.postMessage({ kind: "holds" });
}

/** Everything that was logged is applied, and no change comes before the main isolate was told what is other now. */
function takeIn(current: Keeper, { last, files }: NonNullable<typeof held>): void {
  held = undefined;
  isHoldAsked = false;
  isApplying = true;
  const batch = incoming.shift();
  try {
    const done = batch?.act(current, last, new Set(files));
    noteChanged(current);
    // Operations that are logged from now on may be about what only the database tells.
    if (done === undefined) current.makeDurable();
    scope.postMessage({ kind: "received", changed: [...changed] });
    changed = new Set();
    done?.();
  } catch (thrown) {
    scope.postMessage({ kind: "received", changed: [] });
    letGo();
    batch?.failed(thrown);
    mend(thrown);
  }
  askToHold();
  setTimeout(goOn, 0);
}

function noteChanged(current: Keeper): void {
  for (const ino of current.takeChanged()) changed.add(ino);
  const { came, went } = current.conflicts.changes();
  if (came.length + went.length > 0) scope.postMessage({ kind: "conflicts", came, went });
}

/** One transaction a turn, so that messages come between. */
function applySome(): void {
  if (isApplying) return;
  if (keeper && keeper.applied >= logged) {
    return isClosing ? end() : held ? takeIn(keeper, held) : tidySome(keeper);
  }
  isApplying = true;
  try {
    const current = ready();
    current.apply(logged, damage);
    noteChanged(current);
    askToHold();
    current.tidy(false);
    if (current.isCheckpointDue) return applied(() => checkpoint(ready()));
    tellApplied(current, false);
    setTimeout(goOn, 0);
  } catch (thrown) {
    fail(thrown);
  }
}

/** SQLite's own numbers: its log, and the memory that it shares with others, did not fit on the disk. */
const SQLITE_FULL = 13;
const SQLITE_IOERR_SHMSIZE = 4874;

function told(thrown: unknown): { readonly errno: number; readonly message: string } {
  const code = (thrown as { errcode?: unknown } | null)?.errcode;
  const isFull = code === SQLITE_FULL || code === SQLITE_IOERR_SHMSIZE;
  return { errno: isFull ? Errno.ENOSPC : errnoOf(thrown), message: reasonOf(thrown) };
}

/** Nothing waits to be applied: history is made shorter, one transaction a turn as well. */
function tidySome(current: Keeper): void {
  isApplying = true;
  try {
    if (current.tidy(true)) {
      if (current.isCheckpointDue) applied(() => checkpoint(ready()));
      else setTimeout(goOn, 0);
      return;
    }
    isApplying = false;
    if (isCollecting) scope.postMessage({ kind: "collected" });
    isCollecting = false;
    if (isResting) rest(current);
  } catch (thrown) {
    fail(thrown);
  }
}

/** Ends, with the database whole, while the main isolate goes on reading it. */
function rest(current: Keeper): void {
  // Whoever checks pages comes back, and so does what is to be taken in or told.
  if (!guard.isChecked || isHoldAsked || incoming.length > 0 || changed.size > 0) return;
  isApplying = true;
  if (!isBroughtOver) {
    isBroughtOver = true;
    return applied(() => checkpoint(ready()));
  }
  if (!current.empty()) {
    isApplying = false;
    return stay();
  }
  current[Symbol.dispose]();
  guard[Symbol.dispose]();
  scope.postMessage({ kind: "rested" });
  scope.close();
}

function stay(): void {
  isResting = isBroughtOver = false;
  scope.postMessage({ kind: "awake" });
}

/** Says so, and tries again with what is stored. */
function fail(thrown: unknown): void {
  scope.postMessage({ kind: "stuck", ...told(thrown) });
  // What could be let go has gone: on a full disk that may be what makes room.
  if (isCollecting) scope.postMessage({ kind: "collected" });
  isCollecting = false;
  if (isResting) stay();
  letGo();
  mend(thrown);
  isApplying = true;
  if (isClosing) end();
  else setTimeout(goOn, RETRY_MS);
}

/** What failed may have left it with what is not so; another finds the same damage again. */
function letGo(): void {
  // What they know of this copy may not be so any more.
  exchanges.end();
  const failed = keeper;
  keeper = undefined;
  damage = [];
  failed?.[Symbol.dispose]();
}

/** It is called by a timer, where what is thrown would end the Worker. */
function goOn(): void {
  isApplying = false;
  try {
    applySome();
  } catch (thrown) {
    fail(thrown);
  }
}

/** Goes on once the main isolate looks at what is there now. While the node ends, it looks at nothing. */
function applied(next: () => void): void {
  tellApplied(keeper!, true);
  if (isClosing) next();
  else whenRenewed = next;
}

function tellApplied(of: Keeper, waits: boolean): void {
  scope.postMessage({ kind: "applied", needless: of.needless, waits, damage, lost: of.takeLost() });
  damage = [];
}

function checkpoint(of: Keeper): void {
  try {
    of.checkpoint();
    applied(goOn);
  } catch (thrown) {
    fail(thrown);
  }
}

/** One that remembers nothing of what failed. */
function ready(): Keeper {
  if (keeper !== undefined) return keeper;
  const fresh = open();
  try {
    fresh.resume(damage);
    if (isMendDue) mendTree(fresh);
  } catch (thrown) {
    fresh[Symbol.dispose]();
    throw thrown;
  }
  return keeper = fresh;
}

/** What cannot be mended is met again by what needs it; all else goes on. */
function mendTree(of: Keeper): void {
  isMendDue = false;
  try {
    of.mend(damage);
  } catch (thrown) {
    damage.push(reasonOf(thrown));
  }
}

function open(): Keeper {
  return new Keeper(realDisk(volume.folder), volume.folder, volume, guard);
}

/** Pages that cannot be mended may be in order all the same, where another program than this wrote them. */
function openGuard(): void {
  try {
    damage.push(...guard.open(CHECK_MS));
  } catch (thrown) {
    if (told(thrown).errno !== Errno.EIO || wrongRows(volume.folder).length > 0) throw thrown;
    guard.remake();
    damage.push(`${reasonOf(thrown)}; yet all rows are as they should be, so they were taken as they are`);
  }
}

/** Goes on checking the pages of a large database. */
function checkPages(): void {
  if (guard.isChecked || isClosing) return;
  const mended: string[] = [];
  try {
    guard.check(CHECK_PART_MS, mended);
  } catch (thrown) {
    mended.push(reasonOf(thrown));
  }
  if (mended.length > 0) scope.postMessage({ kind: "found", damage: mended });
  if (guard.isChecked && isResting) return applySome();
  setTimeout(checkPages, CHECK_PAUSE_MS);
}

/** What failed may have met a page that was damaged since it was checked. */
function mend(thrown: unknown): void {
  if (told(thrown).errno !== Errno.EIO || performance.now() < mendedMs + MEND_MS) return;
  mendedMs = performance.now();
  isMendDue = true;
  guard.again();
  const mended: string[] = [];
  try {
    guard.check(Infinity, mended);
  } catch (thrown) {
    mended.push(reasonOf(thrown));
  }
  if (mended.length > 0) scope.postMessage({ kind: "found", damage: mended });
}

/** Whatever is wrong, it ends; the log has what the database has not. */
function end(): void {
  try {
    keeper?.checkpoint();
    keeper?.[Symbol.dispose]();
    guard[Symbol.dispose]();
  } catch (thrown) {
    scope.postMessage({ kind: "failed", ...told(thrown) });
  }
  scope.postMessage({ kind: "closed" });
  scope.close();
}
