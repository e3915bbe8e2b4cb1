/** The state Worker: the only writer of a volume's database and packs. */
import { errnoOf, reasonOf } from "../../9p/mod.ts";
import { realDisk } from "../disk/mod.ts";
import { Keeper } from "./keeper.ts";
import type { FromWorker, ToWorker } from "../volume/mod.ts";

/** Deno's types here are those of a window. */
const scope = self as unknown as {
  onmessage: ((event: MessageEvent<ToWorker>) => void) | null;
  postMessage(message: FromWorker): void;
  close(): void;
};

const RETRY_MS = 500;

let volume: Extract<ToWorker, { kind: "open" }>;
/** Undefined after a failure. */
let keeper: Keeper | undefined;
/** The last operation that may be applied. */
let logged = 0;
let isApplying = false;
/** What was found to be damaged and was not told yet. */
let damage: string[] = [];
let whenRenewed: (() => void) | undefined;
let isClosing = false;

scope.onmessage = ({ data }) => {
  try {
    take(data);
  } catch (thrown) {
    scope.postMessage({ kind: "failed", errno: errnoOf(thrown), message: reasonOf(thrown) });
    letGo();
    if (isClosing) end();
  }
};

function take(message: ToWorker): void {
  switch (message.kind) {
    case "open":
      volume = message;
      keeper = open();
      logged = keeper.applied;
      return scope.postMessage({ kind: "opened", needless: keeper.needless, applied: logged });
    case "recover":
      logged = Math.max(logged, message.last);
      return scope.postMessage({ kind: "recovered", damage: keeper!.recover(message.last) });
    case "logged":
      logged = message.last;
      return applySome();
    case "renewed":
      return resume();
    case "collect":
      // Also while applying does not work: it may be what makes room.
      return scope.postMessage({ kind: "moved", ...ready().collect(message.retention) });
    case "forgotten":
      ready().removePacks(message.packs);
      return scope.postMessage({ kind: "collected" });
    case "close":
      logged = message.last;
      isClosing = true;
      return whenRenewed === undefined ? applySome() : resume();
  }
}

function resume(): void {
  const next = whenRenewed;
  whenRenewed = undefined;
  next?.();
}

/** One transaction a turn, so that messages come between. */
function applySome(): void {
  if (isApplying) return;
  if (keeper && keeper.applied >= logged) return isClosing ? end() : undefined;
  isApplying = true;
  try {
    const current = ready();
    current.apply(logged, damage);
    if (current.isCheckpointDue) return applied(() => checkpoint(ready()));
    tellApplied(current, false);
    setTimeout(goOn, 0);
  } catch (thrown) {
    fail(thrown);
  }
}

/** Says so, and tries again with what is stored. */
function fail(thrown: unknown): void {
  scope.postMessage({ kind: "stuck", errno: errnoOf(thrown), message: reasonOf(thrown) });
  letGo();
  isApplying = true;
  if (isClosing) end();
  else setTimeout(goOn, RETRY_MS);
}

/** What failed may have left it with what is not so; another finds the same damage again. */
function letGo(): void {
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

function tellApplied({ needless }: Keeper, waits: boolean): void {
  scope.postMessage({ kind: "applied", needless, waits, damage });
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
  } catch (thrown) {
    fresh[Symbol.dispose]();
    throw thrown;
  }
  return keeper = fresh;
}

function open(): Keeper {
  return new Keeper(realDisk(volume.folder), volume.folder, volume);
}

/** Whatever is wrong, it ends; the log has what the database has not. */
function end(): void {
  try {
    keeper?.checkpoint();
    keeper?.[Symbol.dispose]();
  } catch (thrown) {
    scope.postMessage({ kind: "failed", errno: errnoOf(thrown), message: reasonOf(thrown) });
  }
  scope.postMessage({ kind: "closed" });
  scope.close();
}
