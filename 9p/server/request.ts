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
  /** Set when no reply may go out any more: it has had one, it was flushed, or its session has ended. */
  dropped = false;
  /** Set when its client has sent a Tflush for it. */
  flushed = false;
  #aborter: AbortController | undefined;
  #aborted = false;
  #onDone: (() => void)[] | undefined;

  constructor(readonly session: Session, readonly tag: number, readonly name: string) {}

  #fid: Fid | undefined;

  /** Says on which fid it works: it acts as that fid's user. */
  on(fid: Fid): void {
    this.user = fid.user;
    this.#fid ??= fid;
  }

  /** Names that the request adds to its fid's path: what it looks for or makes. */
  names: readonly string[] = [];

  /** The path that the request is about, as far as it is known. */
  get path(): string | undefined {
    if (!this.#fid) return undefined;
    const { server } = this.session;
    const names: string[] = [...this.names];
    for (let at = this.#fid.node;;) {
      const above = server.parent(at);
      if (above === at) break;
      names.unshift(server.name(at));
      at = above;
    }
    return "/" + names.join("/");
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
    if (this.dropped) return;
    this.session.send(name, this.tag, body);
    this.dropped = true;
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
