import type { Principal } from "../../9p/mod.ts";
import { jsonLine } from "./feed.ts";

/** What a line takes beside its bytes, about. */
const LINE_BYTES = 128;

interface Line {
  /** When it came, among all. */
  readonly number: number;
  readonly bytes: Uint8Array;
}

/** One user's lines, oldest first. */
interface Own {
  readonly lines: Line[];
  bytes: number;
}

/**
 * The last errors of all users, within a number of bytes. Where they get too many, the oldest of the user with the most
 * of them goes: nobody's errors push out those of who has fewer.
 */
export class Errors {
  readonly bytesMax: number;
  readonly #users = new Map<Principal, Own>();
  #bytes = 0;
  #count = 0;

  constructor(bytesMax: number) {
    this.bytesMax = bytesMax;
  }

  /** What is kept, bytes. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Adds a line, which is made into bytes here, once for all readers. */
  add(user: Principal, line: object): void {
    const bytes = jsonLine(line);
    let own = this.#users.get(user);
    if (!own) this.#users.set(user, own = { lines: [], bytes: 0 });
    own.lines.push({ number: this.#count++, bytes });
    own.bytes += LINE_BYTES + bytes.byteLength;
    this.#bytes += LINE_BYTES + bytes.byteLength;
    while (this.#bytes > this.bytesMax) this.#dropOne();
  }

  /** The lines of one user, or of all, as they came. */
  of(user?: Principal): Uint8Array {
    const lines = user !== undefined
      ? this.#users.get(user)?.lines ?? []
      : [...this.#users.values()].flatMap((own) => own.lines).sort((a, b) => a.number - b.number);
    const whole = new Uint8Array(lines.reduce((sum, { bytes }) => sum + bytes.byteLength, 0));
    lines.reduce((at, { bytes }) => (whole.set(bytes, at), at + bytes.byteLength), 0);
    return whole;
  }

  #dropOne(): void {
    let most: [Principal, Own] | undefined;
    for (const entry of this.#users) if (!most || entry[1].bytes > most[1].bytes) most = entry;
    const [user, own] = most!;
    const size = LINE_BYTES + own.lines.shift()!.bytes.byteLength;
    own.bytes -= size;
    this.#bytes -= size;
    if (own.lines.length === 0) this.#users.delete(user);
  }
}
