/** Frames as a broken or hostile client sends them: sensible ones, and those with something wrong in them. */
import { codecOf, HEADER_BYTES } from "../../9p/wire/codec.ts";
import { type Dialect, DIALECTS } from "../../9p/wire/field.ts";
import type { MessageName } from "../../9p/wire/messages.ts";
import { Writer } from "../../9p/wire/writer.ts";
import { PROBES } from "../conformance/probes.ts";
import type { Random } from "./random.ts";

const FIDS = 24;
const TAGS = 64;
const NAMES = [
  "a",
  "b",
  "c",
  "d",
  "dir",
  "file",
  "link",
  "..",
  ".",
  "",
  "a/b",
  "ü",
  "x".repeat(255),
  "x".repeat(256),
  PROBES.blocks,
  PROBES.deaf,
];
const EDGES_8 = [0, 1, 0x7f, 0x80, 0xff];
const EDGES_16 = [0, 1, 0xff, 0x100, 0x7fff, 0x8000, 0xfffe, 0xffff];
const EDGES_32 = [0, 1, 0xffff, 0x10000, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff];
const MSIZES = [256, 300, 4096, 8192, 65536, 1 << 20];

/** What becomes of a sensible frame, and how often. */
const MUTATIONS = {
  none: 40,
  bytes: 20,
  edges: 15,
  cut: 8,
  longer: 5,
  type: 4,
  splice: 4,
  garbage: 3,
} as const;

/** One frame in so many lies about its size, which the connection may not survive. */
const SIZE_LIE_ONCE = 3000;
/** One in so many starts another session on the connection. */
const VERSION_ONCE = 400;

export class Frames {
  /** What the session speaks, as far as is known: most frames are of that dialect. */
  dialect: Dialect = "9P2000";
  #writer = new Writer();
  #last: Uint8Array = new Uint8Array(0);
  readonly #fields: (below: number) => number;

  constructor(readonly random: Random) {
    this.#fields = (below) => random.below(below);
  }

  version(): Uint8Array {
    const { random } = this;
    const version = random.once(10) ? random.pick(["9P", "9P2000.x", "", "unknown"]) : random.pick(DIALECTS);
    return this.#encode("9P2000", "Tversion", 0xffff, { msize: random.pick(MSIZES), version });
  }

  attach(): Uint8Array {
    const who = { uname: "root", aname: "", nUname: 0 };
    return this.#encode(this.dialect, "Tattach", this.random.below(TAGS), {
      fid: 0,
      afid: 0xffffffff,
      ...who,
    });
  }

  /** The next frame; a `lie` is one after which nobody knows where frames begin. */
  next(): { bytes: Uint8Array; isLie: boolean } {
    const { random } = this;
    if (random.once(VERSION_ONCE)) return { bytes: this.version(), isLie: false };
    if (random.once(20)) return { bytes: this.attach(), isLie: false };
    const bytes = this.#mutated(this.#sensible());
    if (!random.once(SIZE_LIE_ONCE)) return { bytes, isLie: false };
    const lie = random.once(2) ? random.pick(EDGES_32) : random.below(2 * bytes.byteLength);
    new DataView(bytes.buffer, bytes.byteOffset).setUint32(0, lie, true);
    return { bytes, isLie: true };
  }

  /** A message as the table allows it, its fids, names and numbers such that it may well succeed. */
  #sensible(): Uint8Array {
    const { random } = this;
    const dialect = random.once(30) ? random.pick(DIALECTS) : this.dialect;
    const codec = codecOf(dialect);
    const name = random.once(50) ? random.pick(codec.names) : this.#pickRequest(codec.names);
    const { kind: _, tag: __, ...body } = codec.any(name, this.#fields) as never as Record<string, unknown>;
    for (const key of Object.keys(body)) {
      const better = this.#better(name, key);
      if (better !== undefined && !random.once(12)) body[key] = better;
    }
    return this.#encode(dialect, name, random.below(TAGS), body);
  }

  #pickRequest(names: readonly MessageName[]): MessageName {
    while (true) {
      const name = this.random.pick(names);
      if (name.startsWith("T") && name !== "Tversion") return name;
    }
  }

  #better(name: MessageName, key: string): unknown {
    const { random } = this;
    switch (key) {
      case "fid":
      case "newfid":
      case "dfid":
      case "dirfd":
      case "olddirfid":
      case "newdirfid":
        return random.below(FIDS);
      case "afid":
        return 0xffffffff;
      case "name":
      case "oldname":
      case "newname":
        return name.startsWith("Txattr") ? random.pick(["user.a", "user.b", ""]) : random.pick(NAMES);
      case "wname":
        return Array.from({ length: random.below(4) }, () => random.pick(NAMES));
      case "oldtag":
        return random.below(TAGS);
      case "offset":
      case "start":
      case "length":
      case "size":
        return random.once(3) ? 0 : random.below(5000);
      case "count":
        return random.below(9000);
      case "attrSize":
        return random.below(300);
      case "mode":
        return name === "Topen" || name === "Tcreate" ? random.below(4) : random.below(0o10000);
      case "perm":
        return random.once(3) ? 0x80000000 + random.below(0o1000) : random.below(0o1000);
      case "flags":
        return name === "Tunlinkat" ? random.pick([0, 0x200]) : random.below(3);
      case "aname":
        return "";
      case "uname":
        return random.pick(["root", "daemon"]);
      case "nUname":
        return random.pick([0, 1, 0xffffffff]);
      default:
        return undefined;
    }
  }

  #mutated(frame: Uint8Array): Uint8Array {
    const { random } = this;
    const previous = this.#last;
    this.#last = frame;
    switch (random.weighted(MUTATIONS)) {
      case "none":
        return frame;
      case "bytes": {
        const copy = frame.slice();
        for (let i = random.below(4); i >= 0; i--) {
          const at = HEADER_BYTES + random.below(copy.byteLength);
          if (at < copy.byteLength) copy[at] = random.below(256);
        }
        return copy;
      }
      case "edges":
        return this.#withEdge(frame.slice());
      case "cut":
        return sized(frame.slice(0, HEADER_BYTES + random.below(frame.byteLength - HEADER_BYTES + 1)));
      case "longer": {
        const longer = new Uint8Array(frame.byteLength + 1 + random.below(40));
        longer.set(frame);
        for (let i = frame.byteLength; i < longer.byteLength; i++) longer[i] = random.below(256);
        return sized(longer);
      }
      case "type": {
        const copy = frame.slice();
        copy[4] = random.below(256);
        return copy;
      }
      case "splice": {
        const at = HEADER_BYTES + random.below(frame.byteLength - HEADER_BYTES + 1);
        const rest = previous.subarray(Math.min(HEADER_BYTES + random.below(30), previous.byteLength));
        const spliced = new Uint8Array(at + rest.byteLength);
        spliced.set(frame.subarray(0, at));
        spliced.set(rest, at);
        return sized(spliced);
      }
      case "garbage": {
        const garbage = Uint8Array.from(
          { length: HEADER_BYTES + random.below(200) },
          () => random.below(256),
        );
        garbage.set(frame.subarray(4, HEADER_BYTES), 4);
        return sized(garbage);
      }
    }
  }

  #withEdge(frame: Uint8Array): Uint8Array {
    const { random } = this;
    const view = new DataView(frame.buffer);
    const width = random.pick([1, 2, 4]);
    const room = frame.byteLength - HEADER_BYTES - width;
    if (room < 0) return frame;
    const at = HEADER_BYTES + random.below(room + 1);
    if (width === 1) view.setUint8(at, random.pick(EDGES_8));
    else if (width === 2) view.setUint16(at, random.pick(EDGES_16), true);
    else view.setUint32(at, random.pick(EDGES_32), true);
    return frame;
  }

  #encode(dialect: Dialect, name: MessageName, tag: number, body: Record<string, unknown>): Uint8Array {
    this.#writer.clear();
    codecOf(dialect).encode(this.#writer, name, tag, body as never);
    return this.#writer.written().slice();
  }
}

function sized(frame: Uint8Array): Uint8Array {
  new DataView(frame.buffer, frame.byteOffset).setUint32(0, frame.byteLength, true);
  return frame;
}
