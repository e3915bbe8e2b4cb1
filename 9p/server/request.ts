import type { Body, RName } from "../wire/messages.ts";
import type { Call, User } from "./file_server.ts";
import type { Fid } from "./fid.ts";
import type { Session } from "./session.ts";

const NOBODY: User = { name: "none", groups: new Set(), standing: "none" };

/**
 * One request of a client, from its arrival to its reply. It is also the Call that servers see. Most are answered before
 * the next one is looked at and are never registered anywhere.
 */
export class Request implements Call {
  user: User = NOBODY;
  /** Set when no reply may go out any more: it was flushed, or its session has ended. */
  dropped = false;
  /** Set when its client has sent a Tflush for it. */
  flushed = false;
  #aborter: AbortController | undefined;
  #aborted = false;
  #onDone: (() => void)[] | undefined;

  constructor(readonly session: Session, readonly tag: number, readonly name: string) {}

  /** Says on which fid it works: it acts as that fid's user. */
  on(fid: Fid): Fid {
    this.user = fid.user;
    return fid;
  }

  /** Made when somebody looks at it: most requests end before that. */
  get signal(): AbortSignal {
    this.#aborter ??= new AbortController();
    if (this.#aborted) this.#aborter.abort();
    return this.#aborter.signal;
  }

  abort(): void {
    this.#aborted = true;
    this.#aborter?.abort();
  }

  reply<K extends RName>(name: K, body: Body<K>): void {
    if (!this.dropped) this.session.send(name, this.tag, body);
  }

  /** Calls back, in order, when the request has had its reply or has been dropped. */
  onDone(callback: () => void): void {
    (this.#onDone ??= []).push(callback);
  }

  done(): void {
    const callbacks = this.#onDone;
    this.#onDone = undefined;
    if (callbacks) { for (const callback of callbacks) callback(); }
  }
}
