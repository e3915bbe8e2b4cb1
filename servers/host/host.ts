import { type FileServer, NineError, type StatFs, type U64 } from "../../9p/mod.ts";
import { setattr } from "./change.ts";
import { create, make } from "./creation.ts";
import { fsync, read, write } from "./data.ts";
import type { Handle } from "./handle.ts";
import { OPEN, SIG_IGN, SIGXFSZ } from "./libc/constants.ts";
import { c, errno, failure } from "./libc/libc.ts";
import { list } from "./listing.ts";
import { link, readlink, remove, rename, walk } from "./names.ts";
import { closeHandle, open } from "./open.ts";
import type { Place } from "./place.ts";
import { type HostOptions, Tree } from "./tree.ts";
import { getxattr, listxattr, setxattr } from "./xattr.ts";

/** Every function of a FileServer, and an end: disposing closes every descriptor, and nothing works afterwards. */
export type HostServer =
  & Required<Omit<FileServer<Place, Handle>, "removable" | "holderOfNew">>
  & Disposable
  & {
    /** Resolves when all that was written to the folder's filesystem is on disk. */
    sync(): Promise<void>;
  };

/**
 * Serves a folder of this machine (Linux, x86_64, with /proc), with the rights of this process. All is done at once by
 * system calls, except waiting: for fifos and terminals, and for a disk to be in sync.
 *
 * Nothing outside the folder is reached, by `..`, by a symlink (they are served as symlinks, never followed) or by a
 * race; what is mounted below the folder belongs to it. A file is known by (device, inode, time of birth). When another
 * program replaces, moves or removes a file, who has walked to it gets ESTALE within a second; an open file goes on.
 *
 * @throws NineError if the folder cannot be opened.
 */
export function host(folder: string, options: HostOptions): HostServer {
  // A write beyond RLIMIT_FSIZE is to be EFBIG for that client, not the end of the process.
  c.signal(SIGXFSZ, SIG_IGN);
  const tree = new Tree(folder, options);
  const { descriptors, places } = tree;

  /** Each operation starts so: what it opens stays open until the next. */
  const begin = <A extends unknown[], R>(operation: (tree: Tree, ...args: A) => R) => (...args: A): R => {
    descriptors.begin();
    return operation(tree, ...args);
  };

  return {
    attach(aname) {
      if (aname !== "" && aname !== "/") {
        throw new NineError("ENOENT", `No tree ${JSON.stringify(aname)}; this server has one, "/"`);
      }
      return tree.root;
    },

    qid: (place) => place.inode.qid(),
    name: (place) => place.name,
    parent: (place) => place.parent,
    hold: (place) => places.hold(place),
    drop: (place) => places.drop(place),

    walk: begin(walk),
    getattr: begin((tree, place, handle) => {
      tree.look(place, handle);
      return tree.attr(place.inode.qid());
    }),
    setattr: begin(setattr),

    open: begin(open),
    create: begin(create),
    make: begin(make),
    close: begin(closeHandle),
    read: (place, handle, offset, into, call) => read(tree, place, handle, offset, into, call),
    lend: (_place, handle, offset, length) => tree.windows.lend(handle, offset, length),
    write: (place, handle, offset, data, call) => write(tree, place, handle, offset, data, call),
    list: begin(list),
    fsync: begin(fsync),

    remove: begin(remove),
    rename: begin(rename),
    link: begin(link),
    readlink: begin(readlink),
    statfs: begin(statfs),

    getxattr: begin(getxattr),
    listxattr: begin(listxattr),
    setxattr: begin(setxattr),

    async sync() {
      // syncfs(2) refuses the O_PATH descriptors that places have.
      const { fd } = tree.borrow(tree.root, undefined, OPEN.DIRECTORY);
      try {
        if (await c.syncfs(fd) < 0) throw new NineError("EIO", `Sync the filesystem of ${folder}`);
      } finally {
        c.close(fd);
      }
    },
    [Symbol.dispose]: () => tree.close(),
  };
}

/** `struct statfs`: words of 64 bits, but f_fsid, which is two of 32. */
const statfsWords = new BigUint64Array(new ArrayBuffer(120));
const statfsBytes = new Uint8Array(statfsWords.buffer);

function statfs(tree: Tree, place: Place): StatFs {
  if (c.fstatfs(tree.descriptors.of(place), statfsBytes) < 0) {
    throw failure(errno(), `Ask for the filesystem of ${tree.pathOf(place)}`);
  }
  const [type, bsize, blocks, bfree, bavail, files, ffree] = Array.from(statfsWords.subarray(0, 7), Number);
  return {
    type,
    bsize,
    blocks,
    bfree,
    bavail,
    files,
    ffree,
    fsid: u64(statfsWords[7]),
    namelen: Number(statfsWords[8]),
  };
}

function u64(value: bigint): U64 {
  return value < 2n ** 53n ? Number(value) : value;
}
