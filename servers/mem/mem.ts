import {
  type Change,
  type Created,
  type Creation,
  type FileServer,
  NineError,
  O,
  plainStatfs,
  primaryGroup,
  type Principal,
  S,
  type StatFs,
  type Timestamp,
} from "../../9p/mod.ts";
import { Inode } from "./inode.ts";
import { isWithin, Place } from "./place.ts";
import { bytesOfAttribute, bytesOfName, bytesOfText, INODE_BYTES, Space } from "./space.ts";

export interface MemOptions {
  /** Owner and group of the root directory. */
  readonly uid?: Principal;
  readonly gid?: Principal;
  /** Permission bits of the root directory. */
  readonly mode?: number;
  /** What all files together may take, bytes: contents, names, attributes, and what each file takes by itself. */
  readonly bytesMax?: number;
  readonly clock?: () => Timestamp;
}

interface Handle {
  readonly append: boolean;
}

const XATTR_CREATE = 1;
const XATTR_REPLACE = 2;
/** Bytes of names and values of extended attributes that one file may have. */
const XATTRS_BYTES_MAX = 256 * 1024;

/** A complete read-write tree in memory: the reference for what every other server should do. */
export function mem(options: MemOptions = {}): FileServer<Place, Handle> {
  const clock = options.clock ?? systemClock;
  const space = new Space(options.bytesMax ?? 1024 ** 3);
  let lastPath = 0;

  function inodeFor(what: Creation, gid: Principal): Inode {
    const { flags = 0, rdev = 0, target = "" } = what;
    return new Inode({ ...what, flags, rdev, target, gid, path: ++lastPath, now: clock() }, space);
  }

  const root = new Place(
    undefined,
    "/",
    inodeFor(
      { mode: S.IFDIR | (options.mode ?? 0o755), uid: options.uid ?? "owner" },
      options.gid ?? "owner",
    ),
  );
  root.inode.nlink = 1;

  function directoryOf(dir: Place) {
    const { directory } = dir.inode;
    if (!directory) throw new NineError("ENOTDIR", `${dir.name} is no directory`);
    return directory;
  }

  /** The directory, about to get a new name. */
  function openDirectory(dir: Place, name: string) {
    const directory = directoryOf(dir);
    if (dir.removed) {
      throw new NineError("ENOENT", `The directory ${dir.name} was removed: nothing can be made in it`);
    }
    if (directory.get(name)) throw new NineError("EEXIST", `${name} is in ${dir.name} already`);
    return directory;
  }

  function put(dir: Place, name: string, inode: Inode, by: Principal): Place {
    const directory = openDirectory(dir, name);
    space.take(bytesOfName(name));
    const place = new Place(dir, name, inode);
    directory.add(place);
    inode.nlink++;
    dir.inode.touched(by, clock());
    return place;
  }

  function take(place: Place, by: Principal): void {
    const { parent, inode } = place;
    if (!parent) throw new NineError("EBUSY", "The root cannot be removed");
    if (place.removed) throw new NineError("ENOENT", `${place.name} was removed already`);
    parent.inode.directory!.remove(place);
    place.removed = true;
    space.take(-bytesOfName(place.name));
    inode.nlink--;
    inode.ctime = clock();
    inode.freeIfUnused();
    parent.inode.touched(by, clock());
  }

  function make(dir: Place, name: string, what: Creation, group: Principal): Place {
    openDirectory(dir, name);
    const inherits = (dir.inode.mode & S.ISGID) !== 0;
    const setgid = inherits && (what.mode & S.IFMT) === S.IFDIR ? S.ISGID : 0;
    const gid = inherits ? dir.inode.gid : what.gid ?? group;
    const inode = inodeFor({ ...what, mode: what.mode | setgid }, gid);
    try {
      inode.take(INODE_BYTES + bytesOfText(inode.target));
      return put(dir, name, inode, what.uid);
    } catch (thrown) {
      inode.freeIfUnused();
      throw thrown;
    }
  }

  /** What rename(2) asks of the place that is in the way. */
  function checkReplaceable(from: Place, onto: Place): void {
    const directory = onto.inode.directory;
    if (directory && !from.inode.isDirectory) throw new NineError("EISDIR", `${onto.name} is a directory`);
    if (!directory && from.inode.isDirectory) throw new NineError("ENOTDIR", `${onto.name} is no directory`);
    if (directory && directory.size > 0) {
      throw new NineError("ENOTEMPTY", `${onto.name} has ${directory.size} entries`);
    }
  }

  return {
    attach(aname) {
      if (aname !== "" && aname !== "/") {
        throw new NineError("ENOENT", `No tree ${JSON.stringify(aname)} is exported`);
      }
      return root;
    },
    qid: (place) => place.inode.qid(),
    name: (place) => place.name,
    parent: (place) => place.parent ?? root,

    hold(place) {
      place.inode.holds++;
    },
    drop({ inode }) {
      inode.holds--;
      inode.freeIfUnused();
    },

    walk(dir, name) {
      const place = directoryOf(dir).get(name);
      if (!place) throw new NineError("ENOENT", `No ${name} in ${dir.name}`);
      return place;
    },

    getattr: (place) => place.inode.attr(),

    setattr({ inode }, change, _handle, { user }) {
      if (change.size !== undefined && !inode.bytes) {
        throw new NineError("EINVAL", "Only regular files have a size to set");
      }
      const now = clock();
      if (change.size !== undefined && change.size !== inode.bytes!.size) {
        inode.bytes!.truncate(change.size);
        inode.touched(user.name, now);
      }
      setOwnerAndMode(inode, change);
      if (change.flags !== undefined) inode.flags = change.flags & Inode.flagsMask;
      if (change.atime) inode.atime = change.atime === "now" ? now : change.atime;
      if (change.mtime) inode.mtime = change.mtime === "now" ? now : change.mtime;
      inode.ctime = now;
    },

    open({ inode }, flags, { user }) {
      const type = inode.mode & S.IFMT;
      if (type !== S.IFREG && type !== S.IFDIR) {
        throw new NineError("ENXIO", "Nothing answers behind this special file");
      }
      if (flags & O.TRUNC && inode.bytes) {
        inode.bytes.truncate(0);
        inode.touched(user.name, clock());
      }
      return { append: (flags & O.APPEND) !== 0 };
    },

    create(dir, name, what, flags, { user }): Created<Place, Handle> {
      return {
        node: make(dir, name, what, primaryGroup(user)),
        handle: { append: (flags & O.APPEND) !== 0 },
      };
    },

    make: (dir, name, what, { user }) => make(dir, name, what, primaryGroup(user)),

    read({ inode }, _handle, offset, into) {
      const count = inode.bytes!.read(offset, into);
      if (count > 0) inode.atime = clock();
      return count;
    },

    lend({ inode }, _handle, offset, length) {
      const lent = inode.bytes!.lend(offset, length);
      if (lent) inode.atime = clock();
      return lent;
    },

    write({ inode }, handle, offset, data, { user }) {
      const { bytes } = inode;
      const at = handle.append ? bytes!.size : offset;
      try {
        bytes!.write(at, data);
      } finally {
        inode.touched(user.name, clock());
      }
      if (user.standing !== "owner") inode.mode = withoutSetid(inode.mode);
      return data.byteLength;
    },

    list(dir, _handle, cookie, max, withAttr) {
      return directoryOf(dir).list(Number(cookie), max).map(({ name, cookie, inode }) => ({
        name,
        cookie,
        qid: inode.qid(),
        mode: inode.mode,
        attr: withAttr ? inode.attr() : undefined,
      }));
    },

    remove(place, { user }) {
      const entries = place.inode.directory?.size ?? 0;
      if (entries > 0) throw new NineError("ENOTEMPTY", `${place.name} has ${entries} entries`);
      take(place, user.name);
    },

    rename(place, dir, name, noReplace, { user }) {
      if (!place.parent) throw new NineError("EBUSY", "The root cannot be renamed");
      if (place.removed) throw new NineError("ENOENT", `${place.name} was removed`);
      if (isWithin(dir, place)) throw new NineError("EINVAL", `${place.name} cannot move below itself`);
      const onto = directoryOf(dir).get(name);
      if (onto && noReplace) throw new NineError("EEXIST", `${name} is in ${dir.name} already`);
      // rename(2): two names of one file stay as they are.
      if (onto?.inode === place.inode) return;
      if (dir.removed) throw new NineError("ENOENT", `The directory ${dir.name} was removed`);
      if (onto) checkReplaceable(place, onto);
      space.take(bytesOfName(name) - bytesOfName(place.name));
      if (onto) take(onto, user.name);
      place.parent.inode.directory!.remove(place);
      place.parent.inode.touched(user.name, clock());
      place.parent = dir;
      place.name = name;
      dir.inode.directory!.add(place);
      dir.inode.touched(user.name, clock());
      place.inode.ctime = clock();
    },

    link(place, dir, name, { user }) {
      if (place.inode.nlink === 0) throw new NineError("ENOENT", `${place.name} has no name left to link to`);
      put(dir, name, place.inode, user.name);
      place.inode.ctime = clock();
    },

    readlink({ inode }) {
      if ((inode.mode & S.IFMT) !== S.IFLNK) throw new NineError("EINVAL", "Not a symbolic link");
      return inode.target;
    },

    statfs: (): StatFs => {
      const blocks = Math.floor(space.bytesMax / 4096);
      const free = Math.floor((space.bytesMax - space.bytesUsed) / 4096);
      return { ...plainStatfs(), blocks, bfree: free, bavail: free, files: lastPath, ffree: 2 ** 32 };
    },

    getxattr({ inode }, name) {
      const value = inode.xattrs.get(name);
      if (!value) throw new NineError("ENODATA", `No attribute ${JSON.stringify(name)}`);
      return value;
    },
    listxattr: ({ inode }) => [...inode.xattrs.keys()],
    setxattr({ inode }, name, value, flags) {
      const present = inode.xattrs.has(name);
      if (flags & XATTR_CREATE && present) {
        throw new NineError("EEXIST", `Attribute ${JSON.stringify(name)} is there`);
      }
      if ((flags & XATTR_REPLACE || value === null) && !present) {
        throw new NineError("ENODATA", `No attribute ${JSON.stringify(name)}`);
      }
      const before = inode.xattrs.get(name);
      const bytesBefore = before ? bytesOfAttribute(name, before) : 0;
      if (value === null) {
        inode.xattrs.delete(name);
        inode.take(-bytesBefore);
      } else {
        let held = name.length + value.byteLength;
        for (const [other, bytes] of inode.xattrs) {
          if (other !== name) held += other.length + bytes.byteLength;
        }
        if (held > XATTRS_BYTES_MAX) {
          throw new NineError("ENOSPC", `Attributes of ${held} bytes, a file may have ${XATTRS_BYTES_MAX}`);
        }
        inode.take(bytesOfAttribute(name, value) - bytesBefore);
        inode.xattrs.set(name, value);
      }
      inode.ctime = clock();
    },
  };
}

function setOwnerAndMode(inode: Inode, change: Change): void {
  const chowned = change.uid !== undefined || change.gid !== undefined;
  inode.uid = change.uid ?? inode.uid;
  inode.gid = change.gid ?? inode.gid;
  // chown(2): a file that changes hands does not keep its setuid and setgid bits.
  if (chowned && !inode.isDirectory) inode.mode = withoutSetid(inode.mode);
  if (change.mode !== undefined) inode.mode = (inode.mode & S.IFMT) | change.mode;
}

/** Setgid without group execution means mandatory locking, and stays. */
function withoutSetid(mode: number): number {
  return mode & ~S.ISUID & ~(mode & 0o010 ? S.ISGID : 0);
}

function systemClock(): Timestamp {
  const ms = performance.timeOrigin + performance.now();
  const sec = Math.floor(ms / 1000);
  return { sec, nsec: Math.floor((ms - sec * 1000) * 1e6) };
}
