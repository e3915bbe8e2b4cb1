import { NineError, type Source, type Timestamp } from "../../9p/mod.ts";
import { BLOCK, LONG_BYTES_MAX, PAX_BYTES_MAX, type TarEntry, type TarKind, TYPES } from "./entry.ts";
import { decodeHeader, type Header } from "./header.ts";
import { decodePax, type PaxRecords, paxText } from "./pax.ts";

const BUFFER = 64 * 1024;
/** What may follow the end of the archive, which whoever writes it wants to get rid of. */
const TRAILER_BYTES_MAX = 1024 * 1024;
const XATTR = "SCHILY.xattr.";
const KINDS = new Map<string, TarKind>([
  ...Object.entries(TYPES).map(([kind, type]) => [type, kind as TarKind] as const),
  ["\0", "file"],
  ["7", "file"],
]);

/** A member that cannot be taken, and why. The next one may be. */
export interface Refused {
  readonly refused: string;
  readonly path: string;
}

/** Reads an archive from its beginning to its end, and holds no more of it than a header and what the caller asks for. */
export class TarReader implements Source {
  readonly #source: Source;
  readonly #buffer = new Uint8Array(BUFFER);
  #start = 0;
  #end = 0;
  #isEnd = false;
  /** Bytes that were taken so far. */
  #at = 0;
  /** Of the present member: what is left of its contents, and how much stands behind them. */
  #left = 0;
  #padding = 0;
  #name = "";
  readonly #global: PaxRecords = new Map();
  #peeked: { readonly member: TarEntry | Refused | undefined } | undefined;

  constructor(source: Source) {
    this.#source = source;
  }

  /**
   * The next member; undefined at the end. What was not read of the one before is passed over. EINVAL for what is no
   * archive, EIO where it ends in the middle.
   */
  async next(): Promise<TarEntry | Refused | undefined> {
    if (this.#peeked !== undefined) {
      const { member } = this.#peeked;
      this.#peeked = undefined;
      return member;
    }
    await this.#skip(this.#left + this.#padding);
    this.#left = this.#padding = 0;
    const local: PaxRecords = new Map();
    for (;;) {
      const at = this.#at;
      const block = await this.#block();
      if (block === undefined) {
        await this.#drain();
        return undefined;
      }
      const header = decodeHeader(block, at);
      if (!Number.isSafeInteger(header.size) || header.size < 0) {
        throw new NineError("EINVAL", `The member at byte ${at} has ${header.size} bytes`);
      }
      switch (header.type) {
        case "x":
        case "g":
          for (const [key, value] of decodePax(await this.#whole(header.size, PAX_BYTES_MAX))) {
            (header.type === "x" ? local : this.#global).set(key, value);
          }
          if (this.#global.size > 1000) {
            throw new NineError("EINVAL", "The archive has too many global records");
          }
          continue;
        case "L":
        case "K": {
          const name = await this.#whole(header.size, LONG_BYTES_MAX);
          const end = name.indexOf(0);
          local.set(header.type === "L" ? "path" : "linkpath", end < 0 ? name : name.subarray(0, end));
          continue;
        }
        case "S":
          // More of the map of holes follows, as long as a byte in each block says so.
          for (let more = block[482]; more !== 0;) {
            const map = await this.#whole(BLOCK, BLOCK);
            more = map[504];
          }
          break;
        case "V":
          await this.#skip(padded(header.size));
          continue;
      }
      return this.#entry(header, new Map([...this.#global, ...local]));
    }
  }

  /** Throws where there is no archive. What comes first is still to come. */
  async peek(): Promise<void> {
    this.#peeked ??= { member: await this.next() };
  }

  /** Contents of the present member; null at their end. */
  async read(into: Uint8Array): Promise<number | null> {
    if (this.#left === 0) return null;
    const count = await this.#take(into.subarray(0, Math.min(into.length, this.#left)));
    if (count === 0) throw this.#torn();
    this.#left -= count;
    return count;
  }

  #entry(header: Header, pax: PaxRecords): TarEntry | Refused {
    const text = (key: string) => {
      const value = pax.get(key);
      return value && paxText(value);
    };
    const number = (key: string, other: number) => {
      const value = text(key);
      if (value === undefined) return other;
      if (/^\d{1,15}$/.test(value)) return Number(value);
      throw new NineError("EINVAL", `The archive says ${JSON.stringify(value.slice(0, 40))} for a ${key}`);
    };
    const size = number("size", header.size);
    const kind = KINDS.get(header.type);
    // Some programs say sizes of what has no contents.
    const follows = kind === undefined || kind === "file" || kind === "link" ? size : 0;
    this.#left = follows;
    this.#padding = padded(follows) - follows;
    const [path, target] = [pax.get("path") ?? header.path, pax.get("linkpath") ?? header.target].map(nameOf);
    this.#name = path ?? "?";
    if (path === undefined || target === undefined) {
      return {
        refused: "its name is no UTF-8",
        path: new TextDecoder().decode(pax.get("path") ?? header.path),
      };
    }
    if (header.type === "S" || [...pax.keys()].some((key) => key.startsWith("GNU.sparse."))) {
      return { refused: "it is stored as a sparse file: make the archive without -S", path };
    }
    if (kind === undefined) {
      return {
        refused: `its type is ${JSON.stringify(header.type)}, which this version does not know`,
        path,
      };
    }
    const xattrs = new Map<string, Uint8Array>();
    for (const [key, value] of pax) {
      if (key.startsWith(XATTR)) xattrs.set(key.slice(XATTR.length), value);
    }
    return {
      // Before there was a type for directories, a slash said so.
      kind: kind === "file" && path.endsWith("/") ? "directory" : kind,
      ...{ path, target, size: follows, xattrs },
      ...{ mode: header.mode, major: header.major, minor: header.minor },
      uid: number("uid", header.uid),
      gid: number("gid", header.gid),
      uname: text("uname") ?? header.uname,
      gname: text("gname") ?? header.gname,
      mtime: timestamp(text("mtime")) ?? { sec: header.mtime, nsec: 0 },
      atime: timestamp(text("atime")),
    };
  }

  /** The next header; undefined at the end of the archive. */
  async #block(): Promise<Uint8Array | undefined> {
    const block = new Uint8Array(BLOCK);
    const count = await this.#fill(block);
    if (count === 0) {
      if (this.#at === 0) throw new NineError("EINVAL", "There is nothing where an archive was due");
      return undefined;
    }
    if (count < BLOCK) throw this.#torn();
    return block.every((byte) => byte === 0) ? undefined : block;
  }

  async #whole(size: number, most: number): Promise<Uint8Array> {
    if (size > most) {
      throw new NineError("EINVAL", `The archive has a header of ${size} bytes, allowed are ${most}`);
    }
    const bytes = new Uint8Array(size);
    if (await this.#fill(bytes) < size) throw this.#torn();
    await this.#skip(padded(size) - size);
    return bytes;
  }

  async #skip(count: number): Promise<void> {
    const into = new Uint8Array(Math.min(count, BUFFER));
    for (let left = count; left > 0;) {
      const taken = await this.#take(into.subarray(0, Math.min(left, into.length)));
      if (taken === 0) throw this.#torn();
      left -= taken;
    }
  }

  async #drain(): Promise<void> {
    const into = new Uint8Array(BUFFER);
    for (let left = TRAILER_BYTES_MAX; left > 0;) {
      const taken = await this.#take(into);
      if (taken === 0) return;
      left -= taken;
    }
  }

  async #fill(into: Uint8Array): Promise<number> {
    let done = 0;
    while (done < into.length) {
      const count = await this.#take(into.subarray(done));
      if (count === 0) break;
      done += count;
    }
    return done;
  }

  /** At least one byte, or 0 at the end. */
  async #take(into: Uint8Array): Promise<number> {
    if (this.#start === this.#end) {
      if (this.#isEnd) return 0;
      let count: number | null = 0;
      while (count === 0) count = await this.#source.read(this.#buffer);
      this.#isEnd = count === null;
      this.#start = 0;
      this.#end = count ?? 0;
    }
    const count = Math.min(into.length, this.#end - this.#start);
    into.set(this.#buffer.subarray(this.#start, this.#start + count));
    this.#start += count;
    this.#at += count;
    return count;
  }

  #torn(): NineError {
    const where = this.#name === "" ? "" : `, at or behind ${JSON.stringify(this.#name)}`;
    return new NineError("EIO", `The archive ends in the middle, after ${this.#at} bytes${where}`);
  }
}

/** Undefined for what is no UTF-8. */
function nameOf(bytes: Uint8Array): string | undefined {
  try {
    return paxText(bytes);
  } catch {
    return undefined;
  }
}

function padded(size: number): number {
  return Math.ceil(size / BLOCK) * BLOCK;
}

/** `1700000000.123456789`, of which more digits than nine are left out. */
function timestamp(text: string | undefined): Timestamp | undefined {
  if (text === undefined) return undefined;
  const [, sign, whole, part = ""] = /^(-?)(\d{1,12})(?:\.(\d*))?$/.exec(text) ?? [];
  if (whole === undefined) {
    throw new NineError("EINVAL", `The archive says ${JSON.stringify(text.slice(0, 40))} for a time`);
  }
  const nsec = Number(part.slice(0, 9).padEnd(9, "0"));
  if (sign === "") return { sec: Number(whole), nsec };
  return nsec === 0 ? { sec: -Number(whole), nsec } : { sec: -Number(whole) - 1, nsec: 1_000_000_000 - nsec };
}
