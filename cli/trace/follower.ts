import { type Codec, codecOf, DIALECTS, errnoName, type Message, Reader, typeName } from "../../9p/mod.ts";
import { Latencies } from "./latencies.ts";

/** A message that passed. */
export interface Passed {
  /** Of whoever sent it. */
  readonly from: "client" | "server";
  /** The message's name, as `Twalk`. */
  readonly name: string;
  /** The printed form, with strings escaped. */
  readonly text: string;
  readonly bytes: number;
  /** Of a reply: since its request, microseconds. */
  readonly us?: number;
}

/** A request whose reply is due. */
interface Asked {
  readonly name: string;
  readonly atMs: number;
}

/** Understands what passes on one connection: which dialect was agreed, and which reply belongs to which request. */
export class Follower {
  #codec: Codec = codecOf("9P2000");
  readonly #asked = new Map<number, Asked>();

  constructor(readonly summary: Summary, readonly nowMs: () => number) {}

  pass(from: "client" | "server", frame: Uint8Array<ArrayBuffer>): Passed {
    const view = new DataView(frame.buffer, frame.byteOffset);
    const type = view.getUint8(4);
    const tag = view.getUint16(5, true);
    const reader = new Reader(frame).window(7, frame.byteLength);
    const message = this.#codec.decode(type, tag, reader);
    const isWhole = message !== undefined && !reader.malformed && reader.left === 0;
    const name = message?.kind ?? typeName(type);
    const text = isWhole ? this.#show(message) : `${name} tag=${tag} malformed, ${frame.byteLength} bytes`;
    const passed = { from, name, text, bytes: frame.byteLength };
    if (from === "client") {
      this.#asked.set(tag, { name, atMs: this.nowMs() });
      return passed;
    }
    if (isWhole && message.kind === "Rversion") this.#agree(message.version);
    const asked = this.#asked.get(tag);
    this.#asked.delete(tag);
    if (!asked) return { ...passed, text: `${text} (nobody asked)` };
    const us = (this.nowMs() - asked.atMs) * 1000;
    const isError = type === 7 || type === 107;
    this.summary.add(asked.name, us, isError);
    return { ...passed, us };
  }

  #agree(version: string): void {
    const dialect = DIALECTS.find((one) => one === version);
    if (dialect) this.#codec = codecOf(dialect);
    this.#asked.clear();
  }

  #show(message: Message): string {
    const text = this.#codec.show(message);
    return message.kind === "Rlerror" ? `${text} (${errnoName(message.ecode)})` : text;
  }
}

/** What passed in all, by request. */
export class Summary {
  readonly byName = new Map<string, { readonly latencies: Latencies; errors: number }>();

  add(name: string, us: number, isError: boolean): void {
    let row = this.byName.get(name);
    if (!row) this.byName.set(name, row = { latencies: new Latencies(), errors: 0 });
    row.latencies.add(us);
    if (isError) row.errors++;
  }

  /** The most frequent first. */
  rows(): { name: string; count: number; errors: number; p50Us: number; p99Us: number; maxUs: number }[] {
    return [...this.byName].map(([name, { latencies, errors }]) => ({
      name,
      count: latencies.count,
      errors,
      p50Us: latencies.quantileUs(0.5),
      p99Us: latencies.quantileUs(0.99),
      maxUs: latencies.maxUs,
    })).sort((a, b) => b.count - a.count);
  }
}
