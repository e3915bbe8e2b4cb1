import { NineError } from "../../error.ts";
import { canRead, canWrite, O, Qt, S } from "../../qid.ts";
import type { Change, Timestamp } from "../../server/file_server.ts";
import { major, minor, Open } from "../../server/modes.ts";
import type { Dialect } from "../../wire/field.ts";
import { Reader } from "../../wire/reader.ts";
import { Dm, readStat, type Stat, untouched } from "../../wire/stat.ts";
import { attrOfStat } from "../attr.ts";
import type { Client } from "../client.ts";
import type { NewFile, Page, RemoteEntry, Verbs } from "./verbs.ts";

/** The verbs of 9P2000 and 9P2000.u. */
export function classicVerbs(client: Client): Verbs {
  const { principals, dialect } = client;
  const isUnix = dialect === "9P2000.u";
  const wstat = async (fid: number, change: Partial<Stat>, signal?: AbortSignal) => {
    await client.rpc("Twstat", { fid, stat: { ...untouched(), ...change } }, signal);
  };
  const none = (what: string): never => {
    throw new NineError("EOPNOTSUPP", `${dialect} has no ${what}`);
  };
  return {
    async getattr(fid, signal) {
      return attrOfStat((await client.rpc("Tstat", { fid }, signal)).stat, principals);
    },

    async setattr(fid, type, change, signal) {
      const stat = statOf(change, type, dialect);
      // A time of access alone is nothing that 9P2000 could set.
      if (Object.keys(stat).length > 0) await wstat(fid, stat, signal);
    },

    open: (fid, flags, signal) => client.rpc("Topen", { fid, mode: modeOf(flags) }, signal),

    create(fid, name, what, flags, signal) {
      return client.rpc("Tcreate", { fid, name, mode: modeOf(flags), ...permOf(what, isUnix) }, signal);
    },

    async make(fid, name, what, signal) {
      await client.rpc("Tcreate", { fid, name, mode: Open.READ, ...permOf(what, isUnix) }, signal);
    },

    async link(fid, spare, name, signal) {
      if (!isUnix) none("hard links");
      const linking = { perm: Dm.LINK, extension: `${fid}\n` };
      await client.rpc("Tcreate", { fid: spare, name, mode: Open.READ, ...linking }, signal);
    },
    renameHere: (fid, _dirFid, name, signal) => wstat(fid, { name }, signal),
    renameAt() {
      throw new NineError("EXDEV", `${dialect} renames within a directory only`);
    },

    list: (fid, at, count, signal) =>
      client.call(
        "Tread",
        { fid, offset: Number(at), count },
        ({ data }) => pageOf(data, Number(at), client),
        signal,
      ),

    async readlink(fid, signal) {
      if (!isUnix) none("symbolic links");
      const { stat } = await client.rpc("Tstat", { fid }, signal);
      if (!(stat.mode & Dm.SYMLINK)) throw new NineError("EINVAL", "The file is no symbolic link");
      return stat.extension;
    },
    statfs: () => none("statfs"),
    fsync: (fid, _dataOnly, signal) => wstat(fid, {}, signal),
    lock: () => none("locks"),
    getlock: () => none("locks"),
    xattrWalk: () => none("extended attributes"),
    xattrCreate: () => none("extended attributes"),
  };
}

/** The open(5) mode for `O` flags. */
function modeOf(flags: number): number {
  const access = canWrite(flags) ? canRead(flags) ? Open.RDWR : Open.WRITE : Open.READ;
  return access | (flags & O.TRUNC ? Open.TRUNC : 0);
}

function dmOf(mode: number, flags: number, isUnix: boolean): number {
  const dm = (mode & 0o777) | ((flags & (Qt.DIR | Qt.APPEND | Qt.EXCL | Qt.TMP)) << 24);
  if (!isUnix) return dm >>> 0;
  return (dm | (mode & S.ISUID ? Dm.SETUID : 0) | (mode & S.ISGID ? Dm.SETGID : 0) |
    (mode & S.ISVTX ? Dm.SETVTX : 0)) >>> 0;
}

function permOf(what: NewFile, isUnix: boolean): { perm: number; extension: string } {
  const type = what.mode & S.IFMT;
  const dm = dmOf(what.mode, what.flags ?? 0, isUnix);
  const rdev = what.rdev ?? 0;
  const device = `${major(rdev)} ${minor(rdev)}`;
  const plain = (bit: number, extension = "") => ({ perm: (dm | bit) >>> 0, extension });
  if (type === S.IFREG || type === 0) return plain(0);
  if (type === S.IFDIR) return plain(Dm.DIR);
  if (!isUnix) throw new NineError("EOPNOTSUPP", "9P2000 makes files and directories only");
  if (type === S.IFLNK) return plain(Dm.SYMLINK, what.target ?? "");
  if (type === S.IFIFO) return plain(Dm.NAMEDPIPE);
  if (type === S.IFSOCK) return plain(Dm.SOCKET);
  return plain(Dm.DEVICE, `${type === S.IFBLK ? "b" : "c"} ${device}`);
}

/** The fields of a wstat that say something. */
function statOf(change: Change, type: number, dialect: Dialect): Partial<Stat> {
  const stat: Partial<Stat> = {};
  const isUnix = dialect === "9P2000.u";
  if (change.mode !== undefined || change.flags !== undefined) {
    if (change.mode === undefined) {
      throw new NineError(
        "EINVAL",
        `${dialect} sets append, exclusive and temporary only together with the permissions`,
      );
    }
    const flags = change.flags ?? type;
    stat.mode = dmOf(change.mode, (type & Qt.DIR) | (flags & ~Qt.DIR), isUnix);
  }
  const uid = isUnix ? /^uid:(\d{1,10})$/.exec(change.uid ?? "") : null;
  const gid = isUnix ? /^gid:(\d{1,10})$/.exec(change.gid ?? "") : null;
  if (uid) stat.nUid = Number(uid[1]);
  else if (change.uid !== undefined) stat.uid = change.uid;
  if (gid) stat.nGid = Number(gid[1]);
  else if (change.gid !== undefined) stat.gid = change.gid;
  if (change.size !== undefined) stat.length = change.size;
  if (change.atime !== undefined && isUnix) stat.atime = secondsOf(change.atime);
  if (change.mtime !== undefined) stat.mtime = secondsOf(change.mtime);
  return stat;
}

/** stat(5) has 32 bits for whole seconds since 1970, and no "now" of the server's. */
function secondsOf(time: Timestamp | "now"): number {
  const sec = time === "now" ? Math.floor(Date.now() / 1000) : time.sec;
  return Math.min(Math.max(sec, 0), 0xfffffffe);
}

/** A directory reads as whole stats, one behind the other. */
function pageOf(data: Uint8Array, offset: number, { dialect, principals }: Client): Page {
  const from = new Reader(data as Uint8Array<ArrayBuffer>);
  const entries: RemoteEntry[] = [];
  const next = offset + data.byteLength;
  while (from.left > 0) {
    const stat = readStat(from, dialect);
    if (from.malformed) {
      throw new NineError(
        "EPROTO",
        `The server's listing has a broken entry after ${entries.length} whole ones`,
      );
    }
    if (stat.name === "." || stat.name === "..") continue;
    const attr = attrOfStat(stat, principals);
    entries.push({ name: stat.name, qid: stat.qid, mode: attr.mode, cookie: next, attr });
  }
  return { entries, next, isEnd: data.byteLength === 0 };
}
