/**
 * Writes "newc" cpio archives, the form in which the Linux kernel takes an initramfs.
 *
 * The kernel accepts several archives one after the other, so the large part (tools and libraries) is made
 * once and a small one with the script of this run is appended to it.
 */

/** One entry of an archive. Parents come before what they hold, else the kernel drops the entry. */
export type CpioEntry =
  | { kind: "directory"; path: string; mode: number }
  | { kind: "file"; path: string; mode: number; data: Uint8Array }
  | { kind: "symlink"; path: string; target: string }
  | { kind: "device"; path: string; mode: number; major: number; minor: number };

const S_IFDIR = 0o040000;
const S_IFREG = 0o100000;
const S_IFLNK = 0o120000;
const S_IFCHR = 0o020000;

const ALIGNMENT = 4;
const encoder = new TextEncoder();

/** The archive of these entries, with its trailer. */
export function cpio(entries: Iterable<CpioEntry>): Uint8Array<ArrayBuffer> {
  const parts: Uint8Array[] = [];
  let inode = 1;
  for (const entry of entries) parts.push(...encodeEntry(entry, inode++));
  parts.push(...record("TRAILER!!!", 0, 0, new Uint8Array(0), 0, 0));
  return join(parts);
}

/**
 * The directories above the given paths, each once and parents first: an archive must name them before what
 * they hold.
 */
export function parentDirectories(paths: Iterable<string>): CpioEntry[] {
  const seen = new Set<string>();
  for (const path of paths) {
    const elements = path.split("/").slice(0, -1);
    for (let depth = 1; depth <= elements.length; depth++) seen.add(elements.slice(0, depth).join("/"));
  }
  return [...seen].filter((path) => path !== "").sort()
    .map((path) => ({ kind: "directory", path, mode: 0o755 }));
}

function encodeEntry(entry: CpioEntry, inode: number): Uint8Array[] {
  const empty = new Uint8Array(0);
  switch (entry.kind) {
    case "directory":
      return record(entry.path, inode, S_IFDIR | entry.mode, empty, 0, 0);
    case "file":
      return record(entry.path, inode, S_IFREG | entry.mode, entry.data, 0, 0);
    case "symlink":
      return record(entry.path, inode, S_IFLNK | 0o777, encoder.encode(entry.target), 0, 0);
    case "device":
      return record(entry.path, inode, S_IFCHR | entry.mode, empty, entry.major, entry.minor);
  }
}

/** Header of 13 numbers of 8 hexadecimal digits, the name with its NUL, the data; name and data padded. */
function record(
  path: string,
  inode: number,
  mode: number,
  data: Uint8Array,
  major: number,
  minor: number,
): Uint8Array[] {
  const name = encoder.encode(path.replace(/^\/+/, "") + "\0");
  const links = 1;
  const numbers = [inode, mode, 0, 0, links, 0, data.length, 0, 0, major, minor, name.length, 0];
  const header = encoder.encode(
    "070701" + numbers.map((number) => number.toString(16).padStart(8, "0")).join(""),
  );
  return [header, name, padding(header.length + name.length), data, padding(data.length)];
}

function padding(length: number): Uint8Array {
  return new Uint8Array((ALIGNMENT - length % ALIGNMENT) % ALIGNMENT);
}

function join(parts: Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
