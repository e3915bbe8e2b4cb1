import { errnoOfPhrase, phraseOf } from "../errno.ts";
import { NineError } from "../error.ts";
import { escapeJson } from "../escape.ts";
import { Principals } from "../principal.ts";
import type { Duplex } from "../server/connection.ts";
import { type Codec, codecOf, IOHDRSZ, NOTAG, typeName } from "../wire/codec.ts";
import { type Dialect, DIALECTS } from "../wire/field.ts";
import { type Body, type Message, MESSAGES, type RName, type TName } from "../wire/messages.ts";
import type { Reader } from "../wire/reader.ts";
import { FidNumbers } from "./fid_numbers.ts";
import { Frames, type FrameSink } from "./frames.ts";
import { orAborted } from "./or_aborted.ts";
import { FLUSH_TAG, type Owed, type ReplyOf, Requests, type Waiting } from "./requests.ts";

/** What is asked for where nothing else is said, bytes: large enough that a bulk read costs little more than the copy. */
export const MSIZE_DEFAULT = 512 * 1024 + IOHDRSZ;
const MSIZE_SMALLEST = 256;

export interface ClientOptions {
  /** The dialects to ask for, best first. Default: 9P2000.L, 9P2000.u, 9P2000. */
  readonly dialects?: readonly Dialect[];
  /** The largest message, bytes; the server may answer with less. */
  readonly msize?: number;
  /** Which principals the numbers of .u and .L stand for. Default: `uid:N` and `gid:N`. */
  readonly principals?: Principals;
  /**
   * How long to wait for the Rflush of a cancelled request, ms; then it fails with EINTR, and nobody knows whether it
   * happened. Default: as long as it takes.
   */
  readonly flushMs?: number;
  /** Ends the negotiation, and the connection with it. */
  readonly signal?: AbortSignal;
}

/** A server that has neither answered so many requests nor their flushes is as good as dead. */
const OWED_MAX = 1024;
/** The fields that are fids. */
const FIDS = ["fid", "newfid", "dfid", "dirfd", "olddirfid", "newdirfid"];

/** The types of Rerror and Rlerror, which every dialect understands as no. */
const ERROR_TYPES: readonly number[] = [MESSAGES.Rerror.type, MESSAGES.Rlerror.type];

/**
 * One session on one connection. Requests are pipelined: call `rpc` as often as you like without waiting. Everything
 * that fails rejects with a NineError that has the server's errno; once the connection is gone, with ECONNRESET.
 */
export class Client implements AsyncDisposable {
  readonly principals: Principals;
  readonly fids = new FidNumbers();
  #codec: Codec = codecOf("9P2000");
  #msize: number;
  readonly #frames: Frames;
  readonly #requests = new Requests();
  readonly #flushMs: number | undefined;
  /** Requests that were given up on before the server said how they ended. */
  readonly #owed = new Set<Owed>();
  #negotiation: Negotiation | undefined;
  readonly #running: Promise<void>;
  readonly #ended = Promise.withResolvers<NineError>();

  private constructor(duplex: Duplex, options: ClientOptions) {
    this.#msize = options.msize ?? MSIZE_DEFAULT;
    this.#flushMs = options.flushMs;
    this.principals = options.principals ?? new Principals();
    const sink: FrameSink = {
      frame: (type, tag, from) => this.#receive(type, tag, from),
      ended: (reason) => this.#fail(reason),
    };
    this.#frames = new Frames(duplex, sink, Math.max(this.#msize, MSIZE_SMALLEST));
    this.#running = this.#frames.run();
  }

  /**
   * Starts a session on a connection and owns it from now on. Throws EPROTO where the server speaks none of the
   * dialects, ECONNRESET where it hangs up.
   */
  static async start(duplex: Duplex, options: ClientOptions = {}): Promise<Client> {
    const client = new Client(duplex, options);
    const abort = () => client.#frames.close(new NineError("EINTR", "The negotiation was given up"));
    options.signal?.addEventListener("abort", abort, { once: true });
    try {
      options.signal?.throwIfAborted();
      await client.#negotiate(options.dialects ?? DIALECTS.toReversed());
      return client;
    } catch (thrown) {
      await client[Symbol.asyncDispose]();
      options.signal?.throwIfAborted();
      throw thrown;
    } finally {
      options.signal?.removeEventListener("abort", abort);
    }
  }

  get dialect(): Dialect {
    return this.#codec.dialect;
  }

  /** The agreed size of the largest message, bytes. */
  get msize(): number {
    return this.#msize;
  }

  /** The most data that one Tread or Twrite may carry, bytes. */
  get iounit(): number {
    return this.#msize - IOHDRSZ;
  }

  /** Why the connection has ended, undefined while it lives. */
  get end(): NineError | undefined {
    return this.#frames.end;
  }

  /** Resolves with the reason when the connection has ended. */
  get ended(): Promise<NineError> {
    return this.#ended.promise;
  }

  /** How many requests have no reply yet. */
  get inFlight(): number {
    return this.#requests.size;
  }

  /** Whether the next request is written at once, so that its data may be reused when `call` has returned. */
  get isReady(): boolean {
    return !this.#frames.isFull && !this.#requests.isFull;
  }

  /** Resolves when `isReady` or the connection has ended. */
  async ready(signal?: AbortSignal): Promise<void> {
    while (!this.isReady && !this.end) {
      signal?.throwIfAborted();
      await (this.#frames.isFull ? orAborted(this.#frames.room(), signal) : this.#requests.freed(signal));
    }
  }

  /** Sends a request and resolves with its reply, whose bytes are copied. `signal` as in `call`. */
  rpc<K extends TName>(name: K, body: Body<K>, signal?: AbortSignal): Promise<Message<ReplyOf<K>>> {
    return this.call(name, body, ownReply<K>, signal);
  }

  /**
   * Sends a request and resolves with what `take` makes of the reply. `take` runs when the reply arrives: its byte
   * fields are views that die when `take` returns.
   *
   * When `signal` is aborted, a Tflush goes out, and the promise settles as flush(5) says: with the reply if that comes
   * first, else, after the Rflush, with the signal's reason. Where that takes longer than `flushMs`, it rejects with EINTR
   * instead. An abort before the request was sent sends nothing.
   */
  call<K extends TName, T>(
    name: K,
    body: Body<K>,
    take: (reply: Message<ReplyOf<K>>) => T,
    signal?: AbortSignal,
  ): Promise<T> {
    if (this.isReady) return this.#call(name, body, take, signal);
    return this.ready(signal).then(() => this.call(name, body, take, signal));
  }

  #call<K extends TName, T>(
    name: K,
    body: Body<K>,
    take: (reply: Message<ReplyOf<K>>) => T,
    signal: AbortSignal | undefined,
  ): Promise<T> {
    if (signal?.aborted) return Promise.reject(signal.reason);
    if (this.end) return Promise.reject(lost(this.end));
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const abort = () => this.#flush(tag, signal!.reason);
    const tag = this.#requests.add({
      expected: replyName(name),
      take: (reply) => {
        try {
          resolve(take(reply as Message<ReplyOf<K>>));
        } catch (thrown) {
          reject(thrown);
        }
      },
      fail: reject,
      body,
      cancelled: undefined,
      answered: false,
      owed: undefined,
      unlisten: () => signal?.removeEventListener("abort", abort),
    });
    try {
      this.#send(name, tag, body);
      signal?.addEventListener("abort", abort, { once: true });
    } catch (thrown) {
      this.#requests.remove(tag);
      reject(thrown);
    }
    return promise;
  }

  /**
   * Clunks a fid, and gives its number back once the server has answered. Requests on it that were given up on come
   * first: one of them may be about to bind or to open it. An abort of `signal` cancels nothing, as the fid goes in any
   * case; it only ends the waiting, after `flushMs`.
   */
  clunk(fid: number, signal?: AbortSignal): Promise<void> {
    const done = this.#clunk(fid);
    if (!signal || this.#flushMs === undefined) return done;
    done.catch(() => {});
    return this.#patiently(done, signal, this.#flushMs);
  }

  async #clunk(fid: number): Promise<void> {
    try {
      const before = [...this.#owed].filter(({ fids }) => fids.includes(fid));
      if (before.length > 0) await Promise.all(before.map(({ promise }) => promise));
      await this.rpc("Tclunk", { fid });
    } finally {
      this.fids.give(fid);
    }
  }

  async #patiently(done: Promise<void>, signal: AbortSignal, ms: number): Promise<void> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const { promise: late, reject } = Promise.withResolvers<never>();
    const abort = () => timer = setTimeout(() => reject(unknownEnd("Tclunk", ms)), ms);
    if (signal.aborted) abort();
    else signal.addEventListener("abort", abort, { once: true });
    try {
      await Promise.race([done, late]);
    } finally {
      signal.removeEventListener("abort", abort);
      clearTimeout(timer);
    }
  }

  /** Ends the connection; what is under way is rejected with ECONNRESET. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#frames.close(new NineError("ECONNRESET", "The client closed the connection"));
    await this.#running;
  }

  #send<K extends TName>(name: K, tag: number, body: Body<K>): void {
    const { out } = this.#frames;
    const start = out.length;
    try {
      this.#codec.encode(out, name, tag, body);
      if (out.length - start > this.#msize) {
        throw new NineError("EMSGSIZE", `${name} takes ${out.length - start} bytes, msize is ${this.#msize}`);
      }
    } catch (thrown) {
      out.cancel(start);
      throw thrown;
    }
    this.#frames.kick();
  }

  #flush(tag: number, reason: unknown): void {
    const waiting = this.#requests.get(tag);
    if (!waiting || waiting.cancelled || this.end) return;
    const ms = this.#flushMs;
    const timer = ms === undefined ? undefined : setTimeout(() => this.#giveUp(waiting, ms), ms);
    waiting.cancelled = { reason, timer };
    this.#send("Tflush", FLUSH_TAG + tag, { oldtag: tag });
  }

  /** Its caller waits no longer. Tag and fids stay taken until the server has said how it ended. */
  #giveUp(waiting: Waiting, ms: number): void {
    if (waiting.answered) return;
    waiting.unlisten();
    waiting.owed = { fids: fidsOf(waiting.body!), ...Promise.withResolvers<void>() };
    waiting.body = undefined;
    this.#owed.add(waiting.owed);
    waiting.fail(unknownEnd(`T${waiting.expected.slice(1)}`, ms));
    if (this.#owed.size <= OWED_MAX) return;
    this.#frames.close(
      new NineError(
        "ETIMEDOUT",
        `The server has not answered ${this.#owed.size} requests, nor their flushes: it counts as dead`,
      ),
    );
  }

  /** Nothing more comes of the request, or of its Tflush. */
  #paid(waiting: Waiting): void {
    clearTimeout(waiting.cancelled?.timer);
    if (!waiting.owed) return;
    this.#owed.delete(waiting.owed);
    waiting.owed.resolve();
  }

  #receive(type: number, tag: number, from: Reader): void {
    if (this.#negotiation) return this.#versionReply(type, tag, from);
    const isFlush = tag >= FLUSH_TAG;
    const waiting = this.#requests.get(isFlush ? tag - FLUSH_TAG : tag);
    if (!waiting || (isFlush ? !waiting.cancelled : waiting.answered)) {
      return this.#broken(`${typeName(type)} with tag ${tag}, which no request has`);
    }
    const reply = this.#codec.decode(type, tag, from);
    if (!reply || from.malformed || from.left > 0) {
      return this.#broken(`A malformed ${typeName(type)}, ${from.left} bytes are left`);
    }
    if (isFlush) return this.#flushed(tag - FLUSH_TAG, waiting);
    waiting.unlisten();
    if (waiting.cancelled) waiting.answered = true;
    else this.#requests.remove(tag);
    this.#paid(waiting);
    // Its caller was told that nobody knows, and has gone.
    if (waiting.owed) return;
    if (reply.kind === waiting.expected) waiting.take(reply);
    else if (reply.kind === "Rerror" || reply.kind === "Rlerror") waiting.fail(errorOf(reply, waiting));
    else this.#broken(`${reply.kind} where ${waiting.expected} is due`, waiting);
  }

  /** An error reply to a Tflush, which the manual does not know, counts as one: the request is over. */
  #flushed(tag: number, waiting: Waiting): void {
    this.#requests.remove(tag);
    this.#paid(waiting);
    if (!waiting.answered && !waiting.owed) {
      waiting.unlisten();
      waiting.fail(waiting.cancelled!.reason);
    }
  }

  #broken(what: string, waiting?: Waiting): void {
    const reason = new NineError("EPROTO", `The server broke the protocol: ${what}`);
    waiting?.fail(reason);
    this.#frames.close(reason);
  }

  #fail(reason: NineError): void {
    for (const waiting of this.#requests.clear()) {
      waiting.unlisten();
      this.#paid(waiting);
      if (!waiting.answered) waiting.fail(lost(reason));
    }
    this.#negotiation?.reject(reason);
    this.#ended.resolve(reason);
  }

  /** version(5): asks for one dialect after the other until the server agrees. */
  async #negotiate(dialects: readonly Dialect[]): Promise<void> {
    const asked = Math.max(this.#msize, MSIZE_SMALLEST);
    for (const version of dialects) {
      if (this.end) throw this.end;
      const negotiation: Negotiation = Promise.withResolvers();
      this.#negotiation = negotiation;
      this.#msize = asked;
      this.#send("Tversion", NOTAG, { msize: asked, version });
      const reply = await negotiation.promise;
      this.#negotiation = undefined;
      // The answer may be a lower version than was asked for, but only one that the caller can do with.
      const agreed = dialects.find((dialect) => dialect === reply?.version);
      if (!reply || !agreed) continue;
      if (reply.msize > asked || reply.msize < MSIZE_SMALLEST) {
        throw new NineError("EPROTO", `The server answered msize ${reply.msize} to ${asked}`);
      }
      this.#msize = this.#frames.msize = reply.msize;
      this.#codec = codecOf(agreed);
      return;
    }
    throw new NineError("EPROTO", `The server speaks none of ${dialects.join(", ")}`);
  }

  #versionReply(type: number, tag: number, from: Reader): void {
    if (ERROR_TYPES.includes(type)) return this.#negotiation!.resolve(undefined);
    const reply = this.#codec.decode(type, tag, from);
    if (reply?.kind !== "Rversion" || from.malformed || from.left > 0 || tag !== NOTAG) {
      return this.#broken(`${typeName(type)} where Rversion is due`);
    }
    this.#negotiation!.resolve(reply);
  }
}

type Negotiation = PromiseWithResolvers<Message<"Rversion"> | undefined>;

function replyName(name: TName): RName {
  return `R${name.slice(1)}` as RName;
}

function fidsOf(body: object): number[] {
  return Object.entries(body).filter(([field]) => FIDS.includes(field)).map(([, fid]) => fid as number);
}

function unknownEnd(request: string, ms: number): NineError {
  return new NineError(
    "EINTR",
    `A ${request} was given up, and the server did not answer its flush within ${ms} ms: nobody knows whether it happened`,
  );
}

/** The reply with bytes of its own. */
function ownReply<K extends TName>(reply: Message<ReplyOf<K>>): Message<ReplyOf<K>> {
  const { data } = reply as { data?: unknown };
  return data instanceof Uint8Array ? { ...reply, data: data.slice() } : reply;
}

/** .L and .u carry a number; in 9P2000, and where a .u server left it 0, the phrase has to do. */
function errorOf(reply: Message<"Rerror"> | Message<"Rlerror">, { expected }: Waiting): NineError {
  const asked = `T${expected.slice(1)}`;
  if (reply.kind === "Rlerror") {
    return new NineError(reply.ecode, `${phraseOf(reply.ecode)} (the server's answer to ${asked})`);
  }
  const errno = reply.errno !== 0 ? reply.errno : errnoOfPhrase(reply.ename);
  return new NineError(errno, `${printable(reply.ename)} (the server's answer to ${asked})`);
}

/** A server's text, fit for a terminal and a log. */
function printable(text: string): string {
  const quoted = escapeJson(text.slice(0, 200));
  return quoted.slice(1, -1);
}

/** What a request gets whose connection is gone. */
function lost(reason: NineError): NineError {
  return new NineError("ECONNRESET", `The connection to the server is gone: ${reason.message}`);
}
