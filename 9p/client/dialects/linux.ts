import { NineError } from "../../error.ts";
import { NONUNAME } from "../../principal.ts";
import { S } from "../../qid.ts";
import type { Change, Timestamp } from "../../server/file_server.ts";
import { LockType } from "../../server/locks.ts";
import { major, minor } from "../../server/modes.ts";
import type { Message } from "../../wire/messages.ts";
import { Reader } from "../../wire/reader.ts";
import { attrOfGetattr, gidOf, uidOf } from "../attr.ts";
import type { Client } from "../client.ts";
import type { LockRequest, Page, RemoteEntry, Verbs } from "./verbs.ts";

/** P9_GETATTR_ALL: basic, btime, gen and data version. */
const GETATTR_ALL = 0x3fff;
/** P9_SETATTR_* */
const Set = { MODE: 1, UID: 2, GID: 4, SIZE: 8, ATIME: 0x10, MTIME: 0x20, ATIME_SET: 0x80, MTIME_SET: 0x100 };
/** P9_LOCK_* of Rlock. */
const LockStatus = { SUCCESS: 0, BLOCKED: 1, ERROR: 2, GRACE: 3 };
const LOCK_NAMES = ["read", "write", "unlock"] as const;

/** The verbs of 9P2000.L. */
export function linuxVerbs(client: Client): Verbs {
  const { principals } = client;
  const numberOf = (gid: string | undefined) => gid === undefined ? NONUNAME : gidOf(gid, principals);
  return {
    async getattr(fid, signal) {
      return attrOfGetattr(
        await client.rpc("Tgetattr", { fid, requestMask: GETATTR_ALL }, signal),
        principals,
      );
    },

    async setattr(fid, _type, change, signal) {
      if (change.flags !== undefined) noFlags();
      await client.rpc("Tsetattr", { fid, ...setattrOf(change, client) }, signal);
    },

    open: (fid, flags, signal) => client.rpc("Tlopen", { fid, flags }, signal),

    create(fid, name, what, flags, signal) {
      if (what.flags) noFlags();
      const mode = what.mode & 0o7777;
      return client.rpc("Tlcreate", { fid, name, flags, mode, gid: numberOf(what.gid) }, signal);
    },

    async make(dfid, name, what, signal) {
      if (what.flags) noFlags();
      const gid = numberOf(what.gid);
      const mode = what.mode;
      switch (mode & S.IFMT) {
        case S.IFDIR:
          await client.rpc("Tmkdir", { dfid, name, mode: mode & 0o7777, gid }, signal);
          break;
        case S.IFLNK:
          await client.rpc("Tsymlink", { fid: dfid, name, symtgt: what.target ?? "", gid }, signal);
          break;
        default: {
          const rdev = what.rdev ?? 0;
          const device = { major: major(rdev), minor: minor(rdev) };
          await client.rpc("Tmknod", { dfid, name, mode, ...device, gid }, signal);
        }
      }
    },

    async link(fid, dfid, name, signal) {
      await client.rpc("Tlink", { dfid, fid, name }, signal);
    },
    async renameHere(fid, dfid, name, signal) {
      await client.rpc("Trename", { fid, dfid, name }, signal);
    },
    async renameAt(olddirfid, oldname, newdirfid, newname, signal) {
      await client.rpc("Trenameat", { olddirfid, oldname, newdirfid, newname }, signal);
    },

    list: (fid, offset, count, signal) =>
      client.call("Treaddir", { fid, offset, count }, ({ data }) => pageOf(data, offset), signal),

    async readlink(fid, signal) {
      return (await client.rpc("Treadlink", { fid }, signal)).target;
    },
    statfs: (fid, signal) => client.rpc("Tstatfs", { fid }, signal),
    async fsync(fid, dataOnly, signal) {
      await client.rpc("Tfsync", { fid, datasync: dataOnly ? 1 : 0 }, signal);
    },

    async lock(fid, lock, signal) {
      const { status } = await client.rpc("Tlock", { fid, flags: 0, ...lockOf(lock) }, signal);
      if (status === LockStatus.SUCCESS) return true;
      if (status === LockStatus.BLOCKED || status === LockStatus.GRACE) return false;
      throw new NineError("ENOLCK", `The server answered lock status ${status}`);
    },
    async getlock(fid, lock, signal) {
      const held = await client.rpc("Tgetlock", { fid, ...lockOf(lock) }, signal);
      return held.type === LockType.UNLOCK ? undefined : lockRequestOf(held);
    },

    async xattrWalk(fid, newfid, name, signal) {
      return (await client.rpc("Txattrwalk", { fid, newfid, name }, signal)).size;
    },
    async xattrCreate(fid, name, attrSize, flags, signal) {
      await client.rpc("Txattrcreate", { fid, name, attrSize, flags }, signal);
    },
  };
}

function noFlags(): never {
  throw new NineError("EOPNOTSUPP", "9P2000.L has no append-only, exclusive or temporary files");
}

function setattrOf(change: Change, { principals }: Client) {
  const atime = timeOf(change.atime);
  const mtime = timeOf(change.mtime);
  const valid = (change.mode === undefined ? 0 : Set.MODE) |
    (change.uid === undefined ? 0 : Set.UID) |
    (change.gid === undefined ? 0 : Set.GID) |
    (change.size === undefined ? 0 : Set.SIZE) |
    (change.atime === undefined ? 0 : Set.ATIME) |
    (change.mtime === undefined ? 0 : Set.MTIME) |
    (atime ? Set.ATIME_SET : 0) |
    (mtime ? Set.MTIME_SET : 0);
  return {
    valid,
    mode: change.mode ?? 0,
    uid: change.uid === undefined ? NONUNAME : uidOf(change.uid, principals),
    gid: change.gid === undefined ? NONUNAME : gidOf(change.gid, principals),
    size: change.size ?? 0,
    atimeSec: atime?.sec ?? 0,
    atimeNsec: atime?.nsec ?? 0,
    mtimeSec: mtime?.sec ?? 0,
    mtimeNsec: mtime?.nsec ?? 0,
  };
}

function timeOf(time: Timestamp | "now" | undefined): Timestamp | undefined {
  return time === "now" ? undefined : time;
}

function lockOf({ type, start, length, procId, clientId }: LockRequest) {
  return { type: LOCK_NAMES.indexOf(type), start, length, procId, clientId };
}

function lockRequestOf({ type, start, length, procId, clientId }: Message<"Rgetlock">): LockRequest {
  return { type: type === LockType.READ ? "read" : "write", start, length, procId, clientId };
}

/** The entries of an Rreaddir: qid[13] offset[8] type[1] name[s]. A name that is no UTF-8 cannot be asked for. */
function pageOf(data: Uint8Array, offset: number | bigint): Page {
  const from = new Reader(data as Uint8Array<ArrayBuffer>);
  const entries: RemoteEntry[] = [];
  let next = offset;
  while (from.left > 0) {
    const qid = from.qid();
    const cookie = from.exact64();
    const type = from.u8();
    const nameAt = from.at;
    const name = from.string();
    if (from.malformed && from.at <= nameAt + 2) {
      throw new NineError(
        "EPROTO",
        `The server's listing ends within an entry, after ${entries.length} whole ones`,
      );
    }
    const isUtf8 = !from.malformed;
    from.malformed = false;
    next = cookie;
    // DT_* of readdir(3) are the type bits, shifted.
    if (isUtf8 && name !== "." && name !== "..") {
      entries.push({ name, qid, cookie, mode: (type & 0o17) << 12 });
    }
  }
  return { entries, next, isEnd: data.byteLength === 0 };
}
