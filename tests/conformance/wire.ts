/**
 * A raw 9P client for the suite: it can send anything, and notes everything that comes back. Of the project it uses the
 * codec and the dial strings only.
 */
import { parseAddress } from "../../9p/address.ts";
import { codecOf, HEADER_BYTES, NOTAG } from "../../9p/wire/codec.ts";
import type { Dialect } from "../../9p/wire/field.ts";
import { type Body, type Message, MESSAGES, type RName, type TName } from "../../9p/wire/messages.ts";
import { Reader } from "../../9p/wire/reader.ts";
import { Writer } from "../../9p/wire/writer.ts";

/** One message as it came. */
export interface Frame {
  readonly type: number;
  readonly tag: number;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

export type ReplyTo<K extends TName> = K extends `T${infer Rest}` ? Extract<RName, `R${Rest}`> : never;

const RERROR = MESSAGES.Rerror.type;
const RLERROR = MESSAGES.Rlerror.type;
/** What a server may send before a Tversion has agreed on anything. */
const MSIZE_FIRST = 8192;
/** No server takes longer to answer what it can answer, not even on a busy machine. */
const REPLY_MS = 10_000;
const CLOSE_MS = 3000;

/** The server answered with an error. `errno` is there in 9P2000.u and .L, `text` in 9P2000 and .u. */
export class Refused extends Error {
  override readonly name = "Refused";
  constructor(
    readonly request: string,
    readonly errno: number | undefined,
    readonly text: string | undefined,
  ) {
    super(`${request} was refused: ${[errno, text && JSON.stringify(text)].filter((x) => x !== undefined)}`);
  }
}

/** The server closed the connection while a reply was awaited. */
export class Closed extends Error {
  override readonly name = "Closed";
}

/** No reply came in time. */
export class NoReply extends Error {
  override readonly name = "NoReply";
}

/** A whole message. */
export function frameOf<K extends TName>(
  dialect: Dialect,
  name: K,
  tag: number,
  body: Body<K>,
): Uint8Array<ArrayBuffer> {
  const writer = new Writer();
  codecOf(dialect).encode(writer, name, tag, body);
  return writer.written().slice();
}

/** A message of any type with any body. */
export function rawFrame(type: number, tag: number, body: Uint8Array): Uint8Array<ArrayBuffer> {
  const frame = new Uint8Array(HEADER_BYTES + body.byteLength);
  const view = new DataView(frame.buffer);
  view.setUint32(0, frame.byteLength, true);
  view.setUint8(4, type);
  view.setUint16(5, tag, true);
  frame.set(body, HEADER_BYTES);
  return frame;
}

/** The frame with its size field set to what it is, or to a lie. */
export function resized(frame: Uint8Array, size = frame.byteLength): Uint8Array<ArrayBuffer> {
  const copy = frame.slice();
  new DataView(copy.buffer).setUint32(0, size, true);
  return copy;
}

/** The frame with a 64-bit number written at `at`: the codec's own numbers are doubles. */
export function with64(frame: Uint8Array, at: number, value: bigint): Uint8Array<ArrayBuffer> {
  const copy = frame.slice();
  new DataView(copy.buffer).setBigUint64(at, value, true);
  return copy;
}

/** The frame with the ASCII `text`, which occurs once, replaced by as many other bytes: for names that are no UTF-8. */
export function withBytes(frame: Uint8Array, text: string, bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const wanted = new TextEncoder().encode(text);
  if (wanted.byteLength !== bytes.byteLength) throw new Error("The replacement has another length");
  const at = frame.findIndex((_, i) => wanted.every((byte, j) => frame[i + j] === byte));
  if (at < 0) throw new Error(`${text} is not in the frame`);
  const copy = frame.slice();
  copy.set(bytes, at);
  return copy;
}

export function isError(frame: Frame): boolean {
  return frame.type === RERROR || frame.type === RLERROR;
}

export class Wire {
  /** How replies are decoded; `version` sets it. */
  dialect: Dialect = "9P2000";
  msize = MSIZE_FIRST;
  /** What no server may do, whatever the test is about: the test fails when there is anything in it at its end. */
  readonly violations: string[] = [];
  /** The replies in the order in which they came. */
  readonly arrivals: { readonly type: number; readonly tag: number }[] = [];
  isClosed = false;
  readonly closed: Promise<void>;
  readonly #unclaimed: Frame[] = [];
  readonly #waiting = new Map<number, ((frame: Frame | undefined) => void)[]>();
  /** Requests without a reply, by tag; of a Tflush, what it flushes. */
  readonly #inFlight = new Map<number, { name: string; oldtag?: number }[]>();
  #writing: Promise<void> = Promise.resolve();
  #lastTag = 0;

  constructor(readonly conn: Deno.Conn) {
    this.closed = this.#receive();
  }

  static async dial(address: string): Promise<Wire> {
    const at = parseAddress(address);
    if (at.net === "unix") return new Wire(await Deno.connect({ transport: "unix", path: at.path }));
    const conn = await Deno.connect({ hostname: at.host, port: at.port });
    conn.setNoDelay();
    return new Wire(conn);
  }

  /** A tag that is not in flight. */
  freeTag(): number {
    do this.#lastTag = (this.#lastTag + 1) % NOTAG; while (this.#inFlight.has(this.#lastTag));
    return this.#lastTag;
  }

  send<K extends TName>(name: K, body: Body<K>, tag = this.freeTag()): number {
    const oldtag = name === "Tflush" ? (body as Body<"Tflush">).oldtag : undefined;
    this.sendBytes(frameOf(this.dialect, name, tag, body), { name, tag, oldtag });
    return tag;
  }

  /** Sends bytes as they are; `expects` is a request whose reply may come for them. */
  sendBytes(bytes: Uint8Array, ...expects: { name: string; tag: number; oldtag?: number }[]): void {
    for (const { name, tag, oldtag } of expects) {
      this.#inFlight.set(tag, [...this.#inFlight.get(tag) ?? [], { name, oldtag }]);
    }
    const copy = bytes.slice();
    this.#writing = this.#writing.then(async () => {
      for (let at = 0; at < copy.byteLength;) at += await this.conn.write(copy.subarray(at));
    }).catch(() => {});
  }

  /** Several messages in one write. */
  sendTogether(requests: { frame: Uint8Array; name: string; tag: number; oldtag?: number }[]): void {
    const bytes = new Uint8Array(requests.reduce((sum, { frame }) => sum + frame.byteLength, 0));
    let at = 0;
    for (const { frame } of requests) {
      bytes.set(frame, at);
      at += frame.byteLength;
    }
    this.sendBytes(bytes, ...requests);
  }

  /** Resolves when all that was sent has left. */
  async sent(): Promise<void> {
    await this.#writing;
  }

  /** The next reply with that tag. */
  async reply(tag: number, timeoutMs = REPLY_MS): Promise<Frame> {
    const frame = await this.#next(tag, timeoutMs);
    if (frame) return frame;
    if (this.isClosed) throw new Closed(`The connection was closed instead of a reply to tag ${tag}`);
    throw new NoReply(`No reply to tag ${tag} within ${timeoutMs} ms`);
  }

  /** Waits a while and says whether no reply with that tag came. */
  async silent(tag: number, ms = 30): Promise<boolean> {
    const frame = await this.#next(tag, ms);
    if (frame) this.#unclaimed.push(frame);
    return frame === undefined;
  }

  #next(tag: number, timeoutMs: number): Promise<Frame | undefined> {
    const at = this.#unclaimed.findIndex((frame) => frame.tag === tag);
    if (at >= 0) return Promise.resolve(this.#unclaimed.splice(at, 1)[0]);
    if (this.isClosed) return Promise.resolve(undefined);
    return new Promise((resolve) => {
      const waiters = this.#waiting.get(tag) ?? [];
      const waiter = (frame: Frame | undefined) => {
        clearTimeout(timer);
        resolve(frame);
      };
      const timer = setTimeout(() => {
        waiters.splice(waiters.indexOf(waiter), 1);
        resolve(undefined);
      }, timeoutMs);
      waiters.push(waiter);
      this.#waiting.set(tag, waiters);
    });
  }

  /** The message that a frame is; a malformed one is a violation. */
  decode(frame: Frame): Message {
    const reader = new Reader(frame.bytes);
    reader.window(HEADER_BYTES, frame.bytes.byteLength);
    // Before a Tversion has agreed on a dialect, an error may have the form of any.
    const dialect = frame.type === RLERROR
      ? "9P2000.L"
      : frame.type === RERROR && this.dialect === "9P2000.L"
      ? "9P2000"
      : this.dialect;
    const message = codecOf(dialect).decode(frame.type, frame.tag, reader);
    if (message && !reader.malformed && reader.left === 0) return message;
    const what = message ? `${message.kind}, ${reader.left} bytes left` : `type ${frame.type}`;
    this.violations.push(`A malformed reply: ${what}`);
    throw new Error(`A malformed reply: ${what}`);
  }

  /** The reply to a request of that name, decoded; `Refused` where it is an error. */
  async answer<K extends TName>(
    name: K,
    tag: number,
    timeoutMs?: number,
  ): Promise<Message<ReplyTo<K>>> {
    const message = this.decode(await this.reply(tag, timeoutMs));
    if (message.kind === "Rlerror") throw new Refused(name, message.ecode, undefined);
    if (message.kind === "Rerror") {
      throw new Refused(name, this.dialect === "9P2000.u" ? message.errno : undefined, message.ename);
    }
    const wanted = `R${name.slice(1)}`;
    if (message.kind !== wanted) throw new Error(`${name} was answered by ${message.kind}`);
    return message as Message<ReplyTo<K>>;
  }

  rpc<K extends TName>(name: K, body: Body<K>, tag?: number): Promise<Message<ReplyTo<K>>> {
    return this.answer(name, this.send(name, body, tag));
  }

  /** Agrees on a dialect. */
  async version(msize: number, version: string): Promise<Message<"Rversion">> {
    const reply = await this.rpc("Tversion", { msize, version }, NOTAG);
    this.msize = reply.msize;
    if (reply.version === "9P2000.u" || reply.version === "9P2000.L") this.dialect = reply.version;
    else this.dialect = "9P2000";
    return reply;
  }

  /** Whether the server closes the connection in time. */
  async closes(timeoutMs = CLOSE_MS): Promise<boolean> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<void>((resolve) => timer = setTimeout(resolve, timeoutMs));
    await Promise.race([this.closed, late]);
    clearTimeout(timer);
    return this.isClosed;
  }

  close(): void {
    try {
      this.conn.close();
    } catch { /* It was closed already. */ }
  }

  async #receive(): Promise<void> {
    let held = new Uint8Array(64 * 1024);
    let end = 0;
    try {
      while (true) {
        if (end === held.byteLength) {
          const larger = new Uint8Array(held.byteLength * 2);
          larger.set(held);
          held = larger;
        }
        const count = await this.conn.read(held.subarray(end));
        if (count === null) break;
        end += count;
        const start = this.#takeFrames(held, end);
        held.copyWithin(0, start, end);
        end -= start;
      }
    } catch { /* A reset is an end like another. */ }
    if (end > 0) this.violations.push(`The connection ended within a frame, after ${end} bytes of it`);
    this.isClosed = true;
    this.close();
    for (const waiters of this.#waiting.values()) for (const waiter of waiters) waiter(undefined);
  }

  #takeFrames(held: Uint8Array<ArrayBuffer>, end: number): number {
    const view = new DataView(held.buffer);
    let start = 0;
    while (end - start >= 4) {
      const size = view.getUint32(start, true);
      if (size < HEADER_BYTES) throw this.#violate(`A reply of ${size} bytes`);
      if (end - start < size) break;
      const bytes = held.slice(start, start + size);
      this.#take({ type: bytes[4], tag: view.getUint16(start + 5, true), bytes });
      start += size;
    }
    return start;
  }

  #violate(what: string): Error {
    this.violations.push(what);
    return new Error(what);
  }

  #take(frame: Frame): void {
    const { type, tag, bytes } = frame;
    this.arrivals.push({ type, tag });
    if (bytes.byteLength > this.msize) {
      this.#violate(`A reply of ${bytes.byteLength} bytes, msize is ${this.msize}`);
    }
    if (type === MESSAGES.Rversion.type) this.#inFlight.clear();
    else this.#settle(type, tag);
    const waiter = this.#waiting.get(tag)?.shift();
    if (waiter) waiter(frame);
    else this.#unclaimed.push(frame);
  }

  #settle(type: number, tag: number): void {
    const requests = this.#inFlight.get(tag);
    if (!requests) {
      this.#violate(`A reply of type ${type} to tag ${tag}, which is not in flight`);
      return;
    }
    const request = requests.shift();
    if (requests.length === 0) this.#inFlight.delete(tag);
    // After an Rflush its old tag is free, and no reply to it may follow (rule R30).
    if (type === MESSAGES.Rflush.type && request?.oldtag !== undefined && request.oldtag !== tag) {
      this.#inFlight.delete(request.oldtag);
    }
  }
}
