import {
  type Call,
  canWrite,
  type Created,
  type FileServer,
  type Later,
  NineError,
  O,
  plainStatfs,
  then,
} from "../9p/mod.ts";
import { afterwards, type ChangeEvent, type Events } from "./events.ts";
import type { Guard } from "./guard.ts";
import { type Part, pointQid, UnionListing } from "./listing.ts";
import { attempt, passing } from "./members.ts";
import type { Backing, Node } from "./node.ts";
import { Want } from "./permission.ts";
import type { Point } from "./point.ts";
import type { Sight } from "./sight.ts";
import { namesOf, type Tree } from "./tree.ts";

/** An open file or directory: what is open behind it. */
export interface Handle {
  readonly parts: readonly Part[];
  readonly writes: boolean;
  readonly union: UnionListing | undefined;
  /** When a write was last told of, in ms; undefined while nothing was written since. */
  dirtySince: number | undefined;
}

/** A long write is told of about this often. */
const WRITE_EVENT_MS = 1000;

/** The tree as a file server: each operation passes the guard, goes to the server behind it, and is told of. */
export function serve(tree: Tree, guard: Guard, sight: Sight, events: Events): FileServer<Node, Handle> {
  /** An aname is a path, and each step of it needs what a walk needs (rule R11). */
  async function attach(aname: string, call: Call): Promise<Node> {
    if (!aname.startsWith("/")) {
      throw new NineError(
        "ENOENT",
        `No tree ${JSON.stringify(aname)} is exported: an aname is an absolute path`,
      );
    }
    let node = tree.root.node;
    for (const name of namesOf(aname)) {
      if (name === "..") {
        await passing(tree.members(node), (member) => guard.walk(member, call));
        node = tree.parent(node);
      } else node = await walk(node, name, call);
    }
    return node;
  }

  function walk(dir: Node, name: string, call: Call): Later<Node> {
    return tree.walk(dir, name, call, (member) => guard.walk(member, call));
  }

  /** The member that a new name is about to be made in. */
  function creatable(member: Node): Backing {
    const { point } = member;
    if (point && point.members.length > 0) {
      throw new NineError("EROFS", `No member of ${point.path} takes new names: bind one with -c`);
    }
    return tree.file(member, undefined);
  }

  /** `node` is the file or, where a name is given, the member that the name is in. */
  function tell(event: ChangeEvent["event"], node: Node, name: string | undefined, call: Call): void {
    if (!events.isWatched) return;
    const path = tree.path(node);
    const change = { event, path: name === undefined ? path : joined(path, name), user: call.user.name };
    const dir = name === undefined ? tree.holder(node) : node;
    if (event === "setattr") sight.forget();
    events.tell(change, (user) => sight.lists(dir, user) ? change : undefined);
  }

  /** To who sees one of the two directories only, a name has come or gone. */
  function tellRename(from: { dir: Node; path: string }, dir: Node, name: string, { user }: Call): void {
    const path = joined(tree.path(dir), name);
    const change: ChangeEvent = { event: "rename", path, user: user.name, from: from.path };
    sight.forget();
    events.tell(change, (reader) => {
      const sees = { from: sight.lists(from.dir, reader), to: sight.lists(dir, reader) };
      if (sees.from && sees.to) return change;
      if (sees.to) return { event: "create", path, user: user.name };
      return sees.from ? { event: "remove", path: from.path, user: user.name } : undefined;
    });
  }

  /** Throws where the node is a place that something is mounted on or below. */
  function notPoint(node: Node, what: string): Backing {
    if (node.point) {
      throw new NineError(
        "EBUSY",
        `Something is mounted at or below ${tree.path(node)}: unmount it to ${what} it`,
      );
    }
    return node as Backing;
  }

  /** Opens members of a point, one after the other: all of them or none. What is open is held, whatever is unmounted. */
  function openAll(point: Point, members: readonly Node[], flags: number, call: Call): Later<Handle> {
    const parts: Part[] = [];
    const from = (i: number): Later<Handle> => {
      if (i === members.length) return handleOf(parts, canWrite(flags), new UnionListing(point, parts));
      const backing = members[i] as Backing;
      return attempt(() => open(backing, flags, call), (handle) => {
        parts.push({ backing, handle });
        backing.mount.server.hold?.(backing.inner);
        return from(i + 1);
      }, (thrown) =>
        then(closeAll(parts, true, call), () => {
          throw thrown;
        }));
    };
    return from(0);
  }

  function closeAll(parts: readonly Part[], areHeld: boolean, call: Call): Later<void> {
    let later: Promise<void> | undefined;
    for (const { backing: { mount, inner }, handle } of parts) {
      const closed = mount.server.close?.(inner, handle, call);
      if (areHeld) mount.server.drop?.(inner);
      if (closed instanceof Promise) later = later ? Promise.all([later, closed]).then(() => {}) : closed;
    }
    return later;
  }

  function open({ mount, inner }: Backing, flags: number, call: Call): Later<unknown> {
    return mount.server.open?.(inner, flags, call);
  }

  function renamed(
    node: Node,
    dir: Node,
    target: Node | undefined,
    name: string,
    noReplace: boolean,
    call: Call,
  ): Later<void> {
    const { mount, inner } = notPoint(node, "rename");
    if (!target) {
      throw new NineError(
        "EXDEV",
        `${tree.path(node)} and ${tree.path(dir)} are on different servers: copy instead`,
      );
    }
    if (dir.point?.children.has(name)) {
      throw new NineError("EBUSY", `Something is mounted at or below ${name} in ${tree.path(dir)}`);
    }
    if (!mount.server.rename) throw new NineError("EROFS", "The file server renames no files");
    const from = events.isWatched ? { dir: tree.holder(node), path: tree.path(node) } : undefined;
    return afterwards(
      mount.server.rename(inner, target.inner!, name, noReplace, call),
      () => from && tellRename(from, target, name, call),
    );
  }

  /** A mounted name is there, whatever the member below it says. */
  function checkFree(dir: Node, name: string): void {
    if (dir.point?.children.has(name)) {
      throw new NineError("EEXIST", `Something is mounted at ${name} in ${tree.path(dir)}`);
    }
  }

  function wrote(node: Node, handle: Handle, call: Call): void {
    const now = performance.now();
    if (handle.dirtySince === undefined) handle.dirtySince = now;
    else if (now - handle.dirtySince > WRITE_EVENT_MS) {
      handle.dirtySince = now;
      tell("write", node, undefined, call);
    }
  }
  /** The node whose permissions count for what is done through an open one. */
  function whatIsOpen(node: Node, handle: Handle | undefined): Node {
    const opened = handle && tree.backing(node, handle);
    return opened ? opened.mount.node(opened.inner) : node;
  }

  const part = (handle: Handle | undefined) => handle?.parts[0]?.handle;
  return {
    attach: (aname, call) => attach(aname === "" ? "/" : aname, call),
    qid: (node) => {
      const backing = tree.backing(node, undefined);
      return backing
        ? backing.mount.source.qid(backing.mount.server.qid(backing.inner))
        : pointQid(node.point!);
    },
    name: (node) => tree.name(node),
    parent: (node) => tree.parent(node),
    walk,
    hold: (node) => node.point ? undefined : node.mount!.server.hold?.(node.inner!),
    drop: (node) => node.point ? undefined : node.mount!.server.drop?.(node.inner!),
    getattr: (node, handle, call) => tree.getattr(node, handle, call),

    setattr: (node, wanted, handle, call) =>
      then(guard.setattr(whatIsOpen(node, handle), wanted, handle?.writes ?? false, call), (change) => {
        const { mount, inner } = tree.file(node, handle);
        if (!mount.server.setattr) throw new NineError("EROFS", "The file server changes no attributes");
        return afterwards(
          mount.server.setattr(inner, change, part(handle), call),
          () => tell("setattr", node, undefined, call),
        );
      }),

    open: (node, flags, call) => {
      const { point } = node;
      const opened = point
        ? then(
          passing(tree.members(node), (member) => guard.open(member, flags, call)),
          (members) => openAll(point, members.filter(({ mount }) => mount), flags, call),
        )
        : then(
          guard.open(node, flags, call),
          () =>
            then(
              open(node as Backing, flags, call),
              (handle) => handleOf([{ backing: node as Backing, handle }], canWrite(flags)),
            ),
        );
      // Cutting the file is writing.
      if ((flags & O.TRUNC) === 0 || !events.isWatched) return opened;
      return then(opened, (handle) => {
        handle.dirtySince = performance.now();
        return handle;
      });
    },

    holderOfNew: (dir) => tree.memberForNew(dir),

    create: (dir, name, wanted, flags, call) => {
      const member = tree.memberForNew(dir);
      return then(guard.create(member, wanted, call), (what): Later<Created<Node, Handle>> => {
        checkFree(dir, name);
        const { mount, inner } = creatable(member);
        if (!mount.server.create) throw new NineError("EROFS", "The file server makes no files");
        return afterwards(
          then(mount.server.create(inner, name, what, flags, call), ({ node, handle }) => {
            const made = mount.node(node);
            return {
              node: made,
              handle: handleOf([{ backing: made as Backing, handle }], canWrite(flags)),
            };
          }),
          () => tell("create", member, name, call),
        );
      });
    },

    make: (dir, name, wanted, call) => {
      const member = tree.memberForNew(dir);
      return then(guard.create(member, wanted, call), (what): Later<Node> => {
        checkFree(dir, name);
        const { mount, inner } = creatable(member);
        if (!mount.server.make) throw new NineError("EROFS", "The file server makes no files of this type");
        return afterwards(
          then(mount.server.make(inner, name, what, call), (made) => mount.node(made)),
          () => tell("create", member, name, call),
        );
      });
    },

    close: (node, handle, call) => {
      if (handle.dirtySince !== undefined) tell("write", node, undefined, call);
      return closeAll(handle.parts, handle.union !== undefined, call);
    },

    read: (node, handle, offset, into, call) => {
      const { mount, inner } = tree.file(node, handle);
      if (!mount.server.read) throw new NineError("EOPNOTSUPP", "The file server reads no files");
      return mount.server.read(inner, part(handle), offset, into, call);
    },

    lend: (node, handle, offset, length, call) => {
      const { mount, inner } = tree.file(node, handle);
      return mount.server.lend?.(inner, part(handle), offset, length, call);
    },

    write: (node, handle, offset, data, call) => {
      const { mount, inner } = tree.file(node, handle);
      if (!mount.server.write) throw new NineError("EROFS", "The file server writes no files");
      const written = mount.server.write(inner, part(handle), offset, data, call);
      if (events.isWatched) wrote(node, handle, call);
      return written;
    },

    list: (dir, handle, cookie, max, withAttr, call) => {
      if (handle.union) return handle.union.list(cookie, max, withAttr, call);
      const { mount, inner } = dir as Backing;
      if (!mount.server.list) throw new NineError("EOPNOTSUPP", "The file server lists no directories");
      return then(
        mount.server.list(inner, part(handle), cookie, max, withAttr, call),
        (entries) =>
          entries.map(({ name, qid: foreign, cookie, mode, attr }) => {
            const qid = mount.source.qid(foreign);
            return { name, qid, cookie, mode, attr: attr && { ...attr, qid } };
          }),
      );
    },

    fsync: (node, handle, dataOnly, call) => {
      const backing = tree.backing(node, handle);
      return backing?.mount.server.fsync?.(backing.inner, part(handle), dataOnly, call);
    },

    removable: (node, call) => guard.remove(node, call),
    remove: (node, call) =>
      then(guard.remove(node, call), () => {
        const { mount, inner } = notPoint(node, "remove");
        if (!mount.server.remove) throw new NineError("EROFS", "The file server removes no files");
        const dir = events.isWatched ? tree.holder(node) : undefined;
        const name = mount.server.name(inner);
        return afterwards(
          mount.server.remove(inner, call),
          () => dir && tell("remove", dir, name, call),
        );
      }),

    rename: (node, dir, name, noReplace, call) => {
      const target = tree.memberFor(node, dir);
      if (call.user.standing === "owner") return renamed(node, dir, target, name, noReplace, call);
      return then(
        target && tree.ifThere(() => tree.walk(target, name, call)),
        (replaced) =>
          then(
            guard.rename(node, target ?? dir, replaced, call),
            () => renamed(node, dir, target, name, noReplace, call),
          ),
      );
    },

    link: (node, dir, name, call) => {
      const target = tree.memberFor(node, dir);
      return then(guard.link(node, target ?? dir, call), () => {
        const { mount, inner } = notPoint(node, "link");
        checkFree(dir, name);
        if (!target) {
          throw new NineError("EXDEV", `${tree.path(node)} and ${tree.path(dir)} are on different servers`);
        }
        if (!mount.server.link) {
          throw new NineError("EOPNOTSUPP", "The file server makes no hard links");
        }
        return afterwards(
          mount.server.link(inner, target.inner!, name, call),
          () => tell("create", target, name, call),
        );
      });
    },

    readlink: (node, call) => {
      const { mount, inner } = tree.file(node, undefined);
      if (!mount.server.readlink) throw new NineError("EINVAL", "Not a symbolic link");
      return mount.server.readlink(inner, call);
    },

    statfs: (node, call) => {
      const backing = tree.backing(node, undefined);
      return backing?.mount.server.statfs?.(backing.inner, call) ?? plainStatfs();
    },

    getxattr: (node, name, call) =>
      then(guard.xattr(node, name, Want.READ, call), () => {
        const { mount, inner } = tree.file(node, undefined);
        if (!mount.server.getxattr) {
          throw new NineError("EOPNOTSUPP", "The file server keeps no extended attributes");
        }
        return mount.server.getxattr(inner, name, call);
      }),
    listxattr: (node, call) => {
      const backing = tree.backing(node, undefined);
      return backing?.mount.server.listxattr?.(backing.inner, call) ?? [];
    },
    setxattr: (node, name, value, flags, call) =>
      then(guard.xattr(node, name, Want.WRITE, call), () => {
        const { mount, inner } = tree.file(node, undefined);
        if (!mount.server.setxattr) {
          throw new NineError("EOPNOTSUPP", "The file server keeps no extended attributes");
        }
        return afterwards(
          mount.server.setxattr(inner, name, value, flags, call),
          () => tell("setattr", node, undefined, call),
        );
      }),
  };
}

function joined(dir: string, name: string): string {
  return dir === "/" ? `/${name}` : `${dir}/${name}`;
}

function handleOf(parts: readonly Part[], writes: boolean, union?: UnionListing): Handle {
  return { parts, writes, union, dirtySince: undefined };
}
