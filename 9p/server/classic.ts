/** The requests that 9P2000 and 9P2000.u have and 9P2000.L does not. */
import { NineError } from "../error.ts";
import { NONUNAME } from "../principal.ts";
import { O, Qt, S } from "../qid.ts";
import { IOHDRSZ } from "../wire/codec.ts";
import type { Message } from "../wire/messages.ts";
import { Dm, DONT_TOUCH_LENGTH, type Stat } from "../wire/stat.ts";
import { attempt, becomeFile, openedAsMade, openFid } from "./common.ts";
import { type Fid, isDirectory } from "./fid.ts";
import { type Attr, type Call, type Change, type Creation, type Later, then } from "./file_server.ts";
import type { Handlers } from "./handlers.ts";
import {
  flagsOfDm,
  MAJOR_MAX,
  makedev,
  MINOR_MAX,
  Open,
  openFlags,
  permissionsOfDm,
  statOf,
} from "./modes.ts";
import { checkNewName } from "./names.ts";
import type { Request } from "./request.ts";
import type { Session } from "./session.ts";

export const classic: Handlers<"Topen" | "Tcreate" | "Tstat" | "Twstat"> = {
  Topen(session, { fid: number, mode }, request) {
    const fid = session.fid(number, request).asClosedFile();
    const flags = openFlags(mode, session.codec.dialect);
    const removeOnClose = (mode & Open.RCLOSE) !== 0;
    if (isDirectory(session.server.qid(fid.node)) && ((flags & ~O.EXEC) !== O.RDONLY || removeOnClose)) {
      throw new NineError("EISDIR", `Open mode 0x${mode.toString(16)} for a directory: it can only be read`);
    }
    // The parent's write permission is needed now, not at the clunk (rule R22).
    const allowed = removeOnClose ? session.server.removable?.(fid.node, request) : undefined;
    const opened = then(allowed, () => openFid(session, fid, flags, removeOnClose, request));
    return session.during(fid, request, then(opened, (opened) => request.reply("Ropen", opened)));
  },

  Tcreate(session, message, request) {
    const fid = session.fid(message.fid, request).asClosedFile();
    const flags = openFlags(message.mode, session.codec.dialect);
    const removeOnClose = (message.mode & Open.RCLOSE) !== 0;
    request.names = [message.name];
    checkNewName(message.name);
    if (!isDirectory(session.server.qid(fid.node))) throw new NineError("ENOTDIR", "Tcreate in a file");
    const type = typeOfPerm(message.perm);
    if (type === S.IFDIR && (flags !== O.RDONLY || removeOnClose)) {
      throw new NineError(
        "EISDIR",
        `Open mode 0x${message.mode.toString(16)} for a new directory: it can only be read`,
      );
    }
    const holder = session.server.holderOfNew?.(fid.node) ?? fid.node;
    const created = then(session.server.getattr(holder, undefined, request), (dir) => {
      const what = creation(session, fid, message, type, dir);
      const kept = (flags & ~O.TRUNC) | (what.flags! & Qt.APPEND ? O.APPEND : 0);
      const became = (made: { node: unknown; handle: unknown }) =>
        then(
          openedAsMade(session, made, kept, request),
          (opened) =>
            then(becomeFile(session, message.fid, fid, opened, removeOnClose, request), () => made.node),
        );
      if (type === S.IFREG) {
        if (!session.server.create) return readOnly();
        return then(session.server.create(fid.node, message.name, what, kept, request), became);
      }
      if (!session.server.make) return readOnly();
      return then(session.server.make(fid.node, message.name, what, request), (node) => {
        if (type === S.IFDIR) {
          // What its maker opens is the maker's, whatever its mode gives: as with a new file, nobody is asked.
          const maker: Call = { user: { ...request.user, standing: "owner" }, signal: request.signal };
          const entered = attempt(() =>
            then(session.server.open?.(node, flags, maker), (handle) => {
              return then(became({ node, handle }), () => {});
            })
          );
          return then(entered, (outcome) => {
            if (!outcome.failed) return node;
            // What its maker hears was not made must not be there.
            return then(attempt(() => session.server.remove?.(node, request)), () => {
              throw outcome.thrown;
            });
          });
        }
        // Nothing is read through the fid that made a special file: it is not open.
        session.rebind(message.fid, fid, node, request);
        return node;
      });
    });
    return session.during(
      fid,
      request,
      then(created, (node) => {
        request.reply("Rcreate", { qid: session.server.qid(node), iounit: session.msize - IOHDRSZ });
      }),
    );
  },

  Tstat(session, { fid: number }, request) {
    const fid = session.fid(number, request).asFile();
    return session.during(
      fid,
      request,
      then(
        session.server.getattr(fid.node, fid.handle, request),
        (attr) =>
          then(targetOf(session, fid, attr, request), (target) => {
            const name = fid.node === fid.root ? "/" : session.server.name(fid.node);
            const stat = statOf(name, attr, target, session.engine.principals, session.dialect!);
            request.reply("Rstat", { stat });
          }),
      ),
    );
  },

  Twstat(session, { fid: number, stat }, request) {
    const fid = session.fid(number, request).asFile();
    const { server } = session;
    return session.during(
      fid,
      request,
      then(server.getattr(fid.node, fid.handle, request), (attr) => {
        const change = changeOf(session, stat, attr);
        const name = stat.name === "" || stat.name === server.name(fid.node) ? undefined : stat.name;
        if (name !== undefined) checkNewName(name);
        return then(apply(session, fid, change, name, request), () => request.reply("Rwstat", {}));
      }),
    );
  },
};

function readOnly(): never {
  throw new NineError("EROFS", "The file server makes no files");
}

function targetOf(session: Session, fid: Fid, attr: Attr, request: Request): Later<string> {
  const wanted = session.dialect === "9P2000.u" && (attr.mode & S.IFMT) === S.IFLNK;
  return wanted && session.server.readlink ? session.server.readlink(fid.node, request) : "";
}

function typeOfPerm(perm: number): number {
  if (perm & Dm.DIR) return S.IFDIR;
  if (perm & Dm.SYMLINK) return S.IFLNK;
  if (perm & Dm.NAMEDPIPE) return S.IFIFO;
  if (perm & Dm.SOCKET) return S.IFSOCK;
  if (perm & Dm.DEVICE) return S.IFCHR;
  return S.IFREG;
}

/** open(5): a new file gets no permission that its directory does not have (rule R24). */
function creation(
  session: Session,
  fid: Fid,
  { perm, extension }: Message<"Tcreate">,
  type: number,
  dir: Attr,
): Creation {
  if (session.dialect !== "9P2000.u" && type !== S.IFREG && type !== S.IFDIR) {
    throw new NineError("EINVAL", `perm 0x${perm.toString(16)}: 9P2000 makes files and directories only`);
  }
  if (perm & Dm.LINK) throw new NineError("EOPNOTSUPP", "Hard links are made by Tlink of 9P2000.L");
  const permissions = permissionsOfDm(perm, session.dialect!);
  const mask = type === S.IFDIR ? 0o777 : 0o666;
  const what: Creation = {
    mode: type | (permissions & (~mask | (dir.mode & mask))),
    uid: fid.user.name,
    flags: flagsOfDm(perm),
  };
  if (type === S.IFLNK) what.target = extension;
  if (type === S.IFCHR) {
    const [, kind, major, minor] = /^([bc]) (\d{1,4}) (\d{1,7})$/.exec(extension) ?? [];
    if (kind === undefined || Number(major) > MAJOR_MAX || Number(minor) > MINOR_MAX) {
      throw new NineError(
        "EINVAL",
        `A device is made by an extension like "c 1 3", not ${JSON.stringify(extension)}`,
      );
    }
    what.rdev = makedev(Number(major), Number(minor));
    if (kind === "b") what.mode = S.IFBLK | (what.mode & ~S.IFMT);
  }
  return what;
}

/** What a wstat asks for beyond "don't touch"; EPERM or EINVAL for what nobody may change (rule R34). */
function changeOf(session: Session, stat: Stat, attr: Attr): Change {
  const { dialect, engine } = session;
  const change: Change = {};
  if (stat.type !== 0xffff && stat.type !== 0) refuse("type", stat.type);
  if (stat.dev !== 0xffffffff && stat.dev !== 0) refuse("dev", stat.dev);
  const { qid } = stat;
  if (
    (qid.type !== 0xff && qid.type !== attr.qid.type) ||
    (qid.version !== 0xffffffff && qid.version !== attr.qid.version) ||
    (qid.path !== 0xffffffffffffffffn && qid.path !== attr.qid.path)
  ) refuse("qid", `${qid.type} ${qid.version} ${qid.path}`);
  if (stat.mode !== 0xffffffff) {
    const isDir = (attr.qid.type & Qt.DIR) !== 0;
    if (((stat.mode & Dm.DIR) !== 0) !== isDir) refuse("DMDIR", stat.mode.toString(16));
    const mode = permissionsOfDm(stat.mode, dialect!);
    // 9P2000 has no bits for setuid and its like: they stay.
    change.mode = dialect === "9P2000.u" ? mode : mode | (attr.mode & 0o7000);
    const flags = flagsOfDm(stat.mode);
    if (flags !== (attr.qid.type & (Qt.APPEND | Qt.EXCL | Qt.TMP))) change.flags = flags;
  }
  if (stat.length !== DONT_TOUCH_LENGTH) {
    if (attr.qid.type & Qt.DIR) {
      if (stat.length !== 0) throw new NineError("EISDIR", `A length of ${stat.length} for a directory`);
    } else if (stat.length > Number.MAX_SAFE_INTEGER) {
      throw new NineError("EFBIG", `A length of ${stat.length}: allowed are lengths below 2^53`);
    } else change.size = stat.length;
  }
  if (stat.atime !== 0xffffffff && dialect === "9P2000.u") change.atime = { sec: stat.atime, nsec: 0 };
  if (stat.mtime !== 0xffffffff) change.mtime = { sec: stat.mtime, nsec: 0 };
  const { principals } = engine;
  if (stat.nUid !== NONUNAME) change.uid = principals.user(stat.nUid);
  else if (stat.uid !== "" && stat.uid !== attr.uid) change.uid = named(stat.uid, (n) => principals.user(n));
  if (stat.nGid !== NONUNAME) change.gid = principals.group(stat.nGid);
  else if (stat.gid !== "" && stat.gid !== attr.gid) change.gid = named(stat.gid, (n) => principals.group(n));
  // A changed muid is ignored: Linux sends one.
  return change;
}

function refuse(field: string, value: number | string): never {
  throw new NineError("EPERM", `A wstat that changes ${field} to ${value}: it can never be changed`);
}

/** A principal by its name; 9P2000 clients also write bare numbers. */
function named(name: string, byNumber: (n: number) => string): string {
  return /^\d{1,10}$/.test(name) ? byNumber(Number(name)) : name;
}

/** All of the change or nothing of it. */
function apply(
  session: Session,
  fid: Fid,
  change: Change,
  name: string | undefined,
  request: Request,
): Later<void> {
  const { server } = session;
  const changes = Object.keys(change).length > 0;
  if (!changes && name === undefined) return server.fsync?.(fid.node, fid.handle, false, request);
  const set = () => {
    if (!changes) return;
    if (!server.setattr) throw new NineError("EROFS", "The file server changes no attributes");
    return server.setattr(fid.node, change, fid.handle, request);
  };
  if (name === undefined) return set();
  if (fid.node === fid.root) throw new NineError("EBUSY", "The root of the tree cannot be renamed");
  if (!server.rename) throw new NineError("EROFS", "The file server renames no files");
  const dir = server.parent(fid.node);
  const oldName = server.name(fid.node);
  // What would be replaced could not be brought back, so a rename that comes with more must not replace anything.
  const noReplace = session.listener.strict || changes;
  return then(server.rename(fid.node, dir, name, noReplace, request), () =>
    then(attempt(set), (outcome) => {
      if (!outcome.failed) return;
      return then(server.rename!(fid.node, dir, oldName, true, request), () => {
        throw outcome.thrown;
      });
    }));
}
