import type { Duplex } from "../server/connection.ts";
import { codecOf } from "../wire/codec.ts";
import type { Dialect } from "../wire/field.ts";
import type { Body, Message, RName } from "../wire/messages.ts";
import { Reader } from "../wire/reader.ts";
import { Writer } from "../wire/writer.ts";

/** A server for tests that says what it is told to. */
export class Scripted implements Duplex {
  readonly #out: Uint8Array[] = [];
  readonly #requests: Message[] = [];
  #wakeReader: (() => void) | undefined;
  #wakeScript: (() => void) | undefined;
  #closed = false;

  constructor(readonly dialect: Dialect = "9P2000.L") {}

  async read(into: Uint8Array): Promise<number | null> {
    while (this.#out.length === 0) {
      if (this.#closed) return null;
      await new Promise<void>((wake) => this.#wakeReader = wake);
    }
    const first = this.#out[0];
    const count = Math.min(first.byteLength, into.byteLength);
    into.set(first.subarray(0, count));
    if (count === first.byteLength) this.#out.shift();
    else this.#out[0] = first.subarray(count);
    return count;
  }

  write(bytes: Uint8Array): Promise<number> {
    const all = bytes.slice();
    const view = new DataView(all.buffer);
    for (let at = 0; at < all.byteLength; at += view.getUint32(at, true)) {
      const from = new Reader(all).window(at + 7, at + view.getUint32(at, true));
      this.#requests.push(codecOf(this.dialect).decode(all[at + 4], view.getUint16(at + 5, true), from)!);
    }
    this.#wakeScript?.();
    return Promise.resolve(bytes.byteLength);
  }

  close(): void {
    this.#closed = true;
    this.#wakeReader?.();
  }

  get isClosed(): boolean {
    return this.#closed;
  }

  /** The next request of the client. */
  async request(): Promise<Message> {
    while (this.#requests.length === 0) await new Promise<void>((wake) => this.#wakeScript = wake);
    return this.#requests.shift()!;
  }

  /** How many requests came that nobody has looked at. */
  get waiting(): number {
    return this.#requests.length;
  }

  reply<K extends RName>(name: K, tag: number, body: Body<K>): void {
    const writer = new Writer();
    codecOf(this.dialect).encode(writer, name, tag, body);
    this.raw(writer.written().slice());
  }

  raw(bytes: Uint8Array): void {
    this.#out.push(bytes);
    this.#wakeReader?.();
  }

  /** Agrees to the version that is asked for. */
  async agree(msize = 8192): Promise<void> {
    const { tag } = await this.request();
    this.reply("Rversion", tag, { msize, version: this.dialect });
  }
}
