import { NineError } from "../../9p/mod.ts";
import { BLOCK } from "./entry.ts";
import { paxText } from "./pax.ts";

/** What one header block says. */
export interface Header {
  readonly type: string;
  readonly path: Uint8Array;
  readonly target: Uint8Array;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  readonly mtime: number;
  readonly uname: string;
  readonly gname: string;
  readonly major: number;
  readonly minor: number;
}

/** Where fields are, and how long they are. The path's second part stands elsewhere. */
const FIELDS = {
  path: [0, 100],
  mode: [100, 8],
  uid: [108, 8],
  gid: [116, 8],
  size: [124, 12],
  mtime: [136, 12],
  sum: [148, 8],
  type: [156, 1],
  target: [157, 100],
  magic: [257, 8],
  uname: [265, 32],
  gname: [297, 32],
  major: [329, 8],
  minor: [337, 8],
  prefix: [345, 155],
} as const;
type Field = keyof typeof FIELDS;

/** What a field of so many octal digits and a NUL holds. */
export const OCTAL_MAX = { 8: 0o7777777, 12: 0o77777777777 } as const;
export const PATH_BYTES_MAX = 100;
export const NAME_BYTES_MAX = 31;

/** Everything must fit: what does not is told by a pax header in front of it. */
export function encodeHeader(header: Header): Uint8Array<ArrayBuffer> {
  const block = new Uint8Array(BLOCK);
  const ascii = new TextEncoder();
  const put = (field: Field, bytes: Uint8Array) =>
    block.set(bytes.subarray(0, FIELDS[field][1]), FIELDS[field][0]);
  const octal = (field: Field, value: number) =>
    put(field, ascii.encode(value.toString(8).padStart(FIELDS[field][1] - 1, "0")));
  put("path", header.path);
  put("target", header.target);
  for (const field of ["mode", "uid", "gid", "size", "mtime", "major", "minor"] as const) {
    octal(field, header[field]);
  }
  put("type", ascii.encode(header.type));
  put("magic", ascii.encode("ustar\x0000"));
  put("uname", ascii.encode(header.uname));
  put("gname", ascii.encode(header.gname));
  put("sum", ascii.encode(`${sumOf(block).toString(8).padStart(6, "0")}\0 `));
  return block;
}

/** EINVAL for a block that is no header. `at` is where it stands in the archive, for messages. */
export function decodeHeader(block: Uint8Array, at: number): Header {
  const field = (name: Field) => block.subarray(FIELDS[name][0], FIELDS[name][0] + FIELDS[name][1]);
  const text = (name: Field) => untilNul(field(name));
  const number = (name: Field) => numberOf(field(name), at);
  if (at === 0 && block[0] === 0x1f && block[1] === 0x8b) {
    throw new NineError("EINVAL", "The archive is compressed: put gunzip in front of this");
  }
  if (numberOf(field("sum"), at) !== sumOf(block)) {
    throw new NineError(
      "EINVAL",
      `This is no tar archive, or a damaged one: the header at byte ${at} does not match its checksum`,
    );
  }
  const isUstar = paxText(field("magic").subarray(0, 5).map((byte) => byte & 0x7f)) === "ustar";
  // GNU tar's magic has a blank where the version begins, and other fields where the path's first part would be.
  const prefix = isUstar && field("magic")[5] === 0 ? text("prefix") : new Uint8Array();
  const path = text("path");
  return {
    type: String.fromCharCode(block[FIELDS.type[0]]),
    path: prefix.length > 0 ? new Uint8Array([...prefix, 0x2f, ...path]) : path.slice(),
    target: text("target").slice(),
    mode: number("mode") & 0o7777,
    uid: number("uid"),
    gid: number("gid"),
    size: number("size"),
    mtime: number("mtime"),
    uname: isUstar ? ascii(text("uname")) : "",
    gname: isUstar ? ascii(text("gname")) : "",
    major: isUstar ? number("major") : 0,
    minor: isUstar ? number("minor") : 0,
  };
}

/** The bytes of the block, those of the sum itself counted as blanks. */
function sumOf(block: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < BLOCK; i++) sum += i >= 148 && i < 156 ? 0x20 : block[i];
  return sum;
}

/** Octal digits, or with the high bit of the first byte a binary number. */
function numberOf(bytes: Uint8Array, at: number): number {
  const wrong = () =>
    new NineError("EINVAL", `This is no tar archive, or a damaged one: a number at byte ${at} is none`);
  if (bytes[0] & 0x80) {
    const isNegative = bytes[0] === 0xff;
    let value = isNegative ? -1 : bytes[0] & 0x7f;
    for (const byte of bytes.subarray(1)) value = value * 256 + byte;
    if (!Number.isSafeInteger(value)) throw wrong();
    return value;
  }
  const digits = String.fromCharCode(...untilNul(bytes)).trim();
  if (digits === "") return 0;
  if (!/^[0-7]+$/.test(digits)) throw wrong();
  return parseInt(digits, 8);
}

function untilNul(bytes: Uint8Array): Uint8Array {
  const end = bytes.indexOf(0);
  return end < 0 ? bytes : bytes.subarray(0, end);
}

/** Names of users that are not ASCII are rare, and their numbers stand beside them. */
function ascii(bytes: Uint8Array): string {
  return bytes.every((byte) => byte < 0x80) ? String.fromCharCode(...bytes) : "";
}
