/** The requests that only 9P2000.L has. */
import { NineError } from "../error.ts";
import { NONUNAME } from "../principal.ts";
import { O, S } from "../qid.ts";
import { IOHDRSZ } from "../wire/codec.ts";
import { type Message, MESSAGES } from "../wire/messages.ts";
import {
  becomeFile,
  isExists,
  LISTED_BYTES_MAX,
  type Opened,
  openedAsMade,
  openFid,
  openNode,
} from "./common.ts";
import { type Fid, isDirectory } from "./fid.ts";
import type { Change, Creation, Entry, Later } from "./file_server.ts";
import { plainStatfs, then } from "./file_server.ts";
import type { Handlers } from "./handlers.ts";
import { type Lock, LockType } from "./locks.ts";
import { getattrOf, makedev } from "./modes.ts";
import { checkNewName, checkXattrName } from "./names.ts";
import type { Request } from "./request.ts";
import type { Session } from "./session.ts";

/** Of the flags that clients send along, those that mean something to a server. */
const OPEN_FLAGS = O.ACCMODE | O.TRUNC | O.APPEND | O.NONBLOCK | O.SYNC | O.DSYNC;
const PERMISSIONS = 0o7777;
/** Linux's XATTR_SIZE_MAX, bytes. */
const XATTR_BYTES_MAX = 65536;
/** unlinkat(2). */
const AT_REMOVEDIR = 0x200;
/** P9_SETATTR_* */
const Set = { MODE: 1, UID: 2, GID: 4, SIZE: 8, ATIME: 0x10, MTIME: 0x20, ATIME_SET: 0x80, MTIME_SET: 0x100 };
/** What mknod(2) makes. */
const NODE_TYPES: readonly number[] = [S.IFREG, S.IFCHR, S.IFBLK, S.IFIFO, S.IFSOCK];
/** P9_LOCK_* of Rlock. */
const LockStatus = { SUCCESS: 0, BLOCKED: 1 };
/** About what an entry of Rreaddir takes; a list asks for as many as may fit, and the rest is asked for again. */
const ENTRY_BYTES = 32;
/** qid[13] offset[8] type[1] and the length of the name. */
const ENTRY_HEADER_BYTES = 24;

export const linux: Handlers<
  | "Tstatfs"
  | "Tlopen"
  | "Tlcreate"
  | "Tsymlink"
  | "Tmknod"
  | "Trename"
  | "Treadlink"
  | "Tgetattr"
  | "Tsetattr"
  | "Txattrwalk"
  | "Txattrcreate"
  | "Treaddir"
  | "Tfsync"
  | "Tlock"
  | "Tgetlock"
  | "Tlink"
  | "Tmkdir"
  | "Trenameat"
  | "Tunlinkat"
> = {
  Tgetattr(session, { fid: number, requestMask }, request) {
    const fid = session.fid(number, request).asFile();
    const later = session.server.getattr(fid.node, fid.handle, request);
    const { principals } = session.engine;
    if (!(later instanceof Promise)) {
      return request.reply("Rgetattr", getattrOf(later, requestMask, principals));
    }
    return session.during(
      fid,
      request,
      later.then((attr) => request.reply("Rgetattr", getattrOf(attr, requestMask, principals))),
    );
  },

  Tsetattr(session, message, request) {
    const fid = session.fid(message.fid, request).asFile();
    const change = changeOf(session, message);
    if (Object.keys(change).length === 0) return request.reply("Rsetattr", {});
    if (!session.server.setattr) throw new NineError("EROFS", "The file server changes no attributes");
    if (change.size !== undefined && isDirectory(session.server.qid(fid.node))) {
      throw new NineError("EISDIR", "The size of a directory cannot be set");
    }
    const later = session.server.setattr(fid.node, change, fid.handle, request);
    return session.during(fid, request, then(later, () => request.reply("Rsetattr", {})));
  },

  Tstatfs(session, { fid: number }, request) {
    const fid = session.fid(number, request).asFile();
    if (!session.server.statfs) return request.reply("Rstatfs", plainStatfs());
    const later = session.server.statfs(fid.node, request);
    return session.during(fid, request, then(later, (statfs) => request.reply("Rstatfs", statfs)));
  },

  Tlopen(session, { fid: number, flags }, request) {
    const fid = session.fid(number, request).asClosedFile();
    const isDir = isDirectory(session.server.qid(fid.node));
    if (flags & O.DIRECTORY && !isDir) {
      throw new NineError("ENOTDIR", "O_DIRECTORY for a file that is no directory");
    }
    if (isDir && flags & (O.ACCMODE | O.TRUNC)) {
      throw new NineError("EISDIR", "A directory can only be opened to read");
    }
    const opened = openFid(session, fid, flags & OPEN_FLAGS, false, request);
    return session.during(fid, request, then(opened, (opened) => request.reply("Rlopen", opened)));
  },

  Tlcreate(session, { fid: number, name, flags, mode, gid }, request) {
    const fid = session.fid(number, request).asClosedFile();
    const { server } = session;
    request.names = [name];
    checkNewName(name);
    if (!server.create) throw new NineError("EROFS", "The file server makes no files");
    if (!isDirectory(server.qid(fid.node))) {
      throw new NineError("ENOTDIR", "Tlcreate in a file that is no directory");
    }
    const kept = flags & OPEN_FLAGS;
    const what = creation(session, fid, S.IFREG | (mode & PERMISSIONS), gid);
    const became = (opened: Opened) =>
      then(becomeFile(session, number, fid, opened, false, request), () => {
        request.reply("Rlcreate", { qid: server.qid(opened.node), iounit: session.msize - IOHDRSZ });
      });
    const made = (file: { node: unknown; handle: unknown }) =>
      then(openedAsMade(session, file, kept, request), became);
    // open(2): without O_EXCL, a file that somebody else made a moment ago is opened instead.
    const instead = (thrown: unknown): Later<void> => {
      if (flags & O.EXCL || !isExists(thrown)) throw thrown;
      return then(server.walk(fid.node, name, request), (node) => {
        if (isDirectory(server.qid(node))) {
          throw new NineError("EISDIR", `${JSON.stringify(name)} is a directory`);
        }
        return then(openNode(session, node, kept, request), became);
      });
    };
    const create = (): Later<void> => {
      let later: Later<{ node: unknown; handle: unknown }>;
      try {
        later = server.create!(fid.node, name, what, kept & ~O.TRUNC, request);
      } catch (thrown) {
        return instead(thrown);
      }
      return later instanceof Promise ? later.then(made, instead) : made(later);
    };
    return session.during(fid, request, create());
  },

  Tmkdir(session, { dfid, name, mode, gid }, request) {
    return make(session, dfid, name, S.IFDIR | (mode & PERMISSIONS), gid, {}, "Rmkdir", request);
  },

  Tsymlink(session, { fid, name, symtgt, gid }, request) {
    return make(session, fid, name, S.IFLNK | 0o777, gid, { target: symtgt }, "Rsymlink", request);
  },

  Tmknod(session, { dfid, name, mode, major, minor, gid }, request) {
    const type = mode & S.IFMT || S.IFREG;
    if (!NODE_TYPES.includes(type)) {
      throw new NineError("EINVAL", `Tmknod with mode 0${mode.toString(8)}`);
    }
    // vfs_create() of Linux makes regular files so, which file servers make open.
    if (type === S.IFREG) return makeRegular(session, dfid, name, mode, gid, request);
    const what = type === S.IFCHR || type === S.IFBLK ? { rdev: makedev(major, minor) } : {};
    return make(session, dfid, name, type | (mode & PERMISSIONS), gid, what, "Rmknod", request);
  },

  Tlink(session, { dfid, fid: number, name }, request) {
    const dir = session.fid(dfid, request).asFile();
    const fid = session.fid(number, request).asFile();
    request.names = [name];
    checkNewName(name);
    if (!session.server.link) throw new NineError("EOPNOTSUPP", "The file server makes no hard links");
    if (isDirectory(session.server.qid(fid.node))) {
      throw new NineError("EPERM", "A directory cannot have a second name");
    }
    const linked = then(
      session.server.link(fid.node, dir.node, name, request),
      () => request.reply("Rlink", {}),
    );
    return session.during(dir, request, session.during(fid, request, linked));
  },

  Treadlink(session, { fid: number }, request) {
    const fid = session.fid(number, request).asFile();
    if (!session.server.readlink) throw new NineError("EINVAL", "The file server has no symbolic links");
    const read = session.server.readlink(fid.node, request);
    return session.during(fid, request, then(read, (target) => request.reply("Rreadlink", { target })));
  },

  Trename(session, { fid: number, dfid, name }, request) {
    const fid = session.fid(number, request).asFile();
    const dir = session.fid(dfid, request).asFile();
    const renamed = rename(session, fid.node, fid.root, dir, name, request);
    const replied = then(renamed, () => request.reply("Rrename", {}));
    return session.during(dir, request, session.during(fid, request, replied));
  },

  Trenameat(session, { olddirfid, oldname, newdirfid, newname }, request) {
    const from = session.fid(olddirfid, request).asFile();
    const to = session.fid(newdirfid, request).asFile();
    request.names = [oldname];
    checkNewName(oldname);
    checkDirectory(session, from, oldname);
    const renamed = then(
      session.server.walk(from.node, oldname, request),
      (node) => rename(session, node, from.root, to, newname, request),
    );
    const replied = then(renamed, () => request.reply("Rrenameat", {}));
    return session.during(to, request, session.during(from, request, replied));
  },

  Tunlinkat(session, { dirfd, name, flags }, request) {
    const dir = session.fid(dirfd, request).asFile();
    const { server } = session;
    request.names = [name];
    checkNewName(name);
    if (!server.remove) throw new NineError("EROFS", "The file server removes no files");
    checkDirectory(session, dir, name);
    const removed = then(server.walk(dir.node, name, request), (node) => {
      const isDir = isDirectory(server.qid(node));
      if (flags & AT_REMOVEDIR && !isDir) {
        throw new NineError("ENOTDIR", "AT_REMOVEDIR for a file that is no directory");
      }
      if (!(flags & AT_REMOVEDIR) && isDir) {
        throw new NineError("EISDIR", "A directory goes by AT_REMOVEDIR only");
      }
      return then(server.remove!(node, request), () => request.reply("Runlinkat", {}));
    });
    return session.during(dir, request, removed);
  },

  Treaddir(session, { fid: number, offset, count }, request) {
    const fid = session.fid(number, request).asFile();
    const { handle } = fid.opened("read");
    if (!isDirectory(session.server.qid(fid.node))) throw new NineError("ENOTDIR", "Treaddir of a file");
    if (!session.server.list) throw new NineError("EOPNOTSUPP", "The file server lists no directories");
    const room = Math.min(count, session.msize - IOHDRSZ, LISTED_BYTES_MAX);
    const max = Math.ceil(room / ENTRY_BYTES);
    const later = session.server.list(fid.node, handle, offset, max, false, request);
    return session.during(
      fid,
      request,
      then(later, (entries) => replyEntries(session, entries, room, request)),
    );
  },

  Tfsync(session, { fid: number, datasync }, request) {
    const fid = session.fid(number, request).asFile();
    const later = session.server.fsync?.(fid.node, fid.handle, datasync !== 0, request);
    return session.during(fid, request, then(later, () => request.reply("Rfsync", {})));
  },

  Tlock(session, message, request) {
    const fid = session.fid(message.fid, request).asFile();
    const { locks } = session.engine;
    // Any open will do: Linux sends flock(2), which asks for no mode, like fcntl(2), whose mode it has checked.
    if (fid.use.kind !== "open") {
      throw new NineError("EBADF", "A lock through a fid that is not open: open it first");
    }
    if (message.type === LockType.UNLOCK) {
      locks.release(fid.use.file, lockRange(session, message));
      return request.reply("Rlock", { status: LockStatus.SUCCESS });
    }
    const conflict = locks.take(fid.use.file, lockOf(session, message, fid));
    // A client that wants to wait asks again (rule R41).
    request.reply("Rlock", { status: conflict ? LockStatus.BLOCKED : LockStatus.SUCCESS });
  },

  Tgetlock(session, message, request) {
    const fid = session.fid(message.fid, request).asFile();
    const { start, length, procId, clientId } = message;
    const file = fid.use.kind === "open" ? fid.use.file : session.server.qid(fid.node).path;
    const conflict = message.type === LockType.UNLOCK
      ? undefined
      : session.engine.locks.conflict(file, lockOf(session, message, fid));
    if (!conflict) {
      return request.reply("Rgetlock", { type: LockType.UNLOCK, start, length, procId, clientId });
    }
    request.reply("Rgetlock", {
      type: conflict.type,
      start: conflict.start,
      length: conflict.end === Infinity ? 0 : conflict.end - conflict.start,
      procId: conflict.owner.procId,
      clientId: conflict.owner.clientId,
    });
  },

  Txattrwalk(session, { fid: number, newfid, name }, request) {
    const fid = session.fid(number, request).asFile();
    const { server } = session;
    checkXattrName(name);
    if (newfid !== number) session.checkFree(newfid);
    else if (fid.isOpen) {
      throw new NineError("EBADF", "An open fid cannot become an attribute: give another newfid");
    }
    const list = () => {
      if (!server.listxattr) return new Uint8Array();
      return then(
        server.listxattr(fid.node, request),
        (names) => utf8.encode(names.map((one) => `${one}\0`).join("")),
      );
    };
    const value = () => {
      if (!server.getxattr) throw new NineError("EOPNOTSUPP", "The file server keeps no extended attributes");
      return server.getxattr(fid.node, name, request);
    };
    return session.during(
      fid,
      request,
      then(name === "" ? list() : value(), (value) => {
        if (newfid === number) session.checkIdle(number, fid, request);
        session.holdAttribute(value.byteLength);
        const bound = newfid === number ? fid : session.bind(newfid, fid.node, fid.root, fid.user, request);
        bound.use = { kind: "xattr-read", value };
        request.reply("Rxattrwalk", { size: value.byteLength });
      }),
    );
  },

  Txattrcreate(session, { fid: number, name, attrSize, flags }, request) {
    const fid = session.fid(number, request).asClosedFile();
    if (!session.server.setxattr) {
      throw new NineError("EOPNOTSUPP", "The file server keeps no extended attributes");
    }
    if (name === "") throw new NineError("EINVAL", "An extended attribute without a name");
    checkXattrName(name);
    if (attrSize > XATTR_BYTES_MAX) {
      throw new NineError(
        "E2BIG",
        `An extended attribute of ${attrSize} bytes, allowed are ${XATTR_BYTES_MAX}`,
      );
    }
    if (flags > 3) {
      throw new NineError("EINVAL", `Flags ${flags}: known are 1 (XATTR_CREATE) and 2 (XATTR_REPLACE)`);
    }
    session.holdAttribute(attrSize);
    fid.use = { kind: "xattr-write", name, value: new Uint8Array(attrSize), written: 0, flags };
    request.reply("Rxattrcreate", {});
  },
};

const utf8 = new TextEncoder();

function creation(session: Session, fid: Fid, mode: number, gid: number): Creation {
  const what: Creation = { mode, uid: fid.user.name };
  if (gid !== NONUNAME) what.gid = session.engine.principals.group(gid);
  return what;
}

function make(
  session: Session,
  dfid: number,
  name: string,
  mode: number,
  gid: number,
  more: Partial<Creation>,
  reply: "Rmkdir" | "Rsymlink" | "Rmknod",
  request: Request,
): Later<void> {
  const { server } = session;
  const dir = directoryFor(session, dfid, name, request);
  if (!server.make) throw new NineError("EROFS", "The file server makes no files");
  const later = server.make(dir.node, name, { ...creation(session, dir, mode, gid), ...more }, request);
  return session.during(dir, request, then(later, (node) => request.reply(reply, { qid: server.qid(node) })));
}

function makeRegular(
  session: Session,
  dfid: number,
  name: string,
  mode: number,
  gid: number,
  request: Request,
): Later<void> {
  const { server } = session;
  const dir = directoryFor(session, dfid, name, request);
  if (!server.create) throw new NineError("EROFS", "The file server makes no files");
  const what = creation(session, dir, S.IFREG | (mode & PERMISSIONS), gid);
  const made = then(
    server.create(dir.node, name, what, O.RDONLY, request),
    ({ node, handle }) => then(server.close?.(node, handle, request), () => node),
  );
  return session.during(
    dir,
    request,
    then(made, (node) => request.reply("Rmknod", { qid: server.qid(node) })),
  );
}

/** The directory that is about to get a new name. */
function directoryFor(session: Session, dfid: number, name: string, request: Request): Fid {
  const dir = session.fid(dfid, request).asFile();
  request.names = [name];
  checkNewName(name);
  checkDirectory(session, dir, name);
  return dir;
}

function checkDirectory(session: Session, dir: Fid, name: string): void {
  if (isDirectory(session.server.qid(dir.node))) return;
  throw new NineError("ENOTDIR", `${JSON.stringify(name)} was looked for in a file that is no directory`);
}

function rename(
  session: Session,
  node: unknown,
  root: unknown,
  dir: Fid,
  name: string,
  request: Request,
): Later<void> {
  checkNewName(name);
  if (node === root) throw new NineError("EBUSY", "The root of the tree cannot be renamed");
  if (!isDirectory(session.server.qid(dir.node))) throw new NineError("ENOTDIR", "A rename into a file");
  if (!session.server.rename) throw new NineError("EROFS", "The file server renames no files");
  return session.server.rename(node, dir.node, name, false, request);
}

/** Rule R38: without the _SET bit, a time is the server's now. */
function changeOf(session: Session, message: Message<"Tsetattr">): Change {
  const { valid } = message;
  const { principals } = session.engine;
  const change: Change = {};
  if (valid & Set.MODE) change.mode = message.mode & PERMISSIONS;
  if (valid & Set.UID) change.uid = principals.user(message.uid);
  if (valid & Set.GID) change.gid = principals.group(message.gid);
  if (valid & Set.SIZE) {
    if (message.size > Number.MAX_SAFE_INTEGER) {
      throw new NineError("EFBIG", `A size of ${message.size}: allowed are sizes below 2^53`);
    }
    change.size = message.size;
  }
  if (valid & Set.ATIME) {
    change.atime = valid & Set.ATIME_SET ? timestamp(message.atimeSec, message.atimeNsec) : "now";
  }
  if (valid & Set.MTIME) {
    change.mtime = valid & Set.MTIME_SET ? timestamp(message.mtimeSec, message.mtimeNsec) : "now";
  }
  return change;
}

function timestamp(sec: number, nsec: number) {
  if (nsec > 999_999_999) {
    throw new NineError("EINVAL", `${nsec} nanoseconds: there are less than 1,000,000,000`);
  }
  return { sec, nsec };
}

type LockMessage = Message<"Tlock"> | Message<"Tgetlock">;

function lockRange(session: Session, { start, length, procId, clientId }: LockMessage) {
  const end = length === 0 ? Infinity : start + length;
  return { start, end, owner: { session, procId, clientId } };
}

function lockOf(session: Session, message: LockMessage, fid: Fid): Lock {
  if (message.type !== LockType.READ && message.type !== LockType.WRITE) {
    throw new NineError("EINVAL", `Lock type ${message.type}: known are 0 (read), 1 (write) and 2 (unlock)`);
  }
  return { type: message.type, ...lockRange(session, message), through: fid };
}

/** Whole entries, as many as fit: qid[13] offset[8] type[1] name[s]. */
function replyEntries(session: Session, entries: Entry[], room: number, request: Request): void {
  if (request.dropped) return;
  const out = session.outlet.out;
  const start = out.begin(MESSAGES.Rreaddir.type, request.tag);
  out.u32(0);
  const first = out.length;
  for (const entry of entries) {
    const before = out.length;
    out.ensure(ENTRY_HEADER_BYTES);
    out.qid(entry.qid);
    out.exact64(entry.cookie);
    // DT_* of readdir(3) are the type bits, shifted.
    out.u8((entry.mode & S.IFMT) >>> 12);
    out.string(entry.name);
    if (out.length - first > room) {
      out.cancel(before);
      break;
    }
  }
  if (out.length === first && entries.length > 0) {
    out.cancel(start);
    throw new NineError("EINVAL", `A Treaddir of ${room} bytes: the next entry does not fit into it`);
  }
  out.patch32(start + 7, out.length - first);
  out.end(start);
  request.dropped = true;
}
