import { Session, type SessionLimits, type SyncStore } from "./mod.ts";

export interface Faults {
  /** The connection breaks after so many messages. */
  readonly cutAfter?: number;
  /** What becomes of a message: how often, and when it arrives, of those that are under way in its direction. */
  readonly carry?: (underWay: Uint8Array[], message: Uint8Array) => void;
  /** Which of so many things happens next; without it they take turns. */
  readonly random?: (below: number) => number;
  readonly limits?: Partial<SessionLimits>;
  /** Hears every message that arrives; `to`: 0 or 1. */
  readonly hear?: (to: number, message: Uint8Array) => void;
}

/** Lets two copies meet. Returns both sides of it. */
export async function meet(
  one: SyncStore,
  other: SyncStore,
  faults: Faults = {},
): Promise<[Session, Session]> {
  const sessions: [Session, Session] = [new Session(one, faults.limits), new Session(other, faults.limits)];
  await carry(sessions, faults);
  return sessions;
}

export async function carry(sessions: readonly [Session, Session], faults: Faults = {}): Promise<void> {
  const { cutAfter = Infinity, random, hear } = faults;
  const carry = faults.carry ?? ((underWay, message) => underWay.push(message));
  /** By the side that they go to. */
  const underWay: [Uint8Array[], Uint8Array[]] = [[], []];
  const isQuiet = [false, false];
  let delivered = 0;
  for (let turn = 0; delivered < cutAfter; turn++) {
    const choices = [0, 1, 2, 3].filter((choice) =>
      choice < 2 ? !isQuiet[choice] : underWay[choice - 2].length > 0
    );
    if (choices.length === 0) break;
    const choice = choices[random ? random(choices.length) : turn % choices.length];
    if (choice < 2) {
      const message = await sessions[choice].next();
      if (message) carry(underWay[1 - choice], message);
      else isQuiet[choice] = true;
      continue;
    }
    const to = choice - 2;
    const message = underWay[to].shift() as Uint8Array;
    hear?.(to, message);
    await sessions[to].receive(message);
    delivered++;
    isQuiet[to] = false;
  }
  for (const session of sessions) await session.cut();
}
