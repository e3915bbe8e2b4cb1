/**
 * Every message of 9P2000, 9P2000.u and 9P2000.L: one row a message, under the line that the specification has for it.
 * The type, the codec, the printed form and the fuzz generator all come from the row.
 *
 * Sources: Plan 9 manual section 5; diod's protocol.md for 9P2000.L; Linux net/9p/protocol.c where they differ.
 */
import { NONUNAME } from "../principal.ts";
import {
  bits32,
  data,
  type Dialect,
  exact64,
  type Field,
  list,
  only,
  optional,
  qid,
  seconds,
  string,
  u16,
  u32,
  u64,
  u8,
} from "./field.ts";
import { type Stat, statField } from "./stat.ts";

/** walk(5): at most this many names in one Twalk. */
export const MAXWELEM = 16;

const ALL: readonly Dialect[] = ["9P2000", "9P2000.u", "9P2000.L"];
const CLASSIC: readonly Dialect[] = ["9P2000", "9P2000.u"];
const UNIX: readonly Dialect[] = ["9P2000.u"];
const NUMERIC: readonly Dialect[] = ["9P2000.u", "9P2000.L"];
const LINUX: readonly Dialect[] = ["9P2000.L"];

/** Stands for the stat of whichever dialect the row is compiled for. */
export const stat: Field<Stat> = { ...statField("9P2000.u") };

type Fields = Record<string, { read(from: never): unknown }>;

export interface Row<F extends Fields = Fields> {
  readonly type: number;
  readonly dialects: readonly Dialect[];
  readonly fields: F;
}

function row<F extends Fields>(type: number, dialects: readonly Dialect[], fields: F): Row<F> {
  return { type, dialects, fields };
}

const uname = only(NUMERIC, u32, NONUNAME);

export const MESSAGES = {
  // size[4] Tversion tag[2] msize[4] version[s]
  Tversion: row(100, ALL, { msize: u32, version: string }),
  // size[4] Rversion tag[2] msize[4] version[s]
  Rversion: row(101, ALL, { msize: u32, version: string }),
  // size[4] Tauth tag[2] afid[4] uname[s] aname[s] [n_uname[4]]
  Tauth: row(102, ALL, { afid: u32, uname: string, aname: string, nUname: uname }),
  // size[4] Rauth tag[2] aqid[13]
  Rauth: row(103, ALL, { aqid: qid }),
  // size[4] Tattach tag[2] fid[4] afid[4] uname[s] aname[s] [n_uname[4]]
  Tattach: row(104, ALL, { fid: u32, afid: u32, uname: string, aname: string, nUname: uname }),
  // size[4] Rattach tag[2] qid[13]
  Rattach: row(105, ALL, { qid }),
  // size[4] Rerror tag[2] ename[s] [errno[4]]
  Rerror: row(107, CLASSIC, { ename: string, errno: only(UNIX, u32, 0) }),
  // size[4] Tflush tag[2] oldtag[2]
  Tflush: row(108, ALL, { oldtag: u16 }),
  // size[4] Rflush tag[2]
  Rflush: row(109, ALL, {}),
  // size[4] Twalk tag[2] fid[4] newfid[4] nwname[2] nwname*(wname[s])
  Twalk: row(110, ALL, { fid: u32, newfid: u32, wname: list(string, MAXWELEM) }),
  // size[4] Rwalk tag[2] nwqid[2] nwqid*(wqid[13])
  Rwalk: row(111, ALL, { wqid: list(qid, MAXWELEM) }),
  // size[4] Topen tag[2] fid[4] mode[1]
  Topen: row(112, CLASSIC, { fid: u32, mode: u8 }),
  // size[4] Ropen tag[2] qid[13] iounit[4]
  Ropen: row(113, CLASSIC, { qid, iounit: u32 }),
  // size[4] Tcreate tag[2] fid[4] name[s] perm[4] mode[1] [extension[s]]
  Tcreate: row(114, CLASSIC, {
    fid: u32,
    name: string,
    perm: bits32,
    mode: u8,
    extension: only(UNIX, string, ""),
  }),
  // size[4] Rcreate tag[2] qid[13] iounit[4]
  Rcreate: row(115, CLASSIC, { qid, iounit: u32 }),
  // size[4] Tread tag[2] fid[4] offset[8] count[4]
  Tread: row(116, ALL, { fid: u32, offset: u64, count: u32 }),
  // size[4] Rread tag[2] count[4] data[count]
  Rread: row(117, ALL, { data }),
  // size[4] Twrite tag[2] fid[4] offset[8] count[4] data[count]
  Twrite: row(118, ALL, { fid: u32, offset: u64, data }),
  // size[4] Rwrite tag[2] count[4]
  Rwrite: row(119, ALL, { count: u32 }),
  // size[4] Tclunk tag[2] fid[4]
  Tclunk: row(120, ALL, { fid: u32 }),
  // size[4] Rclunk tag[2]
  Rclunk: row(121, ALL, {}),
  // size[4] Tremove tag[2] fid[4]
  Tremove: row(122, ALL, { fid: u32 }),
  // size[4] Rremove tag[2]
  Rremove: row(123, ALL, {}),
  // size[4] Tstat tag[2] fid[4]
  Tstat: row(124, CLASSIC, { fid: u32 }),
  // size[4] Rstat tag[2] stat[n]
  Rstat: row(125, CLASSIC, { stat }),
  // size[4] Twstat tag[2] fid[4] stat[n]
  Twstat: row(126, CLASSIC, { fid: u32, stat }),
  // size[4] Rwstat tag[2]
  Rwstat: row(127, CLASSIC, {}),

  // size[4] Rlerror tag[2] ecode[4]
  Rlerror: row(7, LINUX, { ecode: u32 }),
  // size[4] Tstatfs tag[2] fid[4]
  Tstatfs: row(8, LINUX, { fid: u32 }),
  // size[4] Rstatfs tag[2] type[4] bsize[4] blocks[8] bfree[8] bavail[8] files[8] ffree[8] fsid[8] namelen[4]
  Rstatfs: row(9, LINUX, {
    type: u32,
    bsize: u32,
    blocks: u64,
    bfree: u64,
    bavail: u64,
    files: u64,
    ffree: u64,
    fsid: exact64,
    namelen: u32,
  }),
  // size[4] Tlopen tag[2] fid[4] flags[4]
  Tlopen: row(12, LINUX, { fid: u32, flags: bits32 }),
  // size[4] Rlopen tag[2] qid[13] iounit[4]
  Rlopen: row(13, LINUX, { qid, iounit: u32 }),
  // size[4] Tlcreate tag[2] fid[4] name[s] flags[4] mode[4] gid[4]
  Tlcreate: row(14, LINUX, { fid: u32, name: string, flags: bits32, mode: bits32, gid: u32 }),
  // size[4] Rlcreate tag[2] qid[13] iounit[4]
  Rlcreate: row(15, LINUX, { qid, iounit: u32 }),
  // size[4] Tsymlink tag[2] fid[4] name[s] symtgt[s] gid[4]
  Tsymlink: row(16, LINUX, { fid: u32, name: string, symtgt: string, gid: u32 }),
  // size[4] Rsymlink tag[2] qid[13]
  Rsymlink: row(17, LINUX, { qid }),
  // size[4] Tmknod tag[2] dfid[4] name[s] mode[4] major[4] minor[4] gid[4]
  Tmknod: row(18, LINUX, { dfid: u32, name: string, mode: bits32, major: u32, minor: u32, gid: u32 }),
  // size[4] Rmknod tag[2] qid[13]
  Rmknod: row(19, LINUX, { qid }),
  // size[4] Trename tag[2] fid[4] dfid[4] name[s]
  Trename: row(20, LINUX, { fid: u32, dfid: u32, name: string }),
  // size[4] Rrename tag[2]
  Rrename: row(21, LINUX, {}),
  // size[4] Treadlink tag[2] fid[4]
  Treadlink: row(22, LINUX, { fid: u32 }),
  // size[4] Rreadlink tag[2] target[s]
  Rreadlink: row(23, LINUX, { target: string }),
  // size[4] Tgetattr tag[2] fid[4] request_mask[8]
  Tgetattr: row(24, LINUX, { fid: u32, requestMask: u64 }),
  // size[4] Rgetattr tag[2] valid[8] qid[13] mode[4] uid[4] gid[4] nlink[8] rdev[8] size[8] blksize[8] blocks[8]
  //   atime_sec[8] atime_nsec[8] mtime_sec[8] mtime_nsec[8] ctime_sec[8] ctime_nsec[8] btime_sec[8] btime_nsec[8]
  //   gen[8] data_version[8]
  Rgetattr: row(25, LINUX, {
    valid: u64,
    qid,
    mode: bits32,
    uid: u32,
    gid: u32,
    nlink: u64,
    rdev: u64,
    size: u64,
    blksize: u64,
    blocks: u64,
    atimeSec: seconds,
    atimeNsec: u64,
    mtimeSec: seconds,
    mtimeNsec: u64,
    ctimeSec: seconds,
    ctimeNsec: u64,
    btimeSec: seconds,
    btimeNsec: u64,
    gen: u64,
    dataVersion: u64,
  }),
  // size[4] Tsetattr tag[2] fid[4] valid[4] mode[4] uid[4] gid[4] size[8] atime_sec[8] atime_nsec[8]
  //   mtime_sec[8] mtime_nsec[8]
  Tsetattr: row(26, LINUX, {
    fid: u32,
    valid: bits32,
    mode: bits32,
    uid: u32,
    gid: u32,
    size: u64,
    atimeSec: seconds,
    atimeNsec: u64,
    mtimeSec: seconds,
    mtimeNsec: u64,
  }),
  // size[4] Rsetattr tag[2]
  Rsetattr: row(27, LINUX, {}),
  // size[4] Txattrwalk tag[2] fid[4] newfid[4] name[s]
  Txattrwalk: row(30, LINUX, { fid: u32, newfid: u32, name: string }),
  // size[4] Rxattrwalk tag[2] size[8]
  Rxattrwalk: row(31, LINUX, { size: u64 }),
  // size[4] Txattrcreate tag[2] fid[4] name[s] attr_size[8] flags[4]
  Txattrcreate: row(32, LINUX, { fid: u32, name: string, attrSize: u64, flags: u32 }),
  // size[4] Rxattrcreate tag[2]
  Rxattrcreate: row(33, LINUX, {}),
  // size[4] Treaddir tag[2] fid[4] offset[8] count[4]
  Treaddir: row(40, LINUX, { fid: u32, offset: exact64, count: u32 }),
  // size[4] Rreaddir tag[2] count[4] data[count]
  Rreaddir: row(41, LINUX, { data }),
  // size[4] Tfsync tag[2] fid[4] datasync[4] (older clients leave datasync out)
  Tfsync: row(50, LINUX, { fid: u32, datasync: optional(u32, 0) }),
  // size[4] Rfsync tag[2]
  Rfsync: row(51, LINUX, {}),
  // size[4] Tlock tag[2] fid[4] type[1] flags[4] start[8] length[8] proc_id[4] client_id[s]
  Tlock: row(52, LINUX, {
    fid: u32,
    type: u8,
    flags: u32,
    start: u64,
    length: u64,
    procId: u32,
    clientId: string,
  }),
  // size[4] Rlock tag[2] status[1]
  Rlock: row(53, LINUX, { status: u8 }),
  // size[4] Tgetlock tag[2] fid[4] type[1] start[8] length[8] proc_id[4] client_id[s]
  Tgetlock: row(54, LINUX, { fid: u32, type: u8, start: u64, length: u64, procId: u32, clientId: string }),
  // size[4] Rgetlock tag[2] type[1] start[8] length[8] proc_id[4] client_id[s]
  Rgetlock: row(55, LINUX, { type: u8, start: u64, length: u64, procId: u32, clientId: string }),
  // size[4] Tlink tag[2] dfid[4] fid[4] name[s]
  Tlink: row(70, LINUX, { dfid: u32, fid: u32, name: string }),
  // size[4] Rlink tag[2]
  Rlink: row(71, LINUX, {}),
  // size[4] Tmkdir tag[2] dfid[4] name[s] mode[4] gid[4]
  Tmkdir: row(72, LINUX, { dfid: u32, name: string, mode: bits32, gid: u32 }),
  // size[4] Rmkdir tag[2] qid[13]
  Rmkdir: row(73, LINUX, { qid }),
  // size[4] Trenameat tag[2] olddirfid[4] oldname[s] newdirfid[4] newname[s]
  Trenameat: row(74, LINUX, { olddirfid: u32, oldname: string, newdirfid: u32, newname: string }),
  // size[4] Rrenameat tag[2]
  Rrenameat: row(75, LINUX, {}),
  // size[4] Tunlinkat tag[2] dirfd[4] name[s] flags[4]
  Tunlinkat: row(76, LINUX, { dirfd: u32, name: string, flags: bits32 }),
  // size[4] Runlinkat tag[2]
  Runlinkat: row(77, LINUX, {}),
} as const;

type Messages = typeof MESSAGES;
export type MessageName = keyof Messages;
export type TName = Extract<MessageName, `T${string}`>;
export type RName = Extract<MessageName, `R${string}`>;

/** The fields of a message of that name. */
export type Body<K extends MessageName> = {
  -readonly [F in keyof Messages[K]["fields"]]: Messages[K]["fields"][F] extends
    { read(from: never): infer T } ? T
    : never;
};

/** A decoded message: its kind, its tag and its fields side by side. */
export type Message<K extends MessageName = MessageName> = K extends MessageName
  ? { kind: K; tag: number } & Body<K>
  : never;

/** Message names by type number. */
export const NAME_BY_TYPE: ReadonlyArray<MessageName | undefined> = Array.from(
  { length: 256 },
  (_, type) => (Object.keys(MESSAGES) as MessageName[]).find((name) => MESSAGES[name].type === type),
);
