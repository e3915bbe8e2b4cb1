import { errnoOf, NineError, reasonOf } from "../error.ts";
import { Errno, phraseOf } from "../errno.ts";
import { type Codec, codecOf, typeName } from "../wire/codec.ts";
import type { Dialect } from "../wire/field.ts";
import type { Body, RName } from "../wire/messages.ts";
import type { Reader } from "../wire/reader.ts";
import type { Engine } from "./engine.ts";
import { Fid } from "./fid.ts";
import type { FileServer, Later, User } from "./file_server.ts";
import { handlersOf } from "./handlers.ts";
import type { Listener } from "./listener.ts";
import type { Replies } from "./replies.ts";
import { Request } from "./request.ts";

/** Where a session's replies go: the buffer that leaves in one write, and a word that something is in it. */
export interface Outlet {
  readonly out: Replies;
  /** Whether the data of a reply may be lent now. */
  readonly canLend: boolean;
  /** Something was written outside the handling of what was received. */
  kick(): void;
  /** How many of `wanted` bytes of data the next reply may carry, so that all connections stay within the budget. */
  room(wanted: number): number;
  /** Of that room, only `count` bytes are needed. */
  roomUsed(count: number): void;
  /** That room is needed later: what was taken of the budget for it is the caller's now, to be given back. */
  holdRoom(): number;
}

/** Requests that leave nothing behind: when they are flushed, nobody waits for them to end. */
const HARMLESS = new Set([
  "Tread",
  "Tstat",
  "Tgetattr",
  "Treaddir",
  "Treadlink",
  "Tstatfs",
  "Tgetlock",
  // A walk that ends after its flush binds no fid.
  "Twalk",
]);

/** Requests of one session that may be under way at once; who pipelines has some dozens. */
const WAITING_MAX = 1024;
/** What is taken in any case: it ends others. */
const ENDING: ReadonlySet<string> = new Set(["Tversion", "Tflush", "Tclunk"]);

/** Bytes that the attribute fids of one session may hold. */
const ATTRIBUTE_BYTES_MAX = 4 * 1024 * 1024;

/** What an error's path and its reason may have: both may hold names that a client made up. */
const TOLD_CHARS_MAX = 4096;

/** One client's session: its dialect, its fids and its requests under way. A Tversion starts another (rule R01). */
export class Session {
  dialect: Dialect | undefined;
  msize: number;
  codec: Codec = codecOf("9P2000");
  readonly fids = new Map<number, Fid>();
  /** Bytes that fids hold which stand for an extended attribute. */
  attributeBytes = 0;
  /** Bytes of writes that file servers end later. */
  writingBytes = 0;
  readonly server: FileServer;
  readonly #waiting = new Map<number, Request>();
  /** Fids that have left the table, until what they stood for is closed. */
  readonly #closing = new Set<Promise<void>>();

  constructor(readonly engine: Engine, readonly listener: Listener, readonly outlet: Outlet) {
    this.server = engine.server;
    this.msize = engine.msizeFirst;
  }

  /** Handles one whole message, whose body is what is left of `from`. */
  receive(type: number, tag: number, from: Reader): void {
    const request = new Request(this, tag, typeName(type));
    try {
      const later = this.#dispatch(request, type, from);
      if (later instanceof Promise) this.#wait(request, later);
    } catch (thrown) {
      this.fail(request, thrown);
    }
  }

  #dispatch(request: Request, type: number, from: Reader): Later<void> {
    if (this.#waiting.has(request.tag)) {
      throw new NineError("EINVAL", `Tag ${request.tag} is in flight already: wait for its reply`);
    }
    const message = this.codec.decode(type, request.tag, from);
    if (message === undefined || (type & 1) === 1) {
      throw new NineError(
        "EOPNOTSUPP",
        `${typeName(type)} is no request of ${this.dialect ?? "a client before Tversion"}`,
      );
    }
    if (from.malformed || from.left > 0) {
      throw new NineError(
        "EPROTO",
        `A malformed ${message.kind}: ${from.left} bytes are left, or a field ends too early`,
      );
    }
    if (this.dialect === undefined && message.kind !== "Tversion") {
      throw new NineError("EPROTO", `${message.kind} before Tversion: a session starts with Tversion`);
    }
    if (this.#waiting.size >= WAITING_MAX && !ENDING.has(message.kind)) {
      throw new NineError(
        "ENOBUFS",
        `${this.#waiting.size} requests of the session are under way, allowed are ${WAITING_MAX}: flush some`,
      );
    }
    return handlersOf(this.codec.dialect)[type]!(this, message as never, request);
  }

  #wait(request: Request, later: Promise<void>): void {
    this.#waiting.set(request.tag, request);
    later.catch((thrown) => {
      // A flushed request that was given up without effect has no reply at all (rule R30). Any other reason is told.
      if (!request.flushed || thrown instanceof NineError) this.fail(request, thrown);
    }).finally(() => this.settle(request));
  }

  /** The request has had its reply, or will never have one. */
  settle(request: Request): void {
    if (this.#waiting.get(request.tag) === request) this.#waiting.delete(request.tag);
    request.done();
    this.outlet.kick();
  }

  /** Whether a request is under way that changes something: harmless ones may wait for ever. */
  get isBusy(): boolean {
    return [...this.#waiting.values()].some(({ name }) => !HARMLESS.has(name));
  }

  /** The request with that tag that is under way. */
  waiting(tag: number): Request | undefined {
    return this.#waiting.get(tag);
  }

  /** Ends a request that its client does not want any more (rules R30 to R32). */
  flush(request: Request): void {
    request.flushed = true;
    request.abort();
    if (HARMLESS.has(request.name)) {
      request.dropped = true;
      this.settle(request);
    }
  }

  send<K extends RName>(name: K, tag: number, body: Body<K>): void {
    const out = this.outlet.out;
    const start = out.length;
    try {
      this.codec.encode(out, name, tag, body);
      if (out.length - start > this.msize) {
        throw new NineError(
          "EMSGSIZE",
          `${name} would take ${out.length - start} bytes, msize is ${this.msize}`,
        );
      }
    } catch (thrown) {
      out.cancel(start);
      throw thrown;
    }
  }

  fail(request: Request, thrown: unknown): void {
    const errno = errnoOf(thrown);
    // Its client has gone or has clunked it: giving up is what was asked for, and no reason for anything.
    if (request.dropped && errno === Errno.EINTR) return;
    this.engine.report({
      user: request.user,
      request: request.name,
      path: cut(request.path),
      errno,
      reason: cut(reasonOf(thrown)),
      thrown,
    });
    if (this.dialect === "9P2000.L") request.reply("Rlerror", { ecode: errno });
    else request.reply("Rerror", { ename: phraseOf(errno), errno });
  }

  /** The fid of that number, or EBADF. The request acts as its user from now on. */
  fid(number: number, request: Request): Fid {
    const fid = this.fids.get(number);
    if (!fid) {
      throw new NineError("EBADF", `Fid ${number} is not known: it was never walked to, or was clunked`);
    }
    request.on(fid);
    return fid;
  }

  /** Binds a number to a node, unless the session that the request was of has ended meanwhile. */
  bind(number: number, node: unknown, root: unknown, user: User, request: Request): Fid {
    if (request.dropped) {
      throw new NineError("EINTR", `The session ended while its ${request.name} was under way`);
    }
    this.checkFree(number);
    this.engine.countFid(user, this.fids.size);
    const fid = new Fid(node, root, user);
    this.fids.set(number, fid);
    this.server.hold?.(node);
    return fid;
  }

  /** A fid number goes on as a fid of another node, unless somebody took, opened or clunked it meanwhile. */
  rebind(number: number, fid: Fid, node: unknown, request: Request): Fid {
    this.checkIdle(number, fid, request);
    const others = [...fid.pending].filter((pending) => pending !== request);
    // The fid that goes counts until the others are done with it.
    if (others.length > 0) this.engine.countFid(fid.user, this.fids.size);
    const next = new Fid(node, fid.root, fid.user);
    this.server.hold?.(node);
    this.fids.set(number, next);
    if (others.length === 0) this.server.drop?.(fid.node);
    else {
      // One of them may be opening what the fid was.
      const ended = others.map((pending) => new Promise<void>((done) => pending.onDone(done)));
      this.#close(Promise.all(ended).then(() => this.engine.close(fid, request)));
    }
    return next;
  }

  /** Throws unless the fid is still what it was when the request began: an idle fid of that number. */
  checkIdle(number: number, fid: Fid, request: Request): void {
    if (this.fids.get(number) === fid && fid.use.kind === "idle" && !request.dropped) return;
    throw new NineError(
      "EBADF",
      `Fid ${number} was clunked or opened, or its ${request.name} flushed, while that was under way`,
    );
  }

  checkFree(number: number): void {
    if (this.fids.has(number)) {
      throw new NineError("EBADF", `Fid ${number} is in use: clunk it first or take another`);
    }
  }

  /** Counts the bytes of an attribute that a fid is about to stand for; ENOBUFS where the session holds too many. */
  holdAttribute(bytes: number): void {
    const held = this.attributeBytes + bytes;
    if (held > ATTRIBUTE_BYTES_MAX) {
      throw new NineError(
        "ENOBUFS",
        `Attributes of ${held} bytes at once, allowed are ${ATTRIBUTE_BYTES_MAX}: clunk some`,
      );
    }
    this.attributeBytes = held;
  }

  /** Takes a fid out of the table and closes what it stood for, once the requests on it have ended. */
  release(number: number, fid: Fid, request: Request): Later<void> {
    // Another request, such as a Tclunk that overtook a Tremove, was faster.
    if (this.fids.get(number) !== fid) return;
    this.fids.delete(number);
    if (fid.pending.size === 0) return this.engine.close(fid, request);
    const ended = [...fid.pending].map((pending) => new Promise<void>((done) => pending.onDone(done)));
    for (const pending of [...fid.pending]) this.#interrupt(pending);
    return Promise.all(ended).then(() => this.engine.close(fid, request));
  }

  /** Ends a request whose fid is going away: it still gets a reply. */
  #interrupt(request: Request): void {
    request.abort();
    if (!HARMLESS.has(request.name)) return;
    this.fail(request, new NineError("EINTR", `The fid was clunked while its ${request.name} was waiting`));
    request.dropped = true;
    this.settle(request);
  }

  /** Keeps the fid's handle open until the request has ended. */
  during<T>(fid: Fid, request: Request, later: Later<T>): Later<T> {
    if (!(later instanceof Promise)) return later;
    fid.pending.add(request);
    request.onDone(() => fid.pending.delete(request));
    return later;
  }

  /** Aborts everything and frees every fid, with its locks and handles; no reply goes out any more. */
  reset(): void {
    for (const request of this.#waiting.values()) {
      request.dropped = true;
      request.abort();
    }
    for (const [number, fid] of [...this.fids]) {
      // One for each: the fids of one connection may belong to several users.
      const request = new Request(this, 0, "Tclunk");
      request.dropped = true;
      request.on(fid);
      try {
        const later = this.release(number, fid, request);
        if (later instanceof Promise) this.#close(later, (thrown) => this.fail(request, thrown));
      } catch (thrown) {
        this.fail(request, thrown);
      }
    }
    // Requests that never end on their own hold their fids: they count as ended.
    for (const waiting of this.#waiting.values()) if (HARMLESS.has(waiting.name)) waiting.done();
    this.#waiting.clear();
    this.fids.clear();
  }

  #close(later: Promise<void>, failed = (thrown: unknown) => this.engine.reportQuiet(thrown)): void {
    const closing = later.catch(failed).finally(() => this.#closing.delete(closing));
    this.#closing.add(closing);
  }

  /** Resolves when everything that the session had open is closed. */
  async closed(): Promise<void> {
    await Promise.all(this.#closing);
  }
}

function cut<T extends string | undefined>(text: T): T | string {
  return text === undefined || text.length <= TOLD_CHARS_MAX ? text : `${text.slice(0, TOLD_CHARS_MAX)}…`;
}
