import { NONUNAME } from "../principal.ts";
import type { Qid } from "../qid.ts";
import type { Dialect, Field } from "./field.ts";
import { bits32, qid, string, u16, u32, u64 } from "./field.ts";
import type { Reader } from "./reader.ts";
import type { Writer } from "./writer.ts";

/** A directory entry as stat(5) has it; `extension` and the numbers are of 9P2000.u. */
export interface Stat {
  type: number;
  dev: number;
  qid: Qid;
  /** `Dm` bits and permission bits. */
  mode: number;
  /** Seconds since 1970. */
  atime: number;
  mtime: number;
  length: number;
  name: string;
  uid: string;
  gid: string;
  muid: string;
  extension: string;
  nUid: number;
  nGid: number;
  nMuid: number;
}

/** Bits of a Plan 9 mode, and those that 9P2000.u adds. */
export const Dm = {
  DIR: 0x80000000,
  APPEND: 0x40000000,
  EXCL: 0x20000000,
  AUTH: 0x08000000,
  TMP: 0x04000000,
  SYMLINK: 0x02000000,
  LINK: 0x01000000,
  DEVICE: 0x00800000,
  NAMEDPIPE: 0x00200000,
  SOCKET: 0x00100000,
  SETUID: 0x00080000,
  SETGID: 0x00040000,
  SETVTX: 0x00010000,
} as const;

const base: { [K in keyof Stat]?: Field<Stat[K]> } = {
  type: u16,
  dev: u32,
  qid,
  mode: bits32,
  atime: u32,
  mtime: u32,
  length: u64,
  name: string,
  uid: string,
  gid: string,
  muid: string,
};
const unix: typeof base = { extension: string, nUid: u32, nGid: u32, nMuid: u32 };

/** The stat(5) "don't touch" everywhere: a wstat of it changes nothing, and is a sync. */
export function untouched(): Stat {
  return {
    type: 0xffff,
    dev: 0xffffffff,
    qid: { type: 0xff, version: 0xffffffff, path: 0xffffffffffffffffn },
    mode: 0xffffffff,
    atime: 0xffffffff,
    mtime: 0xffffffff,
    length: DONT_TOUCH_LENGTH,
    name: "",
    uid: "",
    gid: "",
    muid: "",
    extension: "",
    nUid: NONUNAME,
    nGid: NONUNAME,
    nMuid: NONUNAME,
  };
}

/** What the length ~0 becomes when it is read as a double. */
export const DONT_TOUCH_LENGTH = 2 ** 64;

/** Reads size[2] and the entry behind it. */
export function readStat(from: Reader, dialect: Dialect): Stat {
  const size = from.u16();
  const end = from.at + size;
  if (size > from.left) from.malformed = true;
  const stat: Stat = {
    type: from.u16(),
    dev: from.u32(),
    qid: from.qid(),
    mode: from.u32(),
    atime: from.u32(),
    mtime: from.u32(),
    length: from.u64(),
    name: from.string(),
    uid: from.string(),
    gid: from.string(),
    muid: from.string(),
    extension: "",
    nUid: NONUNAME,
    nGid: NONUNAME,
    nMuid: NONUNAME,
  };
  if (dialect === "9P2000.u") {
    stat.extension = from.string();
    stat.nUid = from.u32();
    stat.nGid = from.u32();
    stat.nMuid = from.u32();
  }
  if (from.at !== end) from.malformed = true;
  return stat;
}

/** Writes size[2] and the entry behind it. */
export function writeStat(to: Writer, stat: Stat, dialect: Dialect): void {
  to.ensure(0);
  const start = to.length;
  to.u16(0);
  to.u16(stat.type);
  to.u32(stat.dev);
  to.qid(stat.qid);
  to.u32(stat.mode);
  to.u32(stat.atime);
  to.u32(stat.mtime);
  if (stat.length === DONT_TOUCH_LENGTH) to.exact64(0xffffffffffffffffn);
  else to.u64(stat.length);
  to.string(stat.name);
  to.string(stat.uid);
  to.string(stat.gid);
  to.string(stat.muid);
  if (dialect === "9P2000.u") {
    to.string(stat.extension);
    to.u32(stat.nUid);
    to.u32(stat.nGid);
    to.u32(stat.nMuid);
  }
  to.patch16(start, to.length - start - 2);
}

/** n[2] stat[n]: in Rstat and Twstat the size stands twice. */
export function statField(dialect: Dialect): Field<Stat> {
  const fields = dialect === "9P2000.u" ? { ...base, ...unix } : base;
  return {
    read(from) {
      const size = from.u16();
      const end = from.at + size;
      const stat = readStat(from, dialect);
      if (from.at !== end) from.malformed = true;
      return stat;
    },
    write(to, stat) {
      to.u16(0);
      const start = to.length;
      writeStat(to, stat, dialect);
      to.patch16(start - 2, to.length - start);
    },
    show: (stat) => entries(fields).map(([name, field]) => `${name}=${field.show(stat[name])}`).join(" "),
    any(random) {
      const stat = untouched();
      for (const [name, field] of entries(fields)) Object.assign(stat, { [name]: field.any(random) });
      return stat;
    },
  };
}

function entries(fields: typeof base): [keyof Stat, Field<unknown>][] {
  return Object.entries(fields) as [keyof Stat, Field<unknown>][];
}
