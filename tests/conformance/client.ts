/** The everyday operations in whichever dialect the connection speaks, so that one test can hold for all of them. */
import { Errno } from "../../9p/errno.ts";
import { NONUNAME } from "../../9p/principal.ts";
import { O, type Qid, Qt } from "../../9p/qid.ts";
import { IOHDRSZ, NOFID } from "../../9p/wire/codec.ts";
import type { Dialect } from "../../9p/wire/field.ts";
import type { Message } from "../../9p/wire/messages.ts";
import { Reader } from "../../9p/wire/reader.ts";
import { Dm, readStat, type Stat, untouched } from "../../9p/wire/stat.ts";
import { Refused, type Wire } from "./wire.ts";

export type Access = "r" | "w" | "rw";

/** What all dialects can tell of a file. */
export interface Info {
  readonly qid: Qid;
  readonly size: number;
  /** Permission bits, 0777. */
  readonly mode: number;
  readonly mtime: number;
}

/** One name of a listing. */
export interface Listed {
  readonly name: string;
  readonly qid: Qid;
}

/** P9_GETATTR_BASIC */
export const GETATTR_BASIC = 0x7ff;
/** P9_SETATTR_* */
export const Setattr = {
  MODE: 1,
  UID: 2,
  GID: 4,
  SIZE: 8,
  ATIME: 0x10,
  MTIME: 0x20,
  CTIME: 0x40,
  ATIME_SET: 0x80,
  MTIME_SET: 0x100,
} as const;

const OPEN_MODE = { r: 0, w: 1, rw: 2 } as const;
const OPEN_FLAGS = { r: O.RDONLY, w: O.WRONLY, rw: O.RDWR } as const;
const OTRUNC = 0x10;

const utf8 = new TextEncoder();
const text = new TextDecoder("utf-8", { ignoreBOM: true });

export class Client {
  /** The root of the attached tree. */
  readonly root = 0;
  /** What v9fs sends along with whatever it makes: the group of the process. */
  gid = 0;
  #lastFid: number;

  /** Fids up to `fidsTaken` are the caller's own. */
  constructor(readonly wire: Wire, fidsTaken = 0) {
    this.#lastFid = fidsTaken;
  }

  get dialect(): Dialect {
    return this.wire.dialect;
  }
  get isLinux(): boolean {
    return this.dialect === "9P2000.L";
  }
  get rpc(): Wire["rpc"] {
    return this.wire.rpc.bind(this.wire);
  }

  freeFid(): number {
    return ++this.#lastFid;
  }

  async attach(fid: number, aname: string, uname: string, nUname = NONUNAME): Promise<Qid> {
    return (await this.rpc("Tattach", { fid, afid: NOFID, uname, aname, nUname })).qid;
  }

  /** A new fid for what the names lead to. */
  async walk(fid: number, ...names: string[]): Promise<number> {
    const newfid = this.freeFid();
    const { wqid } = await this.rpc("Twalk", { fid, newfid, wname: names });
    if (wqid.length < names.length) {
      throw new Error(`The walk to ${names.join("/")} ended after ${wqid.length} names`);
    }
    return newfid;
  }

  /** Whether the name can be walked to. */
  async has(fid: number, name: string): Promise<boolean> {
    try {
      await this.clunk(await this.walk(fid, name));
      return true;
    } catch {
      return false;
    }
  }

  /** A new file, open. */
  async create(
    dir: number,
    name: string,
    { perm = 0o644, access = "rw" as Access, mode = 0, extension = "" } = {},
  ): Promise<number> {
    const fid = await this.walk(dir);
    try {
      await this.createOn(fid, name, { perm, access, mode, extension });
    } catch (thrown) {
      await this.clunk(fid);
      throw thrown;
    }
    return fid;
  }

  /** The same on a fid of the directory, which becomes the file. */
  createOn(
    fid: number,
    name: string,
    { perm = 0o644, access = "rw" as Access, mode = 0, extension = "" } = {},
  ): Promise<{ qid: Qid; iounit: number }> {
    if (this.isLinux) {
      const flags = O.CREAT | O.EXCL | OPEN_FLAGS[access];
      return this.rpc("Tlcreate", { fid, name, flags, mode: perm, gid: this.gid });
    }
    return this.rpc("Tcreate", { fid, name, perm, mode: OPEN_MODE[access] | mode, extension });
  }

  /** A new directory, not open. */
  async mkdir(dir: number, name: string, perm = 0o755): Promise<number> {
    if (this.isLinux) await this.rpc("Tmkdir", { dfid: dir, name, mode: perm, gid: this.gid });
    else await this.clunk(await this.create(dir, name, { perm: Dm.DIR + perm, access: "r" }));
    return this.walk(dir, name);
  }

  open(fid: number, access: Access, { trunc = false } = {}): Promise<{ qid: Qid; iounit: number }> {
    if (this.isLinux) {
      return this.rpc("Tlopen", { fid, flags: OPEN_FLAGS[access] | (trunc ? O.TRUNC : 0) });
    }
    return this.rpc("Topen", { fid, mode: OPEN_MODE[access] | (trunc ? OTRUNC : 0) });
  }

  async read(fid: number, offset = 0, count = this.wire.msize - IOHDRSZ): Promise<Uint8Array> {
    return (await this.rpc("Tread", { fid, offset, count })).data;
  }

  async readText(fid: number, offset?: number, count?: number): Promise<string> {
    return text.decode(await this.read(fid, offset, count));
  }

  async write(fid: number, offset: number, data: string | Uint8Array): Promise<number> {
    const bytes = typeof data === "string" ? utf8.encode(data) : data;
    return (await this.rpc("Twrite", { fid, offset, data: bytes })).count;
  }

  async clunk(fid: number): Promise<void> {
    await this.rpc("Tclunk", { fid });
  }

  async remove(fid: number): Promise<void> {
    await this.rpc("Tremove", { fid });
  }

  /** Removes by name. */
  async unlink(dir: number, name: string): Promise<void> {
    await this.remove(await this.walk(dir, name));
  }

  async stat(fid: number): Promise<Stat> {
    return (await this.rpc("Tstat", { fid })).stat;
  }

  getattr(fid: number, requestMask = GETATTR_BASIC): Promise<Message<"Rgetattr">> {
    return this.rpc("Tgetattr", { fid, requestMask });
  }

  async info(fid: number): Promise<Info> {
    if (this.isLinux) {
      const { qid, size, mode, mtimeSec } = await this.getattr(fid);
      return { qid, size, mode: mode & 0o777, mtime: mtimeSec };
    }
    const { qid, length, mode, mtime } = await this.stat(fid);
    return { qid, size: length, mode: mode & 0o777, mtime };
  }

  async wstat(fid: number, change: Partial<Stat>): Promise<void> {
    await this.rpc("Twstat", { fid, stat: { ...untouched(), ...change } });
  }

  async setattr(
    fid: number,
    valid: number,
    change: {
      mode?: number;
      size?: number;
      uid?: number;
      gid?: number;
      mtimeSec?: number;
      atimeSec?: number;
    },
  ): Promise<void> {
    const none = { mode: 0, uid: 0, gid: 0, size: 0, atimeSec: 0, atimeNsec: 0, mtimeSec: 0, mtimeNsec: 0 };
    await this.rpc("Tsetattr", { fid, valid, ...none, ...change });
  }

  async truncate(fid: number, size: number): Promise<void> {
    if (this.isLinux) await this.setattr(fid, Setattr.SIZE, { size });
    else await this.wstat(fid, { length: size });
  }

  async chmod(fid: number, mode: number): Promise<void> {
    if (this.isLinux) return this.setattr(fid, Setattr.MODE, { mode });
    const { mode: old } = await this.stat(fid);
    await this.wstat(fid, { mode: ((old & ~0o777) | mode) >>> 0 });
  }

  /** A new name in the same directory `dir`, which only 9P2000.L needs to be told. */
  async rename(fid: number, dir: number, name: string): Promise<void> {
    if (this.isLinux) await this.rpc("Trename", { fid, dfid: dir, name });
    else await this.wstat(fid, { name });
  }

  /** Moves a name in 9P2000.L, by Trename where the server has no Trenameat, as Linux does. */
  async move(olddirfid: number, oldname: string, newdirfid: number, newname: string): Promise<void> {
    try {
      await this.rpc("Trenameat", { olddirfid, oldname, newdirfid, newname });
    } catch (thrown) {
      if (!(thrown instanceof Refused) || thrown.errno !== Errno.EOPNOTSUPP) throw thrown;
      const fid = await this.walk(olddirfid, oldname);
      await this.rpc("Trename", { fid, dfid: newdirfid, name: newname });
      await this.clunk(fid);
    }
  }

  /** Asks that all be durable. */
  async sync(fid: number): Promise<void> {
    if (this.isLinux) await this.rpc("Tfsync", { fid, datasync: 0 });
    else await this.wstat(fid, {});
  }

  /** Writes a whole file that was not there. */
  async put(dir: number, name: string, data: string | Uint8Array, perm = 0o644): Promise<Qid> {
    const fid = await this.create(dir, name, { perm });
    const bytes = typeof data === "string" ? utf8.encode(data) : data;
    for (let at = 0; at < bytes.byteLength;) {
      at += await this.write(fid, at, bytes.subarray(at, at + this.wire.msize - IOHDRSZ));
    }
    const { qid } = await this.info(fid);
    await this.clunk(fid);
    return qid;
  }

  /** The text of a whole file. */
  async get(dir: number, ...names: string[]): Promise<string> {
    const fid = await this.walk(dir, ...names);
    await this.open(fid, "r");
    const parts: Uint8Array[] = [];
    let at = 0;
    while (true) {
      const part = await this.read(fid, at);
      if (part.byteLength === 0) break;
      parts.push(part);
      at += part.byteLength;
    }
    await this.clunk(fid);
    return text.decode(await new Blob(parts as Uint8Array<ArrayBuffer>[]).arrayBuffer());
  }

  /** All entries of a directory, without "." and "..", through a fid of its own. */
  async list(dir: number): Promise<Listed[]> {
    const fid = await this.walk(dir);
    await this.open(fid, "r");
    const all: Listed[] = [];
    if (this.isLinux) {
      let offset: Qid["path"] = 0;
      while (true) {
        const page = await this.readdir(fid, offset);
        if (page.length === 0) break;
        all.push(...page);
        offset = page[page.length - 1].cookie;
      }
    } else {
      let offset = 0;
      while (true) {
        const data = await this.read(fid, offset);
        if (data.byteLength === 0) break;
        all.push(...this.entries(data));
        offset += data.byteLength;
      }
    }
    await this.clunk(fid);
    return all.filter(({ name }) => name !== "." && name !== "..");
  }

  async names(dir: number): Promise<string[]> {
    return (await this.list(dir)).map(({ name }) => name).sort();
  }

  /** The entries that a read of a directory gave; throws unless they are whole. */
  entries(data: Uint8Array): Stat[] {
    const reader = new Reader(data.slice());
    const stats: Stat[] = [];
    while (reader.left > 0) {
      stats.push(readStat(reader, this.dialect));
      if (reader.malformed) throw new Error("A directory read gave an entry that is not whole");
    }
    return stats;
  }

  /** One Treaddir. */
  async readdir(
    fid: number,
    offset: Qid["path"],
    count = this.wire.msize - IOHDRSZ,
  ): Promise<(Listed & { cookie: Qid["path"]; type: number })[]> {
    const { data } = await this.rpc("Treaddir", { fid, offset, count });
    const reader = new Reader(data.slice());
    const page = [];
    while (reader.left > 0) {
      page.push({ qid: reader.qid(), cookie: reader.exact64(), type: reader.u8(), name: reader.string() });
      if (reader.malformed) throw new Error("A Treaddir gave an entry that is not whole");
    }
    return page;
  }

  /** Removes everything below a directory, and the directory. */
  async removeTree(dir: number, name: string): Promise<void> {
    const fid = await this.walk(dir, name);
    const { qid } = await this.info(fid);
    if (qid.type & Qt.DIR) {
      for (const child of await this.list(fid)) {
        await this.removeTree(fid, child.name);
      }
    }
    await this.remove(fid);
  }
}
