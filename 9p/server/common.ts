/** The requests that all dialects share. */
import { NineError } from "../error.ts";
import { Errno } from "../errno.ts";
import { O, type Qid, Qt } from "../qid.ts";
import { codecOf, IOHDRSZ, NOFID } from "../wire/codec.ts";
import { type Dialect, DIALECTS } from "../wire/field.ts";
import { type Body, type Message, MESSAGES } from "../wire/messages.ts";
import { readDirectory } from "./classic_directory.ts";
import { MSIZE_MIN } from "./engine.ts";
import type { Fid } from "./fid.ts";
import { isDirectory, listing, type OpenUse } from "./fid.ts";
import { type Later, then } from "./file_server.ts";
import type { Handlers } from "./handlers.ts";
import { checkName } from "./names.ts";
import type { Request } from "./request.ts";
import type { Session } from "./session.ts";

/** The most of a listing that one reply carries, bytes: making millions of entries at once would hold up everybody. */
export const LISTED_BYTES_MAX = 256 * 1024;

/** A stream gives what it has, which may be long in coming: what waits for it must not hold megabytes. */
const STREAM_BYTES_MAX = 64 * 1024;
/**
 * Reads of so many bytes may be lent: shorter ones are copied faster than they are lent, and longer ones do not leave at
 * once.
 */
const LENT_BYTES_MIN = 32 * 1024;
const LENT_BYTES_MAX = 256 * 1024;
/** Bytes of writes that all servers together may have to end later; who has none of them may add one. */
const WRITING_BYTES_MAX = 128 * 1024 * 1024;

export const common: Handlers<
  | "Tversion"
  | "Tauth"
  | "Tattach"
  | "Tflush"
  | "Twalk"
  | "Tread"
  | "Twrite"
  | "Tclunk"
  | "Tremove"
> = {
  Tversion(session, { msize, version }, request) {
    if (msize < MSIZE_MIN) {
      throw new NineError("EINVAL", `msize ${msize}: the smallest that a message fits into is ${MSIZE_MIN}`);
    }
    session.reset();
    session.msize = Math.min(msize, session.engine.msizeMax);
    session.dialect = dialectFor(version);
    session.codec = codecOf(session.dialect ?? "9P2000");
    request.reply("Rversion", { msize: session.msize, version: session.dialect ?? "unknown" });
  },

  // ENOENT: diod's clients take no other errno for "none is needed".
  Tauth() {
    throw new NineError(
      "ENOENT",
      "No authentication is needed here: attach with afid NOFID (~0)",
    );
  },

  Tattach(session, { fid, afid, uname, aname, nUname }, request) {
    session.checkFree(fid);
    if (afid !== NOFID) {
      throw new NineError(
        "EBADF",
        `afid ${afid} is no validated one: no authentication is needed here, send NOFID (~0)`,
      );
    }
    const user = request.user = session.listener.identify(uname, nUname);
    return then(session.server.attach(aname, request), (root) => {
      session.bind(fid, root, root, user, request);
      request.reply("Rattach", { qid: session.server.qid(root) });
    });
  },

  Tflush(session, { oldtag }, request) {
    const old = oldtag === request.tag ? undefined : session.waiting(oldtag);
    if (!old) return request.reply("Rflush", {});
    // Whatever becomes of the old request, its reply (if any) leaves first.
    return new Promise<void>((done) => {
      old.onDone(() => {
        request.reply("Rflush", {});
        done();
      });
      session.flush(old);
    });
  },

  Twalk: walk,

  Tread(session, { fid: number, offset, count }, request) {
    const fid = session.fid(number, request);
    const wanted = Math.min(count, session.msize - IOHDRSZ);
    if (fid.use.kind === "xattr-read") {
      const data = fid.use.value.subarray(Math.min(offset, fid.use.value.byteLength)).subarray(0, wanted);
      return request.reply("Rread", { data });
    }
    const { handle } = fid.asFile().opened("read");
    const qid = session.server.qid(fid.node);
    if (isDirectory(qid)) {
      if (session.dialect === "9P2000.L") {
        throw new NineError("EISDIR", "Tread of a directory: 9P2000.L lists directories by Treaddir");
      }
      const room = Math.min(wanted, LISTED_BYTES_MAX);
      return session.during(
        fid,
        request,
        readDirectory(session, fid, { offset, end: offset + count, room }, request),
      );
    }
    if (!session.server.read) throw new NineError("EOPNOTSUPP", "The file server reads no files");
    const { outlet, engine: { turn } } = session;
    const room = isStream(qid) ? Math.min(wanted, STREAM_BYTES_MAX) : outlet.room(turn.room(wanted));
    const { out } = outlet;
    const start = out.begin(MESSAGES.Rread.type, request.tag);
    try {
      if (room >= LENT_BYTES_MIN && room <= LENT_BYTES_MAX && outlet.canLend && !isStream(qid)) {
        const lent = session.server.lend?.(fid.node, handle, offset, room, request);
        if (lent) {
          out.u32(lent.bytes);
          out.endLent(start, lent);
          outlet.roomUsed(lent.bytes);
          turn.copied(lent.bytes);
          return;
        }
      }
      out.u32(0);
      const into = out.reserve(room);
      const now = session.server.read(fid.node, handle, offset, into, request);
      if (typeof now === "number") {
        out.patch32(start + 7, now);
        out.commit(now);
        outlet.roomUsed(now);
        turn.copied(now);
        return out.end(start);
      }
      out.cancel(start);
      const held = outlet.holdRoom();
      const read = now.finally(() => session.engine.budget.give(held));
      return session.during(fid, request, read.then((data) => replyLater(session, fid, data, request)));
    } catch (thrown) {
      out.cancel(start);
      outlet.roomUsed(0);
      throw thrown;
    }
  },

  Twrite(session, { fid: number, offset, data }, request) {
    const fid = session.fid(number, request);
    if (fid.use.kind === "xattr-write") return writeXattr(fid.use, offset, data, request);
    const { handle, flags } = fid.asFile().opened("write");
    if (!session.server.write) throw new NineError("EROFS", "The file server writes no files");
    if (!(flags & O.APPEND) && offset + data.byteLength > Number.MAX_SAFE_INTEGER) {
      throw new NineError(
        "EFBIG",
        `A write of ${data.byteLength} bytes at offset ${offset} ends beyond 2^53`,
      );
    }
    const bytes = data.byteLength;
    if (session.writingBytes > 0 && session.engine.writingBytes + bytes > WRITING_BYTES_MAX) {
      throw new NineError(
        "ENOBUFS",
        `${session.engine.writingBytes} bytes wait to be written, allowed are ${WRITING_BYTES_MAX}`,
      );
    }
    const now = session.server.write(fid.node, handle, offset, data, request);
    const later = now instanceof Promise ? writeLater(session, now, bytes) : now;
    return session.during(fid, request, then(later, (count) => request.reply("Rwrite", { count })));
  },

  Tclunk(session, { fid: number }, request) {
    const fid = session.fid(number, request);
    return then(session.release(number, fid, request), () => request.reply("Rclunk", {}));
  },

  Tremove(session, { fid: number }, request) {
    const fid = session.fid(number, request);
    const removed = attempt(() => {
      fid.asFile();
      if (fid.node === fid.root) throw new NineError("EBUSY", "The root of the tree cannot be removed");
      if (!session.server.remove) throw new NineError("EROFS", "The file server removes no files");
      return session.server.remove(fid.node, request);
    });
    // A clunk that comes meanwhile waits for the removal.
    fid.pending.add(request);
    // The fid is clunked whether the removal works or not (rule R33).
    return then(removed, (outcome) => {
      fid.pending.delete(request);
      if (fid.use.kind === "open") fid.use.removeOnClose = false;
      return then(session.release(number, fid, request), () => {
        if (outcome.failed) throw outcome.thrown;
        request.reply("Rremove", {});
      });
    });
  },
};

/** The longest known prefix of dotted parts: `9P2000.L.Google.7` is 9P2000.L, `9P2000.x` is 9P2000 (rules R02, R48). */
export function dialectFor(version: string): Dialect | undefined {
  const [base, extension] = version.split(".");
  return DIALECTS.find((dialect) => extension !== undefined && dialect === `${base}.${extension}`) ??
    DIALECTS.find((dialect) => dialect === base);
}

function walk(
  session: Session,
  { fid: number, newfid, wname }: Message<"Twalk">,
  request: Request,
): Later<void> {
  const fid = session.fid(number, request).asFile();
  request.names = wname;
  const { server } = session;
  if (newfid !== number) session.checkFree(newfid);
  // The manual forbids walking an open fid; Linux does it since 5.10 (rule R16).
  else if (fid.isOpen) {
    throw new NineError("EBADF", "An open fid cannot be walked to itself: give another newfid");
  }

  const wqid: Qid[] = [];
  const finish = (node: unknown): void => {
    if (wqid.length === wname.length) {
      if (newfid !== number) session.bind(newfid, node, fid.root, fid.user, request);
      else if (node !== fid.node) session.rebind(number, fid, node, request);
    }
    request.reply("Rwalk", { wqid });
  };
  // Only the first element failing is an error (rule R13).
  const stop = (thrown: unknown): void => {
    if (wqid.length === 0) throw thrown;
    request.reply("Rwalk", { wqid });
  };
  const step = (from: unknown): Later<void> => {
    let node = from;
    while (wqid.length < wname.length) {
      let next: Later<unknown>;
      try {
        next = child(session, fid, node, wname[wqid.length], request);
      } catch (thrown) {
        return stop(thrown);
      }
      if (next instanceof Promise) {
        return next.then((later) => {
          wqid.push(server.qid(later));
          return step(later);
        }, stop);
      }
      wqid.push(server.qid(next));
      node = next;
    }
    return finish(node);
  };
  return session.during(fid, request, step(fid.node));
}

function child(session: Session, fid: Fid, dir: unknown, name: string, request: Request): Later<unknown> {
  checkName(name);
  if (!(session.server.qid(dir).type & Qt.DIR)) {
    throw new NineError("ENOTDIR", `${JSON.stringify(name)} was looked for in a file that is no directory`);
  }
  if (name === "..") return dir === fid.root ? dir : session.server.parent(dir);
  if (name === ".") throw new NineError("ENOENT", "A walk to '.': walk(5) has no such name, leave it out");
  return session.server.walk(dir, name, request);
}

/** The reply to a read that was waited for, with bytes that the file server made. */
function replyLater(session: Session, fid: Fid, data: Uint8Array, request: Request): void {
  if (request.dropped) return;
  const room = session.outlet.room(data.byteLength);
  // Where the budget is short, a stored file can be read on after fewer bytes, but a stream cannot.
  if (room < data.byteLength && isStream(session.server.qid(fid.node))) {
    session.outlet.roomUsed(0);
    throw new NineError(
      "ENOBUFS",
      `No room for ${data.byteLength} bytes that were read: too many replies wait`,
    );
  }
  request.reply("Rread", { data: data.subarray(0, room) });
}

/** Rule R20: what is made as it is read has version 0. */
function isStream(qid: Qid): boolean {
  return qid.version === 0;
}

/** A write that ends later: the server keeps its bytes as long. */
function writeLater(session: Session, later: Promise<number>, bytes: number): Promise<number> {
  const { engine } = session;
  session.writingBytes += bytes;
  engine.writingBytes += bytes;
  return later.finally(() => {
    session.writingBytes -= bytes;
    engine.writingBytes -= bytes;
  });
}

type XattrWrite = Extract<Fid["use"], { kind: "xattr-write" }>;

function writeXattr(use: XattrWrite, offset: number, data: Uint8Array, request: Request): void {
  if (offset !== use.written || offset + data.byteLength > use.value.byteLength) {
    throw new NineError(
      "EINVAL",
      `${data.byteLength} bytes at offset ${offset} of an attribute of ${use.value.byteLength} bytes, ` +
        `${use.written} of which were written: write them in order and no more`,
    );
  }
  use.value.set(data, offset);
  use.written += data.byteLength;
  request.reply("Rwrite", { count: data.byteLength });
}

export type Outcome = { failed: false } | { failed: true; thrown: unknown };

/** Turns a failure, now or later, into a value, for what must go on after it. */
export function attempt(action: () => Later<void>): Later<Outcome> {
  const failed = (thrown: unknown): Outcome => ({ failed: true, thrown });
  try {
    const later = action();
    return later instanceof Promise ? later.then(() => ({ failed: false }), failed) : { failed: false };
  } catch (thrown) {
    return failed(thrown);
  }
}

/** A file that is open, before a fid stands for it. */
export interface Opened {
  readonly node: unknown;
  readonly handle: unknown;
  readonly flags: number;
  /** What was claimed of a file for exclusive use. */
  readonly exclusive: OpenUse["exclusive"];
}

/** The file that was just made, which nobody else has open. */
export function openedAsMade(
  session: Session,
  { node, handle }: { node: unknown; handle: unknown },
  flags: number,
  request: Request,
): Later<Opened> {
  try {
    return { node, handle, flags, exclusive: session.engine.claim(session.server.qid(node)) };
  } catch (thrown) {
    return then(session.server.close?.(node, handle, request), () => {
      throw thrown;
    });
  }
}

/** The fid of a directory becomes the file that was opened in it. */
export function becomeFile(
  session: Session,
  number: number,
  fid: Fid,
  opened: Opened,
  removeOnClose: boolean,
  request: Request,
): Later<void> {
  const { server } = session;
  try {
    const next = session.rebind(number, fid, opened.node, request);
    next.use = useOf(session, opened, removeOnClose);
  } catch (thrown) {
    // Nobody will ever clunk it, as its client has gone meanwhile.
    const remove = () => removeOnClose ? server.remove?.(opened.node, request) : undefined;
    return then(then(closeOpened(session, opened, request), remove), () => {
      throw thrown;
    });
  }
}

/** Opens the fid's file; the reply is the caller's. */
export function openFid(
  session: Session,
  fid: Fid,
  flags: number,
  removeOnClose: boolean,
  request: Request,
): Later<Body<"Ropen">> {
  const opened = then(openNode(session, fid.asClosedFile().node, flags, request), (opened) => {
    // Somebody may have opened or clunked the fid while the server was at it.
    if (fid.isOpen) {
      return then(closeOpened(session, opened, request), () => {
        throw new NineError("EBADF", "The fid was opened twice at once");
      });
    }
    fid.use = useOf(session, opened, removeOnClose);
    return { qid: session.server.qid(fid.node), iounit: session.msize - IOHDRSZ };
  });
  return session.during(fid, request, opened);
}

/** Opens a file as its type allows; what is for exclusive use is claimed first, as opening it may already empty it. */
export function openNode(session: Session, node: unknown, flags: number, request: Request): Later<Opened> {
  const { server, engine } = session;
  const qid = server.qid(node);
  if (qid.type & Qt.SYMLINK) {
    throw new NineError("ELOOP", "A symbolic link cannot be opened: read where it leads");
  }
  const kept = qid.type & Qt.APPEND ? (flags | O.APPEND) & ~O.TRUNC : flags;
  const exclusive = engine.claim(qid);
  const opened = (handle: unknown): Opened => ({ node, handle, flags: kept, exclusive });
  const failed = (thrown: unknown): never => {
    engine.unclaim(exclusive);
    throw thrown;
  };
  try {
    const later = server.open ? server.open(node, kept, request) : undefined;
    return later instanceof Promise ? later.then(opened, failed) : opened(later);
  } catch (thrown) {
    return failed(thrown);
  }
}

function closeOpened(session: Session, { node, handle, exclusive }: Opened, request: Request): Later<void> {
  session.engine.unclaim(exclusive);
  return session.server.close?.(node, handle, request);
}

function useOf(session: Session, opened: Opened, removeOnClose: boolean): OpenUse {
  const { node, handle, flags, exclusive } = opened;
  const file = session.server.qid(node).path;
  return { kind: "open", handle, flags, removeOnClose, exclusive, file, list: listing() };
}

/** Whether anything thrown says that a name is taken. */
export function isExists(thrown: unknown): boolean {
  return thrown instanceof NineError && thrown.errno === Errno.EEXIST;
}
