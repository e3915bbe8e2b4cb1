/** fd_readdir: dirent is next[8] ino[8] namlen[4] type[1] pad[3], and the name without a NUL. */
import { type Entry, Qt, type U64 } from "../../9p/mod.ts";
import { Filetype, Size } from "./abi.ts";
import { filetypeOf, type OpenDirectory } from "./descriptor.ts";
import { Errno, WasiError } from "./errno.ts";
import { type WasiFunction, wasiFunction } from "./function.ts";
import { bytesAt, checkInside, type GuestMemory } from "./memory.ts";
import { now } from "./now.ts";
import type { WasiProcess } from "./process.ts";
import { Right } from "./rights.ts";

/**
 * Cookies: 0 is the start, 1 comes after `.`, 2 after `..`, and the server's own are moved up by 2. As with a real file
 * system they stay valid while the directory changes.
 */
const AFTER_DOT = 1n;
const AFTER_DOTS = 2n;
const U64_MAX = 0xffff_ffff_ffff_ffffn;

/** How many entries are asked for at once. */
const ENTRIES_MAX = 256;
/** A dirent and a short name. */
const ENTRY_BYTES = Size.DIRENT + 8;

const ENCODER = new TextEncoder();

/** What a guest sees of an entry. */
interface Seen {
  readonly next: bigint;
  readonly inode: U64;
  readonly filetype: number;
  readonly name: string;
}

/**
 * "When successful, the contents of the output buffer consist of a sequence of directory entries. [...] This function
 * fills the output buffer as much as possible, potentially truncating the last directory entry": less than the whole
 * buffer means the end.
 */
function readdir(
  process: WasiProcess,
  memory: GuestMemory,
  fd: number,
  buffer: number,
  length: number,
  cookie: bigint,
  result: number,
): number {
  const descriptor = process.descriptors.get(fd);
  if (descriptor.kind !== "directory") throw new WasiError("NOTDIR", `Descriptor ${fd} is no directory`);
  process.descriptors.withRights(fd, Right.FD_READDIR);
  const into = bytesAt(memory, buffer, length);
  checkInside(memory, result, 4);
  let used = 0;
  let calls = 0;
  for (const seen of entries(descriptor, BigInt.asUintN(64, cookie), length)) {
    if (++calls % ENTRIES_MAX === 0) process.checkpoint();
    used += put(into.subarray(used), seen);
    if (used === length) break;
  }
  memory.view.setUint32(result, used, true);
  return Errno.SUCCESS;
}

/** The entries after the cookie. The server is asked for about as many as fit into `bytes`. */
function* entries(directory: OpenDirectory, cookie: bigint, bytes: number): Generator<Seen> {
  const { server, call } = directory.mount;
  const folder = { filetype: Filetype.DIRECTORY };
  if (cookie < AFTER_DOT) {
    yield { ...folder, next: AFTER_DOT, inode: server.qid(directory.node).path, name: "." };
  }
  if (cookie < AFTER_DOTS) yield { ...folder, next: AFTER_DOTS, inode: parentInode(directory), name: ".." };
  if (!server.list) throw new WasiError("NOTSUP", "The file server lists nothing");
  let after: U64 = cookie <= AFTER_DOTS ? 0 : exact(cookie - AFTER_DOTS);
  for (let left = bytes;;) {
    const most = Math.min(ENTRIES_MAX, Math.max(1, Math.ceil(left / ENTRY_BYTES)));
    const page: Entry[] = now(server.list(directory.node, directory.open(), after, most, false, call));
    if (page.length === 0) return;
    for (const { name, qid, mode, cookie } of page) {
      const next = BigInt(cookie) + AFTER_DOTS;
      if (next > U64_MAX) throw new WasiError("OVERFLOW", `A cookie of ${cookie} came from the file server`);
      const filetype = filetypeOf(mode) || (qid.type & Qt.DIR ? Filetype.DIRECTORY : Filetype.UNKNOWN);
      yield { next, inode: qid.path, filetype, name };
      left -= ENTRY_BYTES;
      after = cookie;
    }
  }
}

/** Above what was granted there is nothing: a root is its own parent. */
function parentInode({ mount, node }: OpenDirectory): U64 {
  const { server, root } = mount;
  return server.qid(node === root ? node : server.parent(node)).path;
}

/** As U64 wants it: a number below 2^53. */
function exact(cookie: bigint): U64 {
  return cookie <= Number.MAX_SAFE_INTEGER ? Number(cookie) : cookie;
}

const HEAD = new Uint8Array(Size.DIRENT);
const HEAD_VIEW = new DataView(HEAD.buffer);

/** Writes as much of the entry as fits, and says how much. */
function put(into: Uint8Array, { next, inode, filetype, name }: Seen): number {
  const bytes = ENCODER.encode(name);
  HEAD_VIEW.setBigUint64(0, next, true);
  HEAD_VIEW.setBigUint64(8, BigInt(inode), true);
  HEAD_VIEW.setUint32(16, bytes.length, true);
  HEAD_VIEW.setUint32(20, filetype, true);
  const head = Math.min(HEAD.length, into.length);
  into.set(HEAD.subarray(0, head));
  const tail = Math.min(bytes.length, into.length - head);
  into.set(bytes.subarray(0, tail), head);
  return head + tail;
}

export const READDIR_FUNCTIONS: readonly WasiFunction[] = [wasiFunction("fd_readdir", "iiiIi", readdir)];
