/** What a descriptor number stands for: a stream, a file or a directory. */
import { type Attr, type Call, type Change, type FileServer, O, Qt, S } from "../../9p/mod.ts";
import { Fdflag, Filetype } from "./abi.ts";
import { type ErrnoName, WasiError } from "./errno.ts";
import { now } from "./now.ts";
import { Right } from "./rights.ts";

export interface Input {
  /** Fills `into`, a view of the guest's memory, from its start and says how many; 0 is the end. It may block. */
  read(into: Uint8Array): number;
}

export interface Output {
  /** Takes some of `bytes`, a view of the guest's memory that dies with the call, and says how many. */
  write(bytes: Uint8Array): number;
}

/** A tree that files come from. */
export interface Mount {
  readonly server: FileServer;
  readonly root: unknown;
  readonly writable: boolean;
  readonly call: Call;
  /** Trees of one server have one number, so that (device, inode) is one file. */
  readonly device: bigint;
}

export type Descriptor = InputStream | OutputStream | OpenFile | OpenDirectory;

/** The last offset that is a number. */
export const OFFSET_MAX = Number.MAX_SAFE_INTEGER;

/** How much one call moves at most: a short count is legal, and a call must not take long. */
export const IO_BYTES_MAX = 16 * 1024 * 1024;

/** What bytes can be moved from and to. */
export interface Moving {
  readAt(into: Uint8Array, offset: number): number;
  writeAt(bytes: Uint8Array, offset: number): number;
}

export class InputStream implements Moving {
  readonly kind = "input";
  flags = 0;

  constructor(readonly input: Input, public rights: number, public inheriting = 0) {}

  readAt(into: Uint8Array): number {
    return checkedCount(this.input.read(into), into.length);
  }
  writeAt(): number {
    throw new WasiError("BADF", "An input is not written to");
  }
  setFlags(flags: number): void {
    this.flags = flags;
  }
  close(): void {}
}

export class OutputStream implements Moving {
  readonly kind = "output";
  flags = 0;

  constructor(readonly output: Output, public rights: number, public inheriting = 0) {}

  readAt(): number {
    throw new WasiError("BADF", "An output is not read from");
  }
  writeAt(bytes: Uint8Array): number {
    return checkedCount(this.output.write(bytes), bytes.length);
  }
  setFlags(flags: number): void {
    this.flags = flags;
  }
  close(): void {}
}

/** What a file and a directory have in common: a node of a tree, held as long as it is open. */
abstract class Opened {
  constructor(
    readonly mount: Mount,
    readonly node: unknown,
    /** What the server keeps for it; undefined until it is opened. */
    protected opened: { readonly handle: unknown } | undefined,
    public rights: number,
    public inheriting: number,
    public flags: number,
  ) {
    mount.server.hold?.(node);
  }

  attr(): Attr {
    return attrOf(this.mount, this.node, this.opened?.handle);
  }

  change(change: Change): void {
    changeAttr(this.mount, this.node, change, this.opened?.handle);
  }

  sync(dataOnly: boolean): void {
    const { server, call } = this.mount;
    if (server.fsync) now(server.fsync(this.node, this.opened?.handle, dataOnly, call));
  }

  close(): void {
    const { server, call } = this.mount;
    try {
      if (this.opened && server.close) now(server.close(this.node, this.opened.handle, call));
    } finally {
      server.drop?.(this.node);
    }
  }
}

export class OpenFile extends Opened implements Moving {
  readonly kind = "file";
  #filetype: number | undefined;
  #position = 0;
  /** An append has left the position at the end of the file, wherever that is. */
  #atEnd = false;

  /** It never changes, and libraries ask for it at every open. */
  get filetype(): number {
    return this.#filetype ??= filetypeOf(this.attr().mode);
  }

  get position(): number {
    if (this.#atEnd) this.position = this.attr().size;
    return this.#position;
  }
  set position(offset: number) {
    this.#position = offset;
    this.#atEnd = false;
  }

  /** Moves the position past what was written at it. */
  wrote(count: number): void {
    if (this.flags & Fdflag.APPEND) this.#atEnd = true;
    else this.#position += count;
  }

  readAt(into: Uint8Array, offset: number): number {
    const { server, call } = this.mount;
    if (!server.read) throw new WasiError("IO", "The file server reads no files");
    const answer = server.read(this.node, this.opened?.handle, offset, into, call);
    return checkedCount(now<unknown>(answer), into.length);
  }

  writeAt(bytes: Uint8Array, offset: number): number {
    const { server, call } = this.mount;
    if (!server.write) throw new WasiError("ROFS", "The file server writes no files");
    if (offset + bytes.length > OFFSET_MAX) {
      throw new WasiError("FBIG", `${bytes.length} bytes at ${offset}, a file ends at ${OFFSET_MAX}`);
    }
    const answer = server.write(this.node, this.opened?.handle, offset, bytes, call);
    return checkedCount(now(answer), bytes.length);
  }

  /** Appending and syncing are the server's to do from the open on, so a change of them is another open. */
  setFlags(flags: number): void {
    if ((flags ^ this.flags) & ~Fdflag.NONBLOCK) {
      const { server, call } = this.mount;
      this.#position = this.position;
      this.#atEnd = false;
      const former = this.opened;
      this.opened = {
        handle: server.open && now(server.open(this.node, openFlags(this.rights, flags), call)),
      };
      if (former && server.close) now(server.close(this.node, former.handle, call));
    }
    this.flags = flags;
  }
}

export class OpenDirectory extends Opened {
  readonly kind = "directory";

  constructor(
    mount: Mount,
    node: unknown,
    rights: number,
    inheriting: number,
    flags: number,
    /** The guest's name for it, where it was there from the start. */
    readonly preopen?: Uint8Array,
  ) {
    super(mount, node, undefined, rights, inheriting, flags);
  }

  /** What the server keeps for listing it. Most directories are only walked from, so that it is opened when needed. */
  open(): unknown {
    const { server, call } = this.mount;
    this.opened ??= { handle: server.open && now(server.open(this.node, O.RDONLY | O.DIRECTORY, call)) };
    return this.opened.handle;
  }

  setFlags(flags: number): void {
    this.flags = flags;
  }
}

/** The `O` flags for a file that is opened with these rights and fdflags. */
export function openFlags(rights: number, fdflags: number): number {
  const reads = rights & Right.FD_READ;
  const access = rights & Right.FD_WRITE ? (reads ? O.RDWR : O.WRONLY) : O.RDONLY;
  return access | (fdflags & Fdflag.APPEND ? O.APPEND : 0) | (fdflags & Fdflag.NONBLOCK ? O.NONBLOCK : 0) |
    (fdflags & Fdflag.DSYNC ? O.DSYNC : 0) |
    // As on Linux, where O_RSYNC is O_SYNC.
    (fdflags & (Fdflag.SYNC | Fdflag.RSYNC) ? O.SYNC | O.DSYNC : 0);
}

export function attrOf(mount: Mount, node: unknown, handle?: unknown): Attr {
  return now(mount.server.getattr(node, handle, mount.call));
}

export function changeAttr(
  mount: Mount,
  node: unknown,
  change: Change,
  handle?: unknown,
): void {
  checkWritable(mount);
  if (!mount.server.setattr) throw new WasiError("PERM", "The file server changes no attributes");
  now(mount.server.setattr(node, change, handle, mount.call));
}

/** A tree that was granted for reading is to the guest what a read-only file system is. */
export function checkWritable(mount: Mount): void {
  if (!mount.writable) throw new WasiError("ROFS", "The tree was granted for reading only");
}

export function isDirectory(mount: Mount, node: unknown): boolean {
  return (mount.server.qid(node).type & Qt.DIR) !== 0;
}

export function isSymlink(mount: Mount, node: unknown): boolean {
  return (mount.server.qid(node).type & Qt.SYMLINK) !== 0;
}

const FILETYPES: Readonly<Record<number, number>> = {
  [S.IFDIR]: Filetype.DIRECTORY,
  [S.IFREG]: Filetype.REGULAR_FILE,
  [S.IFLNK]: Filetype.SYMBOLIC_LINK,
  [S.IFCHR]: Filetype.CHARACTER_DEVICE,
  [S.IFBLK]: Filetype.BLOCK_DEVICE,
  [S.IFSOCK]: Filetype.SOCKET_STREAM,
};

/** The filetype for a Unix mode; preview 1 has none for a pipe. */
export function filetypeOf(mode: number): number {
  return FILETYPES[mode & S.IFMT] ?? Filetype.UNKNOWN;
}

/** What a stream is to a guest: no terminal, so that its library collects output before it writes. */
export const STREAM_FILETYPE: number = Filetype.UNKNOWN;

/** A count is written into the guest's memory and moves positions, so that a wrong one is stopped here. */
function checkedCount(count: unknown, most: number): number {
  if (typeof count === "number" && Number.isInteger(count) && count >= 0 && count <= most) return count;
  throw new WasiError("IO", `A count of ${count} for ${most} bytes came from the host`);
}

/** The error of a call that a kind of descriptor does not have, as POSIX names it. */
export function unfit(descriptor: Descriptor, onStream: ErrnoName, onDirectory: ErrnoName): WasiError {
  const code = descriptor.kind === "directory" ? onDirectory : onStream;
  return new WasiError(code, `A call that a descriptor of kind ${descriptor.kind} does not have`);
}
