import type { U64 } from "../../../9p/mod.ts";

/** One record of getdents64(2). `name` is null where it is not valid UTF-8. */
export interface Dirent {
  inoLow: number;
  inoHigh: number;
  /** d_off: where the listing goes on after this entry. */
  next: U64;
  /** d_type; the `S` type bits are this times 4096. 0 means unknown. */
  type: number;
  name: string | null;
  /** Where the name, ended by NUL, starts in the buffer. */
  nameAt: number;
}

/** What getdents64 fills: 16 KiB, some 500 names a call: looking at each takes 2 ms. */
export const DIRENTS = new Uint8Array(new ArrayBuffer(16384));
const words = new Uint32Array(DIRENTS.buffer);
const wides = new BigUint64Array(DIRENTS.buffer);
const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * Goes through the records in the first `length` bytes of DIRENTS, without `.` and `..`:
 * `u64 d_ino; s64 d_off; u16 d_reclen; u8 d_type; char d_name[]`, each aligned to 8. The record handed to `each` is one
 * object, valid during that call.
 */
export function eachDirent(length: number, each: (entry: Dirent) => void): void {
  const entry: Dirent = { inoLow: 0, inoHigh: 0, next: 0, type: 0, name: "", nameAt: 0 };
  let size = 0;
  for (let at = 0; at < length; at += size) {
    size = DIRENTS[at + 16] | DIRENTS[at + 17] << 8;
    const nameAt = at + 19;
    if (DIRENTS[nameAt] === 0x2e && isDots(nameAt)) continue;
    const word = at >>> 2;
    const high = words[word + 3];
    entry.inoLow = words[word];
    entry.inoHigh = words[word + 1];
    entry.next = high < 0x20_0000 ? words[word + 2] + high * 0x1_0000_0000 : wides[(at >>> 3) + 1];
    entry.type = DIRENTS[at + 18];
    entry.name = decode(nameAt);
    entry.nameAt = nameAt;
    each(entry);
  }
}

function isDots(at: number): boolean {
  return DIRENTS[at + 1] === 0 || (DIRENTS[at + 1] === 0x2e && DIRENTS[at + 2] === 0);
}

/** Short ASCII names, nearly all there are, are three times as fast without TextDecoder. */
function decode(at: number): string | null {
  let name = "";
  let end = at;
  for (; DIRENTS[end] !== 0; end++) {
    if (DIRENTS[end] > 0x7f) return decodeUtf8(at);
    name += String.fromCharCode(DIRENTS[end]);
  }
  return name;
}

function decodeUtf8(at: number): string | null {
  try {
    return utf8.decode(DIRENTS.subarray(at, DIRENTS.indexOf(0, at)));
  } catch {
    return null;
  }
}
