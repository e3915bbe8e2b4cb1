import {
  type Call,
  canWrite,
  type Change,
  type Created,
  type Creation,
  type FileServer,
  type Later,
  NineError,
  O,
  plainStatfs,
  primaryGroup,
  Qt,
  S,
} from "../../9p/mod.ts";
import { isSystems, permissionsOf } from "./access_list.ts";
import { readWhenHere, whenHere } from "./absent.ts";
import { attrOf, Inode } from "./inode.ts";
import { list } from "./listing.ts";
import { isWithin, type Place } from "./place.ts";
import type { VolumeStore } from "./store.ts";
import { Tree, type VolumeOptions } from "./tree.ts";
import { dropCapability, getxattr, listxattr, setxattr } from "./xattr.ts";

export type { VolumeOptions } from "./tree.ts";

export interface Handle {
  readonly append: boolean;
  readonly writes: boolean;
  /** Something was changed through it. */
  changed: boolean;
}

const FLAGS = Qt.APPEND | Qt.EXCL | Qt.TMP;
/** A path has at most so many bytes, with the zero behind it one more. */
const TARGET_BYTES_MAX = 4095;
const DEVICES: ReadonlySet<number> = new Set([S.IFCHR, S.IFBLK]);
/** What is made without being opened. */
const UNOPENED: ReadonlySet<number> = new Set([S.IFDIR, S.IFLNK, S.IFIFO, S.IFSOCK, ...DEVICES]);

/** Serves a volume. Reads leave the time of access as it is. */
export function volume(
  store: VolumeStore,
  options: VolumeOptions = {},
): Required<Omit<FileServer<Place, Handle>, "removable" | "holderOfNew">> {
  const tree = new Tree(store, options);

  function make(dir: Place, name: string, what: Creation, call: Call): Place {
    tree.checkFree(dir, name);
    const type = what.mode & S.IFMT;
    const inherits = (dir.inode.mode & S.ISGID) !== 0;
    const setgid = inherits && type === S.IFDIR ? S.ISGID : 0;
    const gid = inherits ? dir.inode.gid : what.gid ?? primaryGroup(call.user);
    const { uid, flags = 0 } = what;
    const rdev = DEVICES.has(type) ? what.rdev ?? 0 : 0;
    const target = type === S.IFLNK ? checkedTarget(what.target) : "";
    // A symlink has no permissions of its own.
    const mode = type === S.IFLNK ? S.IFLNK | 0o777 : what.mode | setgid;
    const by = call.user.name;
    const now = tree.now();
    const [ino, eid] = [store.nextIno(), store.nextEid()];
    const parent = dir.inode.ino;
    const logged = tree.log("create", by, now, {
      ...{ ino, parent, eid, name, mode, uid, gid, flags, rdev, target },
    });
    const inode = new Inode({
      ...{
        ino,
        mode,
        uid,
        gid,
        muid: uid,
        flags,
        rdev,
        target,
        nlink: 0,
        folders: 0,
        version: logged.number,
      },
      size: utf8.encode(target).byteLength,
      ...{ atime: now, mtime: now, ctime: now, btime: now, content: null },
    });
    inode.isCapable = false;
    const place = tree.places.add(dir, name, eid, inode);
    tree.entered(place, logged, by, now);
    return place;
  }

  /** Does it, after the index has caught up where it is too far behind. */
  const whenReady = <T>(act: () => T): Later<T> => {
    const behind = store.behind();
    return behind === undefined ? act() : behind.then(() => whenReady(act));
  };

  return {
    attach(aname) {
      if (aname !== "" && aname !== "/") {
        throw new NineError("ENOENT", `No tree ${JSON.stringify(aname)} is exported`);
      }
      return tree.root;
    },
    qid: (place) => place.inode.qid(),
    name: (place) => place.name,
    parent: (place) => place.parent,

    hold: (place) => tree.places.hold(place),
    drop(place) {
      tree.places.drop(place);
      tree.forgetIfUnused(place);
    },

    walk(dir, name) {
      const place = tree.child(dir, name);
      if (!place) throw new NineError("ENOENT", `Walk to ${dir.pathTo(name)}: there is no such name`);
      return place;
    },

    getattr: (place) => attrOf(place.inode),
    setattr(place, change, _handle, call) {
      const { contents, size } = place.inode;
      const cut = change.size !== undefined && change.size > 0 && change.size !== size
        ? change.size
        : undefined;
      const waits = contents && cut !== undefined && whenHere(store, contents, [cut, cut], call);
      const act = () => whenReady(() => setattr(tree, place, change, call));
      return waits ? waits.then(act) : act();
    },

    open(place, flags, call) {
      const { inode } = place;
      if (inode.isDirectory && (canWrite(flags) || (flags & O.TRUNC) !== 0)) {
        throw new NineError("EISDIR", `${place.path} is a directory: it can only be read`);
      }
      if (inode.type === S.IFLNK) throw new NineError("ELOOP", `${place.path} is a symbolic link`);
      if (inode.type !== S.IFREG && !inode.isDirectory) {
        throw new NineError("ENXIO", `Nothing answers behind the special file ${place.path}`);
      }
      const truncates = (flags & O.TRUNC) !== 0 && inode.contents !== undefined;
      const handle = { append: (flags & O.APPEND) !== 0, writes: canWrite(flags), changed: truncates };
      if (!truncates && !handle.writes) return handle;
      return whenReady(() => {
        if (inode.isForgotten) {
          throw new NineError("ENOENT", `${place.path} was removed: nothing can be written to it`);
        }
        if (truncates) cut(tree, place, 0, {}, call);
        if (truncates && !handle.writes) tree.settle(place, call.user.name);
        return handle;
      });
    },
    create: (dir, name, what, flags, call) =>
      whenReady((): Created<Place, Handle> => ({
        node: make(dir, name, what, call),
        handle: { append: (flags & O.APPEND) !== 0, writes: canWrite(flags), changed: true },
      })),
    make(dir, name, what, call) {
      const type = what.mode & S.IFMT;
      if (!UNOPENED.has(type)) {
        throw new NineError(
          "EINVAL",
          `${dir.pathTo(name)} cannot be made with the type 0o${type.toString(8)}`,
        );
      }
      return whenReady(() => make(dir, name, what, call));
    },
    close(place, handle, call) {
      if (handle.writes) tree.settle(place, call.user.name);
      // What others wait for at this moment is made durable together.
      if (options.durable === "clunk" && handle.changed) return store.sync();
    },

    read({ inode }, _handle, offset, into, call) {
      const contents = inode.contents!;
      try {
        return contents.read(store, offset, into);
      } catch (thrown) {
        return readWhenHere(
          store,
          {
            ...{ offset, count: into.byteLength, content: () => contents.settledContent(store) },
            read: (into) => contents.read(store, offset, into),
          },
          thrown,
          call,
        );
      }
    },
    lend: ({ inode }, _handle, offset, length) => inode.contents?.lend(offset, length),
    write(place, handle, offset, data, call) {
      const contents = place.inode.contents!;
      const at = handle.append ? contents.size : offset;
      const waits = store.behind() ?? whenHere(store, contents, [at, at + data.byteLength], call);
      if (waits === undefined) return write(tree, place, handle, offset, data, call);
      const own = data.slice();
      const again = (): Later<number> => {
        const waits = store.behind() ?? whenHere(store, contents, [at, at + own.byteLength], call);
        return waits === undefined ? write(tree, place, handle, offset, own, call) : waits.then(again);
      };
      return waits.then(again);
    },
    list: (dir, _handle, cookie, max, withAttr) => list(tree, dir, Number(cookie), max, withAttr),
    fsync: () => store.sync(),

    remove: (place, call) => whenReady(() => remove(tree, place, call)),
    rename: (place, dir, name, noReplace, call) =>
      whenReady(() => rename(tree, place, dir, name, noReplace, call)),
    link: (place, dir, name, call) => whenReady(() => link(tree, place, dir, name, call)),

    readlink({ inode, path }) {
      if (inode.type !== S.IFLNK) throw new NineError("EINVAL", `${path} is no symbolic link`);
      return inode.target;
    },

    statfs() {
      const { bytes, free } = store.space();
      const blocks = Math.floor(bytes / 4096);
      const bfree = Math.floor(free / 4096);
      return { ...plainStatfs(), blocks, bfree, bavail: bfree, files: 2 ** 32, ffree: 2 ** 32 };
    },

    getxattr: (place, name, call) => getxattr(tree, place, name, call),
    listxattr: ({ inode }, call) => listxattr(tree, inode, call),
    setxattr(place, name, value, flags, call) {
      if (value !== null && isSystems(name)) {
        const permissions = permissionsOf(name, value);
        return whenReady(() => setattr(tree, place, { mode: place.inode.mode & 0o7000 | permissions }, call));
      }
      const behind = store.behind();
      if (behind === undefined) return setxattr(tree, place, name, value, flags, call);
      const own = value && value.slice();
      return behind.then(() => whenReady(() => setxattr(tree, place, name, own, flags, call)));
    },
  };
}

const utf8 = new TextEncoder();

/** What symlink(2) takes. */
function checkedTarget(target = ""): string {
  if (target === "") throw new NineError("ENOENT", "A symbolic link to nothing");
  const { byteLength } = utf8.encode(target);
  if (byteLength > TARGET_BYTES_MAX) {
    throw new NineError(
      "ENAMETOOLONG",
      `A symbolic link to a path of ${byteLength} bytes, allowed are ${TARGET_BYTES_MAX}`,
    );
  }
  if (target.includes("\0")) {
    throw new NineError("EINVAL", "A symbolic link to a path with a zero byte in it");
  }
  return target;
}

function remove(tree: Tree, place: Place, call: Call): void {
  checkNamed(place, "removed");
  const { inode, parent, name } = place;
  if (inode.isDirectory && inode.size > 0) {
    throw new NineError("ENOTEMPTY", `${place.path} has ${inode.size} entries`);
  }
  const [by, now] = [call.user.name, tree.now()];
  const held = inode.holds > 0;
  const logged = tree.log("unlink", by, now, { ino: inode.ino, parent: parent.inode.ino, name, held });
  end(tree, place, logged, by, now);
}

function rename(tree: Tree, place: Place, dir: Place, name: string, noReplace: boolean, call: Call): void {
  checkNamed(place, "renamed");
  if (isWithin(dir, place)) throw new NineError("EINVAL", `${place.path} cannot move below itself`);
  const onto = tree.child(dir, name);
  if (onto && noReplace) throw new NineError("EEXIST", `${dir.pathTo(name)} is there already`);
  // rename(2): two names of one file stay as they are.
  if (onto?.inode === place.inode) return;
  if (dir.removed) throw new NineError("ENOENT", `The directory ${dir.path} was removed`);
  if (onto) checkReplaceable(place, onto);
  const [by, now] = [call.user.name, tree.now()];
  const eid = tree.store.nextEid();
  const logged = tree.log("rename", by, now, {
    ino: place.inode.ino,
    parent: place.parent.inode.ino,
    name: place.name,
    toParent: dir.inode.ino,
    toName: name,
    eid,
    held: (onto?.inode.holds ?? 0) > 0,
  });
  if (onto) end(tree, onto, logged, by, now);
  tree.leaving(place, logged, by, now);
  tree.places.move(place, dir, name, eid);
  tree.entered(place, logged, by, now);
  place.inode.ctime = now;
}

function link(tree: Tree, place: Place, dir: Place, name: string, { user }: Call): void {
  const { inode } = place;
  if (inode.isDirectory) throw new NineError("EPERM", `${place.path} is a directory, which has one name`);
  if (inode.nlink === 0) throw new NineError("ENOENT", `${place.path} has no name left to link to`);
  tree.checkFree(dir, name);
  const now = tree.now();
  const eid = tree.store.nextEid();
  const parent = dir.inode.ino;
  const logged = tree.log("link", user.name, now, { ino: inode.ino, parent, eid, name });
  tree.entered(tree.places.add(dir, name, eid, inode), logged, user.name, now);
  inode.ctime = now;
}

/** The place's name has gone by that operation, and with its last name the file, but for those who hold it. */
function end(
  tree: Tree,
  place: Place,
  logged: ReturnType<Tree["log"]>,
  by: string,
  now: ReturnType<Tree["now"]>,
): void {
  tree.leaving(place, logged, by, now);
  place.inode.ctime = now;
  place.removed = true;
  if (place.inode.nlink === 0 && place.inode.holds === 0) tree.forgotten(place.inode);
  tree.places.detach(place);
}

function checkNamed(place: Place, what: string): void {
  if (place.isRoot) throw new NineError("EBUSY", `The root cannot be ${what}`);
  if (place.removed) throw new NineError("ENOENT", `${place.path} was removed already`);
}

/** What rename(2) asks of the place that is in the way. */
function checkReplaceable(from: Place, onto: Place): void {
  const isDirectory = onto.inode.isDirectory;
  if (isDirectory && !from.inode.isDirectory) throw new NineError("EISDIR", `${onto.path} is a directory`);
  if (!isDirectory && from.inode.isDirectory) throw new NineError("ENOTDIR", `${onto.path} is no directory`);
  if (isDirectory && onto.inode.size > 0) {
    throw new NineError("ENOTEMPTY", `${onto.path} has ${onto.inode.size} entries`);
  }
}

function setattr(tree: Tree, place: Place, change: Change, call: Call): void {
  const { inode } = place;
  if (Object.values(change).every((value) => value === undefined)) return;
  if (change.size !== undefined && !inode.contents) {
    const code = inode.isDirectory ? "EISDIR" : "EINVAL";
    throw new NineError(code, `${place.path} is no regular file and has no size to set`);
  }
  if (change.mode !== undefined && inode.type === S.IFLNK) {
    throw new NineError("EOPNOTSUPP", `${place.path} is a symbolic link, which has no mode of its own`);
  }
  checkTime(place, change.atime);
  checkTime(place, change.mtime);
  if (change.size !== undefined && change.size !== inode.size) {
    cut(tree, place, change.size, change, call);
    // Whoever has it open for writing settles it when closing; of somebody else's there is none.
    tree.settle(place, call.user.name);
    return;
  }
  // truncate(2): to be cut to the size that it has is a change of the file as well.
  const cuts: Change = change.size === undefined ? {} : { mtime: "now" };
  setAttributes(tree, place, { ...cuts, ...change }, undefined, call);
}

/** From the wire comes a double, which is exact below 2^53; what is beyond would be kept as another time, or not at all. */
function checkTime({ path }: Place, time: Change["mtime"]): void {
  if (time === undefined || time === "now") return;
  const { sec, nsec } = time;
  if (Number.isSafeInteger(sec) && Number.isInteger(nsec) && nsec >= 0 && nsec < 1e9) return;
  throw new NineError(
    "EINVAL",
    `A time of ${sec} seconds and ${nsec} nanoseconds for ${path}: allowed are whole ones below 2^53 and 1,000,000,000`,
  );
}

/** Cuts or extends the file, with what else is to change. */
function cut(tree: Tree, place: Place, size: number, change: Change, call: Call): void {
  dropCapability(tree, place, call);
  const now = tree.now();
  const logged = setAttributes(tree, place, { mtime: now, ...change }, size, call);
  const { inode } = place;
  inode.contents!.cut(logged, size);
  tree.wrote(place);
  inode.version = logged.number;
  inode.muid = call.user.name;
}

function setAttributes(tree: Tree, place: Place, change: Change, size: number | undefined, call: Call) {
  const { inode } = place;
  const now = tree.now();
  const at = (time: Change["atime"], before: typeof now) => time === "now" ? now : time ?? before;
  const chowned = change.uid !== undefined || change.gid !== undefined;
  if (chowned && inode.contents) dropCapability(tree, place, call);
  // chown(2): a file that changes hands does not keep its setuid and setgid bits.
  const kept = chowned && !inode.isDirectory ? withoutSetid(inode.mode) : inode.mode;
  const next = {
    mode: change.mode === undefined ? kept : (inode.mode & S.IFMT) | (change.mode & 0o7777),
    uid: change.uid ?? inode.uid,
    gid: change.gid ?? inode.gid,
    flags: change.flags === undefined ? inode.flags : change.flags & FLAGS,
    atime: at(change.atime, inode.atime),
    mtime: at(change.mtime, inode.mtime),
  };
  const logged = tree.log("attributes", call.user.name, now, { ino: inode.ino, size, ...next });
  Object.assign(inode, next);
  inode.ctime = now;
  tree.pend(logged.number, place);
  return logged;
}

/** Setgid without group execution means mandatory locking, and stays. */
function withoutSetid(mode: number): number {
  return mode & ~S.ISUID & ~(mode & 0o010 ? S.ISGID : 0);
}

function write(
  tree: Tree,
  place: Place,
  handle: Handle,
  offset: number,
  bytes: Uint8Array,
  call: Call,
): number {
  if (bytes.byteLength === 0) return 0;
  const { inode } = place;
  const contents = inode.contents!;
  const now = tree.now();
  const by = call.user.name;
  const at = handle.append ? contents.size : offset;
  // Where an append ends is known only here.
  if (at + bytes.byteLength > Number.MAX_SAFE_INTEGER) {
    throw new NineError("EFBIG", `A write of ${bytes.byteLength} bytes at offset ${at} ends beyond 2^53`);
  }
  dropCapability(tree, place, call);
  const logged = tree.log("write", by, now, { ino: inode.ino, offset: at, bytes });
  handle.changed = true;
  contents.write(logged, at, at + bytes.byteLength);
  tree.wrote(place);
  inode.touched(logged.number, by, now);
  if (call.user.standing !== "owner" && withoutSetid(inode.mode) !== inode.mode) {
    setAttributes(tree, place, { mode: withoutSetid(inode.mode) & 0o7777 }, undefined, call);
  }
  if (contents.isVersionDue) tree.settle(place, call.user.name);
  return bytes.byteLength;
}
