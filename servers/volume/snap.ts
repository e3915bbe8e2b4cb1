import {
  type Attr,
  canWrite,
  type Entry,
  type FileServer,
  NineError,
  O,
  pathOfText,
  plainAttr,
  type Principal,
  Qt,
  S,
  type User,
} from "../../9p/mod.ts";
import type { EdgeRow, NodeRow } from "../../state/store/mod.ts";
import { readWhenHere } from "./absent.ts";
import { attrOf, ROOT_INO } from "./inode.ts";
import type { StoredContent, VolumeStore } from "./store.ts";

/** A time as a name: `2026-11-25`, `2026-11-25T22:10`, with seconds and `Z` if wanted. Without `Z` it is local. */
const TIME = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d)?Z?)?$/;
/** One version of a file, by its numbers. */
const VERSION = /^@(\d{1,15})\.(\d{1,15})$/;

/** A file as it was, or the directory of all snapshots, which has no row. */
class Past {
  readonly children = new Map<string, WeakRef<Past>>();
  content: StoredContent | undefined;

  constructor(
    readonly parent: Past | undefined,
    readonly name: string,
    /** After which record of the journal. */
    readonly seq: number,
    readonly row: NodeRow | undefined,
  ) {}
}

/**
 * A volume as it was, read-only: a directory for each snapshot, by its name. A time can be walked to as well, as
 * `2026-11-25T22:10`, and shows what there was then, or the last before it that is kept; no listing has these.
 */
export function snapshots(
  store: VolumeStore,
  owned: { readonly uid: Principal; readonly gid: Principal },
): FileServer<Past, undefined> {
  const root = new Past(undefined, "/", 0, undefined);
  const startedSec = Math.floor(Date.now() / 1000);

  function child(parent: Past, name: string, seq: number, row: () => NodeRow | undefined): Past {
    const found = find(parent, name, seq, row);
    if (found === undefined) {
      throw new NineError("ENOENT", `Walk to ${name}: the past has no such name there`);
    }
    return found;
  }

  /** The node stays the same while somebody has it. */
  function find(parent: Past, name: string, seq: number, row: () => NodeRow | undefined): Past | undefined {
    const known = parent.children.get(name)?.deref();
    if (known !== undefined && known.seq === seq) return known;
    const found = row();
    if (found === undefined) return undefined;
    const made = new Past(parent, name, seq, found);
    parent.children.set(name, new WeakRef(made));
    return made;
  }

  function walkRoot(name: string, user: User): Past {
    const { past } = store.index;
    const version = VERSION.exec(name);
    if (version !== null) return walkVersion(name, Number(version[1]), Number(version[2]), user);
    const seq = past.snapshot(name)?.seq ??
      (TIME.test(name) ? past.recordAt(Date.parse(name) / 1000)?.seq : undefined);
    if (seq === undefined) {
      throw new NineError("ENOENT", `There is no snapshot ${name}, and no time that is kept`);
    }
    return child(root, name, seq, () => past.node(ROOT_INO, seq));
  }

  /** A file without the directories above it, whose permissions may have kept others out. */
  function walkVersion(name: string, ino: number, version: number, user: User): Past {
    if (user.standing !== "owner") throw new NineError("EACCES", `${name} is the owner's to look at`);
    return child(root, name, 0, () => {
      const found = store.index.past.version(ino, version);
      return found && (found.mode & S.IFMT) === S.IFREG ? found : undefined;
    });
  }

  const qid = ({ row, seq }: Past) => {
    if (row === undefined) return { type: Qt.DIR, version: 0, path: 1 };
    const { type, version } = attrOf(row).qid;
    return { type, version, path: pathOfText(`${seq}/${row.ino}/${row.version}`) };
  };
  const attr = (node: Past): Attr =>
    node.row === undefined
      ? plainAttr(qid(node), S.IFDIR | 0o555, owned.uid, owned.gid, startedSec)
      : { ...attrOf(node.row), qid: qid(node) };

  return {
    attach(aname) {
      if (aname !== "" && aname !== "/") {
        throw new NineError("ENOENT", `No tree ${JSON.stringify(aname)} is exported`);
      }
      return root;
    },
    qid,
    name: (node) => node.name,
    parent: (node) => node.parent ?? root,
    walk(dir, name, { user }) {
      if (dir.row === undefined) return walkRoot(name, user);
      const { past } = store.index;
      const edge = past.edge(dir.row.ino, name, dir.seq);
      return child(dir, name, dir.seq, () => edge && past.node(edge.ino, dir.seq));
    },
    getattr: attr,
    open({ row, name }, flags) {
      if (canWrite(flags) || flags & O.TRUNC) {
        throw new NineError("EROFS", `${name} is of the past, which stays as it was`);
      }
      const type = (row?.mode ?? S.IFDIR) & S.IFMT;
      if (type !== S.IFREG && type !== S.IFDIR) {
        throw new NineError("ENXIO", "Nothing answers behind a special file of the past");
      }
      return undefined;
    },
    read(node, _handle, offset, into, call) {
      const { content } = node.row!;
      if (content === null) return 0;
      node.content ??= store.openContent(content);
      try {
        return node.content.read(offset, into);
      } catch (thrown) {
        return readWhenHere(
          store,
          {
            ...{ offset, count: into.byteLength, content: () => content },
            read: (into) => node.content!.read(offset, into),
          },
          thrown,
          call,
        );
      }
    },
    list(dir, _handle, cookie, max, withAttr) {
      const entry = (node: Past, cookie: number): Entry => {
        const about = attr(node);
        return {
          name: node.name,
          qid: about.qid,
          cookie,
          mode: about.mode,
          attr: withAttr ? about : undefined,
        };
      };
      const { past } = store.index;
      if (dir.row === undefined) {
        const from = Number(cookie);
        return past.snapshots().slice(from, from + max).map(({ name, seq }, i) =>
          entry(child(root, name, seq, () => past.node(ROOT_INO, seq)), from + i + 1)
        );
      }
      const ofDirectory = ({ name, eid, ino }: EdgeRow): Entry[] => {
        const found = find(dir, name, dir.seq, () => past.node(ino, dir.seq));
        return found === undefined ? [] : [entry(found, eid)];
      };
      // Of a time that somebody has been looking at since before history was thinned, files may be gone, but not all the others.
      for (let after = Number(cookie);;) {
        const edges = past.list(dir.row.ino, dir.seq, after, max);
        const entries = edges.flatMap(ofDirectory);
        if (entries.length > 0 || edges.length === 0) return entries;
        after = edges[edges.length - 1].eid;
      }
    },
    readlink({ row, name }) {
      if (row === undefined || (row.mode & S.IFMT) !== S.IFLNK) {
        throw new NineError("EINVAL", `${name} is no symbolic link`);
      }
      return row.target;
    },
    getxattr({ row, seq }, name) {
      const value = row && store.index.past.xattrs(row.ino, seq).get(name);
      if (!value) throw new NineError("ENODATA", `No attribute ${JSON.stringify(name)}`);
      return value;
    },
    listxattr: ({ row, seq }) => row ? [...store.index.past.xattrs(row.ino, seq).keys()] : [],
  };
}
