import { type Attr, S } from "../9p/mod.ts";
import { visible } from "./output.ts";

const TYPES: Record<number, { readonly name: string; readonly letter: string }> = {
  [S.IFDIR]: { name: "directory", letter: "d" },
  [S.IFLNK]: { name: "symlink", letter: "l" },
  [S.IFREG]: { name: "file", letter: "-" },
  [S.IFIFO]: { name: "fifo", letter: "p" },
  [S.IFSOCK]: { name: "socket", letter: "s" },
  [S.IFCHR]: { name: "character device", letter: "c" },
  [S.IFBLK]: { name: "block device", letter: "b" },
};

export function typeName(mode: number): string {
  return TYPES[mode & S.IFMT]?.name ?? "file";
}

/** `drwxr-xr-x`, as ls(1) writes it. */
export function modeText(mode: number): string {
  const bits = [..."rwxrwxrwx"].map((letter, i) => mode & (0o400 >> i) ? letter : "-");
  const special = (at: number, bit: number, letter: string) => {
    if (mode & bit) bits[at] = bits[at] === "-" ? letter.toUpperCase() : letter;
  };
  special(2, S.ISUID, "s");
  special(5, S.ISGID, "s");
  special(8, S.ISVTX, "t");
  return (TYPES[mode & S.IFMT]?.letter ?? "-") + bits.join("");
}

/** The row of a file in `ls -l`: mode, links, owner, group, size, time, name. */
export function longRow(name: string, attr: Attr, target: string | undefined): string[] {
  return [
    modeText(attr.mode),
    String(attr.nlink),
    visible(attr.uid),
    visible(attr.gid),
    String(attr.size),
    timeText(attr.mtimeSec),
    visible(name) + (target === undefined ? "" : ` -> ${visible(target)}`),
  ];
}

/** Local time to the second; the bare number where no date has it. */
export function timeText(sec: number): string {
  const date = new Date(sec * 1000);
  if (Number.isNaN(date.getTime())) return String(sec);
  const two = (n: number) => String(n).padStart(2, "0");
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}

/** A file for `--json`. 64-bit paths are strings, since JSON's readers round numbers. */
export function describe(path: string, attr: Attr, target: string | undefined): Record<string, unknown> {
  return {
    path,
    type: typeName(attr.mode),
    mode: `0${(attr.mode & 0o7777).toString(8)}`,
    nlink: attr.nlink,
    uid: attr.uid,
    gid: attr.gid,
    size: attr.size,
    ...(attr.rdev ? { rdev: attr.rdev } : {}),
    atime: isoTime(attr.atimeSec, attr.atimeNsec),
    mtime: isoTime(attr.mtimeSec, attr.mtimeNsec),
    ctime: isoTime(attr.ctimeSec, attr.ctimeNsec),
    ...(attr.btimeSec || attr.btimeNsec ? { btime: isoTime(attr.btimeSec, attr.btimeNsec) } : {}),
    qid: { path: String(attr.qid.path), version: attr.qid.version, type: attr.qid.type },
    ...(target === undefined ? {} : { target }),
  };
}

function isoTime(sec: number, nsec: number): string {
  const date = new Date(sec * 1000);
  if (Number.isNaN(date.getTime())) return `${sec}.${String(nsec).padStart(9, "0")}`;
  return date.toISOString().replace(/\.\d+Z$/, `.${String(nsec).padStart(9, "0")}Z`);
}
