/** The state Worker: the only writer of a volume's database and packs. */
import { reasonOf } from "../../9p/mod.ts";
import { realDisk } from "../disk/mod.ts";
import { DatabaseGuard } from "../guard/mod.ts";
import { Intake, receiving } from "./intake.ts";
import { Keeper } from "./keeper.ts";
import { keeperExchanges } from "./keeper_exchanges.ts";
import { PageChecks } from "./page_checks.ts";
import { removeRejoin } from "./rejoin.ts";
import { told } from "./told.ts";
import type { FromWorker, ToWorker } from "../volume/mod.ts";

/** Deno's types here are those of a window. */
const scope = self as unknown as {
  onmessage: ((event: MessageEvent<ToWorker>) => void) | null;
  postMessage(message: FromWorker, transfer?: Transferable[]): void;
  close(): void;
};

const RETRY_MS = 500;

let volume: Extract<ToWorker, { kind: "open" }>;
/** It lives as long as the Worker. */
let guard: DatabaseGuard;
let checks: PageChecks;
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
const intake = new Intake({ post: (message) => scope.postMessage(message), onFailed: letGo });
const exchanges = keeperExchanges({
  keeper: ready,
  folder: () => volume.folder,
  intake,
  post: (message) => {
    // Nobody here looks at a message again once it is made, so it is given away rather than copied.
    const payload = message.kind === "exchange" ? message.frame.payload : undefined;
    const isWhole = payload?.byteLength === payload?.buffer.byteLength;
    scope.postMessage(message, payload && isWhole ? [payload.buffer as ArrayBuffer] : []);
  },
});
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
      checks = new PageChecks({
        ...{ guard, folder: volume.folder },
        onFound: (damage) => scope.postMessage({ kind: "found", damage }),
        onChecked: () => {
          if (isResting) applySome();
        },
        isClosing: () => isClosing,
      });
      damage.push(...checks.open());
      removeRejoin(volume.folder);
      keeper = message.isWaking ? ready() : open();
      logged = keeper.applied;
      checks.goOn();
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
      return checks.again();
    case "forgotten":
      // Those that a new copy is made of are found the next time.
      if (!exchanges.needsPacks) ready().removePacks(message.packs);
      isCollecting = true;
      return applySome();
    case "receive":
      return intake.add({
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
      intake.held(message);
      logged = Math.max(logged, message.last);
      return applySome();
    case "unheld":
      intake.unheld(message);
      // As on a full disk, it may be so for some time.
      return void setTimeout(() => intake.ask(), RETRY_MS);
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

function takeIn(current: Keeper): void {
  isApplying = true;
  try {
    intake.take(current);
  } catch (thrown) {
    mend(thrown);
  }
  intake.ask();
  setTimeout(goOn, 0);
}

/** One transaction a turn, so that messages come between. */
function applySome(): void {
  if (isApplying) return;
  if (keeper && keeper.applied >= logged) {
    return isClosing ? end() : intake.isHeld ? takeIn(keeper) : tidySome(keeper);
  }
  isApplying = true;
  try {
    const current = ready();
    current.apply(logged, damage);
    intake.noteChanged(current);
    intake.ask();
    current.tidy(false);
    if (current.isCheckpointDue) return applied(() => checkpoint(ready()));
    tellApplied(current, false);
    setTimeout(goOn, 0);
  } catch (thrown) {
    fail(thrown);
  }
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
  if (!guard.isChecked || !intake.isIdle) return;
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

/** What failed may have met a page that was damaged since it was checked, and then documents and rows as well. */
function mend(thrown: unknown): void {
  if (checks.mend(thrown)) isMendDue = true;
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
