import type { Timestamp } from "../../9p/mod.ts";
import { BLOCK, type TarEntry, TYPES } from "./entry.ts";
import { encodeHeader, NAME_BYTES_MAX, OCTAL_MAX, PATH_BYTES_MAX } from "./header.ts";
import { encodePax, type PaxRecords } from "./pax.ts";

const utf8 = new TextEncoder();
/** What a file has records of, where that is no file itself. */
const PAX_PATH = utf8.encode("PaxHeaders/records");

/** Writes an archive. `write` takes all that it is given before it is given more. */
export class TarWriter {
  readonly #write: (bytes: Uint8Array) => void | Promise<void>;
  #left = 0;
  #padding = 0;

  constructor(write: (bytes: Uint8Array) => void | Promise<void>) {
    this.#write = write;
  }

  /** Begins a member, whose contents follow by `content`. */
  async entry(entry: TarEntry): Promise<void> {
    this.#checkWhole();
    const pax: PaxRecords = new Map();
    const path = utf8.encode(entry.path);
    const target = utf8.encode(entry.target);
    const isAscii = (text: string) => [...text].every((char) => char < "\x80");
    /** What the header says of it; the whole of it in a record where that does not do. */
    const name = (key: string, text: string, bytes: Uint8Array, most: number) => {
      if (bytes.length <= most && isAscii(text)) return bytes;
      pax.set(key, bytes);
      return utf8.encode(text.replaceAll(/[^\x20-\x7e]/gu, "_")).subarray(0, most);
    };
    const number = (key: string, value: number, most: number) => {
      if (value >= 0 && value <= most) return value;
      pax.set(key, utf8.encode(String(value)));
      return 0;
    };
    const user = (key: string, text: string) =>
      new TextDecoder().decode(name(key, text, utf8.encode(text), NAME_BYTES_MAX));
    const header = {
      type: TYPES[entry.kind],
      path: name("path", entry.path, path, PATH_BYTES_MAX),
      target: name("linkpath", entry.target, target, PATH_BYTES_MAX),
      mode: entry.mode & 0o7777,
      uid: number("uid", entry.uid, OCTAL_MAX[8]),
      gid: number("gid", entry.gid, OCTAL_MAX[8]),
      size: number("size", entry.size, OCTAL_MAX[12]),
      mtime: Math.min(Math.max(0, entry.mtime.sec), OCTAL_MAX[12]),
      uname: user("uname", entry.uname),
      gname: user("gname", entry.gname),
      major: entry.major,
      minor: entry.minor,
    };
    if (entry.mtime.nsec !== 0 || entry.mtime.sec !== header.mtime) {
      pax.set("mtime", utf8.encode(decimal(entry.mtime)));
    }
    for (const [key, value] of entry.xattrs) pax.set(`SCHILY.xattr.${key}`, value);
    if (pax.size > 0) {
      const records = encodePax(pax);
      await this.#write(encodeHeader({
        ...{ type: "x", path: PAX_PATH, target: new Uint8Array(), mode: 0o644, uid: 0, gid: 0 },
        ...{ size: records.length, mtime: header.mtime, uname: "", gname: "", major: 0, minor: 0 },
      }));
      await this.#write(records);
      await this.#zeros(-records.length & BLOCK - 1);
    }
    await this.#write(encodeHeader(header));
    this.#left = entry.size;
    this.#padding = (BLOCK - entry.size % BLOCK) % BLOCK;
    if (this.#left === 0) this.#padding = 0;
  }

  /** The next bytes of the member, no more than it is to have. */
  async content(bytes: Uint8Array): Promise<void> {
    if (bytes.length > this.#left) {
      throw new Error(`${bytes.length} bytes for a member that has ${this.#left} left`);
    }
    await this.#write(bytes);
    this.#left -= bytes.length;
    if (this.#left > 0) return;
    await this.#zeros(this.#padding);
    this.#padding = 0;
  }

  /** The end of the archive. */
  async finish(): Promise<void> {
    this.#checkWhole();
    await this.#zeros(2 * BLOCK);
  }

  async #zeros(count: number): Promise<void> {
    if (count > 0) await this.#write(new Uint8Array(count));
  }

  #checkWhole(): void {
    if (this.#left > 0) throw new Error(`The member before has ${this.#left} bytes left to come`);
  }
}

/** Negative times have a negative whole and fraction. */
function decimal({ sec, nsec }: Timestamp): string {
  const digits = (part: number) => part === 0 ? "" : `.${String(part).padStart(9, "0").replace(/0+$/, "")}`;
  if (sec >= 0 || nsec === 0) return `${sec}${digits(nsec)}`;
  return `-${-sec - 1}${digits(1_000_000_000 - nsec)}`;
}
