import {
  type Attr,
  type Call,
  canWrite,
  type Created,
  Errno,
  errnoOf,
  type FileServer,
  type Later,
  NineError,
  S,
  then,
} from "../9p/mod.ts";
import { afterwards, type ChangeEvent, Events } from "./events.ts";
import { Guard } from "./guard.ts";
import { type Part, pointQid, UnionListing } from "./listing.ts";
import { Mount, Source } from "./mount.ts";
import type { Backing, Node } from "./node.ts";
import { Want } from "./permission.ts";
import { Point } from "./point.ts";

/** Where a mount goes among what is there already: bind(1). */
export type Order = "replace" | "before" | "after";

export interface MountOptions {
  readonly order?: Order;
  /** New names in the union are made in this member. */
  readonly create?: boolean;
  /** How people named it, for `ns`. */
  readonly label: string;
}

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

/**
 * The tree of a node, put together from file servers: itself a file server, with a guard in front of everything. Names
 * where something is mounted are points; the rest is passed on to the one mount that it belongs to.
 */
export class Namespace {
  readonly events = new Events();
  readonly #root = new Point("/", undefined);
  readonly #sources = new Map<FileServer<object>, Source>();
  readonly #guard = new Guard({
    getattr: (node, call) => this.#getattr(node, undefined, call),
    parent: (node) => this.#parent(node),
    path: (node) => this.path(node),
  });

  /** The namespace as clients see it. */
  readonly server: FileServer<Node, Handle> = this.#serve();

  /** Mounts the tree of a server at a path. */
  async mount(
    server: FileServer<object>,
    at: string,
    call: Call,
    options: MountOptions,
    aname = "",
  ): Promise<void> {
    await this.#add(this.#source(server, at), await server.attach(aname, call), at, options, call);
  }

  /** Makes what is at `old` also appear at `at`. */
  async bind(old: string, at: string, call: Call, options: MountOptions): Promise<void> {
    const [first] = this.#backings(await this.walkPath(old, call));
    if (!first) throw new NineError("EINVAL", `Nothing is mounted at ${old}: there is nothing to bind`);
    await this.#add(first.mount.source, first.inner, at, options, call);
  }

  /** Takes away everything that was mounted at a path, or only what goes by that label. */
  unmount(at: string, call: Call, label?: string): void {
    const point = this.#pointAt(at);
    const gone = point?.members.filter((member) => label === undefined || member.label === label) ?? [];
    if (!point || gone.length === 0) {
      throw new NineError(
        "EINVAL",
        `Nothing${label === undefined ? "" : ` called ${label}`} is mounted at ${at}`,
      );
    }
    point.members = point.members.filter((member) => !gone.includes(member));
    for (const member of gone) member.server.drop?.(member.root);
    point.prune();
    this.events.tell({ event: "unmount", path: at, user: call.user.name });
  }

  /** What is mounted where, in the order of looking up. */
  mounts(): { path: string; members: { label: string; create: boolean }[] }[] {
    return [...this.#root.mounted()].map((point) => ({
      path: point.path,
      members: point.members.map(({ label, create }) => ({ label, create })),
    }));
  }

  /** The node at an absolute path. */
  async walkPath(path: string, call: Call): Promise<Node> {
    let node = this.#root.node;
    for (const name of namesOf(path)) {
      if (name === "..") node = this.#parent(node);
      else node = await this.#walk(node, name, call);
    }
    return node;
  }

  /** The absolute path of a node, by the names that it has now. */
  path(node: Node): string {
    const names: string[] = [];
    for (let at = node; at !== this.#root.node; at = this.#parent(at)) names.push(this.server.name(at));
    return "/" + names.reverse().join("/");
  }

  #source(server: FileServer<object>, salt: string): Source {
    let source = this.#sources.get(server);
    if (!source) this.#sources.set(server, source = new Source(server, salt));
    return source;
  }

  async #add(source: Source, root: object, at: string, options: MountOptions, call: Call): Promise<void> {
    const names = namesOf(at);
    const underlying = await this.#underlying(names, call);
    const point = this.#root.descend(names);
    point.underlying ??= underlying;
    const order = options.order ?? "replace";
    const mount = new Mount(source, root, point, options.label, options.create ?? order === "replace");
    source.server.hold?.(root);
    if (order === "replace") {
      for (const member of point.members) member.server.drop?.(member.root);
      point.members = [mount];
    } else {
      // A union starts with what is there already.
      if (point.members.length === 0 && point.underlying) {
        const { mount: { source }, inner } = point.underlying;
        point.members = [new Mount(source, inner, point, at, true)];
        source.server.hold?.(inner);
      }
      point.members = order === "before" ? [mount, ...point.members] : [...point.members, mount];
    }
    this.events.tell({ event: "mount", path: at, user: call.user.name });
  }

  /** What is at a path before anything is mounted there; undefined where nothing is. */
  async #underlying(names: readonly string[], call: Call): Promise<Backing | undefined> {
    try {
      return this.#backings(await this.walkPath("/" + names.join("/"), call))[0];
    } catch {
      return undefined;
    }
  }

  #pointAt(path: string): Point | undefined {
    return namesOf(path).reduce<Point | undefined>((at, name) => at?.children.get(name), this.#root);
  }

  #backings(node: Node): readonly Backing[] {
    return node.point ? node.point.backings : [node as Backing];
  }

  /** The one place that the node's attributes and contents are of; undefined for a bare point. */
  #backing(node: Node): Backing | undefined {
    return node.point ? node.point.backings[0] : node as Backing;
  }

  /** The same for what only files can do. */
  #file(node: Node): Backing {
    const backing = this.#backing(node);
    if (!backing) throw new NineError("EROFS", `${this.path(node)} only leads to what is mounted below it`);
    return backing;
  }

  #walk(dir: Node, name: string, call: Call): Later<Node> {
    if (!dir.point) {
      const mount = dir.mount!;
      return then(mount.server.walk(dir.inner!, name, call), (inner) => mount.node(inner));
    }
    const child = dir.point.children.get(name);
    if (child && child.members.length > 0) return child.node;
    if (!child) return this.#walkMembers(dir, name, 0, call);
    // A point on the way: what is there goes on showing around what is mounted below it.
    return then(this.#ifThere(() => this.#walkMembers(dir, name, 0, call)), (found) => {
      child.underlying = found as Backing | undefined;
      return child.node;
    });
  }

  /** The first member that has the name. */
  #walkMembers(dir: Node, name: string, from: number, call: Call): Later<Node> {
    const backings = this.#backings(dir);
    for (let i = from; i < backings.length; i++) {
      const { mount, inner } = backings[i];
      try {
        const found = mount.server.walk(inner, name, call);
        if (!(found instanceof Promise)) return mount.node(found);
        return found.then((inner) => mount.node(inner), (thrown) => {
          if (errnoOf(thrown) !== Errno.ENOENT) throw thrown;
          return this.#walkMembers(dir, name, i + 1, call);
        });
      } catch (thrown) {
        if (errnoOf(thrown) !== Errno.ENOENT) throw thrown;
      }
    }
    throw new NineError("ENOENT", `No ${name} in ${this.path(dir)}`);
  }

  #parent(node: Node): Node {
    if (node.point) return node.point.parent?.node ?? node;
    const { mount, inner } = node as Backing;
    const above = mount.server.parent(inner);
    if (inner === mount.root || above === mount.root) return mount.point.node;
    // Where something is mounted deeper in this mount, the way up may lead through a point.
    return this.#pointOf(mount, above)?.node ?? mount.node(above);
  }

  #pointOf(mount: Mount, inner: object): Point | undefined {
    if (mount.point.children.size === 0) return undefined;
    const names: string[] = [];
    for (let at = inner; at !== mount.root; at = mount.server.parent(at)) {
      names.unshift(mount.server.name(at));
      if (at === mount.server.parent(at)) return undefined;
    }
    return names.reduce<Point | undefined>((at, name) => at?.children.get(name), mount.point);
  }

  #getattr(node: Node, handle: Handle | undefined, call: Call): Later<Attr> {
    const backing = this.#backing(node);
    if (!backing) return pointAttr(node.point!);
    const { mount, inner } = backing;
    const later = mount.server.getattr(inner, handle?.parts[0]?.handle, call);
    const localize = (attr: Attr): Attr => {
      attr.qid.path = mount.source.path(attr.qid.path);
      return attr;
    };
    return later instanceof Promise ? later.then(localize) : localize(later);
  }

  /** The member of a directory that new names are made in. */
  #creatable(dir: Node): Backing {
    if (!dir.point || dir.point.members.length === 0) return this.#file(dir);
    const member = dir.point.members.find(({ create }) => create);
    if (!member) {
      throw new NineError("EROFS", `No member of ${this.path(dir)} takes new names: bind one with -c`);
    }
    return { mount: member, inner: member.root };
  }

  #tell(event: ChangeEvent["event"], node: Node, name: string | undefined, call: Call, from?: string): void {
    if (!this.events.isWatched) return;
    const path = this.path(node);
    const whole = name === undefined ? path : path === "/" ? `/${name}` : `${path}/${name}`;
    this.events.tell({ event, path: whole, user: call.user.name, ...(from === undefined ? {} : { from }) });
  }

  /** Throws where the node is a place that something is mounted on or below. */
  #notPoint(node: Node, what: string): Backing {
    if (node.point) {
      throw new NineError(
        "EBUSY",
        `Something is mounted at or below ${this.path(node)}: unmount it to ${what} it`,
      );
    }
    return node as Backing;
  }

  #open(node: Node, flags: number, call: Call): Later<Handle> {
    const backings = this.#backings(node);
    const writes = canWrite(flags);
    const open = ({ mount, inner }: Backing) => mount.server.open?.(inner, flags, call);
    if (backings.length === 1 && !node.point) {
      const [backing] = backings;
      return then(open(backing), (handle) => handleOf([{ backing, handle }], writes));
    }
    const opened = backings.map((backing) => then(open(backing), (handle): Part => ({ backing, handle })));
    const union = (parts: Part[]) => handleOf(parts, writes, new UnionListing(node.point!, parts));
    return opened.some((part) => part instanceof Promise)
      ? Promise.all(opened).then(union)
      : union(opened as Part[]);
  }

  #rename(node: Node, dir: Node, name: string, noReplace: boolean, call: Call): Later<void> {
    const { mount, inner } = this.#notPoint(node, "rename");
    const target = this.#backings(dir).find((backing) => backing.mount.source === mount.source);
    if (!target) {
      throw new NineError(
        "EXDEV",
        `${this.path(node)} and ${this.path(dir)} are on different servers: copy instead`,
      );
    }
    if (dir.point?.children.has(name)) {
      throw new NineError("EBUSY", `Something is mounted at or below ${name} in ${this.path(dir)}`);
    }
    if (!mount.server.rename) throw new NineError("EROFS", "The file server renames no files");
    const from = this.events.isWatched ? this.path(node) : undefined;
    return afterwards(
      mount.server.rename(inner, target.inner, name, noReplace, call),
      () => this.#tell("rename", dir, name, call, from),
    );
  }

  /** What is found, or undefined for ENOENT. */
  #ifThere(find: () => Later<Node>): Later<Node | undefined> {
    const missing = (thrown: unknown): undefined => {
      if (errnoOf(thrown) !== Errno.ENOENT) throw thrown;
    };
    try {
      const found = find();
      return found instanceof Promise ? found.catch(missing) : found;
    } catch (thrown) {
      return missing(thrown);
    }
  }

  #serve(): FileServer<Node, Handle> {
    const guard = this.#guard;
    const part = (handle: Handle | undefined) => handle?.parts[0]?.handle;
    return {
      attach: (aname, call) => this.walkPath(aname === "" ? "/" : aname, call),
      qid: (node) => {
        const backing = this.#backing(node);
        return backing
          ? backing.mount.source.qid(backing.mount.server.qid(backing.inner))
          : pointQid(node.point!);
      },
      name: (node) => node.point ? node.point.name : node.mount!.server.name(node.inner!),
      parent: (node) => this.#parent(node),
      walk: (dir, name, call) => then(guard.walk(dir, call), () => this.#walk(dir, name, call)),
      hold: (node) => node.point ? undefined : node.mount!.server.hold?.(node.inner!),
      drop: (node) => node.point ? undefined : node.mount!.server.drop?.(node.inner!),
      getattr: (node, handle, call) => this.#getattr(node, handle, call),

      setattr: (node, wanted, handle, call) =>
        then(guard.setattr(node, wanted, handle?.writes ?? false, call), (change) => {
          const { mount, inner } = this.#file(node);
          if (!mount.server.setattr) throw new NineError("EROFS", "The file server changes no attributes");
          return afterwards(
            mount.server.setattr(inner, change, part(handle), call),
            () => this.#tell("setattr", node, undefined, call),
          );
        }),

      open: (node, flags, call) => then(guard.open(node, flags, call), () => this.#open(node, flags, call)),

      create: (dir, name, what, flags, call) =>
        then(guard.add(dir, call), (): Later<Created<Node, Handle>> => {
          const { mount, inner } = this.#creatable(dir);
          if (!mount.server.create) throw new NineError("EROFS", "The file server makes no files");
          this.#checkFree(dir, name);
          return afterwards(
            then(mount.server.create(inner, name, what, flags, call), ({ node, handle }) => {
              const made = mount.node(node);
              return {
                node: made,
                handle: handleOf([{ backing: made as Backing, handle }], canWrite(flags)),
              };
            }),
            () => this.#tell("create", dir, name, call),
          );
        }),

      make: (dir, name, what, call) =>
        then(guard.add(dir, call), (): Later<Node> => {
          const { mount, inner } = this.#creatable(dir);
          if (!mount.server.make) throw new NineError("EROFS", "The file server makes no files of this type");
          this.#checkFree(dir, name);
          return afterwards(
            then(mount.server.make(inner, name, what, call), (made) => mount.node(made)),
            () => this.#tell("create", dir, name, call),
          );
        }),

      close: (node, handle, call) => {
        if (handle.dirtySince !== undefined) this.#tell("write", node, undefined, call);
        let later: Promise<void> | undefined;
        for (const { backing: { mount, inner }, handle: open } of handle.parts) {
          const closed = mount.server.close?.(inner, open, call);
          if (closed instanceof Promise) later = later ? Promise.all([later, closed]).then(() => {}) : closed;
        }
        return later;
      },

      read: (node, handle, offset, into, call) => {
        const { mount, inner } = this.#file(node);
        if (!mount.server.read) throw new NineError("EOPNOTSUPP", "The file server reads no files");
        return mount.server.read(inner, part(handle), offset, into, call);
      },

      write: (node, handle, offset, data, call) => {
        const { mount, inner } = this.#file(node);
        if (!mount.server.write) throw new NineError("EROFS", "The file server writes no files");
        const written = mount.server.write(inner, part(handle), offset, data, call);
        if (this.events.isWatched) this.#wrote(node, handle, call);
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
        const backing = this.#backing(node);
        return backing?.mount.server.fsync?.(backing.inner, part(handle), dataOnly, call);
      },

      removable: (node, call) => guard.remove(node, call),
      remove: (node, call) =>
        then(guard.remove(node, call), () => {
          const { mount, inner } = this.#notPoint(node, "remove");
          if (!mount.server.remove) throw new NineError("EROFS", "The file server removes no files");
          const dir = this.events.isWatched ? this.#parent(node) : undefined;
          const name = mount.server.name(inner);
          return afterwards(
            mount.server.remove(inner, call),
            () => dir && this.#tell("remove", dir, name, call),
          );
        }),

      rename: (node, dir, name, noReplace, call) => {
        if (call.user.standing === "owner") return this.#rename(node, dir, name, noReplace, call);
        return then(
          this.#inTheWay(dir, name, call),
          (replaced) =>
            then(
              guard.rename(node, dir, replaced, call),
              () => this.#rename(node, dir, name, noReplace, call),
            ),
        );
      },

      link: (node, dir, name, call) =>
        then(guard.add(dir, call), () => {
          const { mount, inner } = this.#notPoint(node, "link");
          const target = this.#backings(dir).find((backing) => backing.mount.source === mount.source);
          if (!target) {
            throw new NineError("EXDEV", `${this.path(node)} and ${this.path(dir)} are on different servers`);
          }
          if (!mount.server.link) {
            throw new NineError("EOPNOTSUPP", "The file server makes no hard links");
          }
          return afterwards(
            mount.server.link(inner, target.inner, name, call),
            () => this.#tell("create", dir, name, call),
          );
        }),

      readlink: (node, call) => {
        const { mount, inner } = this.#file(node);
        if (!mount.server.readlink) throw new NineError("EINVAL", "Not a symbolic link");
        return mount.server.readlink(inner, call);
      },

      statfs: (node, call) => {
        const backing = this.#backing(node);
        return backing?.mount.server.statfs?.(backing.inner, call) ?? NO_STATFS;
      },

      getxattr: (node, name, call) =>
        then(guard.xattr(node, name, Want.READ, call), () => {
          const { mount, inner } = this.#file(node);
          if (!mount.server.getxattr) {
            throw new NineError("EOPNOTSUPP", "The file server keeps no extended attributes");
          }
          return mount.server.getxattr(inner, name, call);
        }),
      listxattr: (node, call) => {
        const backing = this.#backing(node);
        return backing?.mount.server.listxattr?.(backing.inner, call) ?? [];
      },
      setxattr: (node, name, value, flags, call) =>
        then(guard.xattr(node, name, Want.WRITE, call), () => {
          const { mount, inner } = this.#file(node);
          if (!mount.server.setxattr) {
            throw new NineError("EOPNOTSUPP", "The file server keeps no extended attributes");
          }
          return afterwards(
            mount.server.setxattr(inner, name, value, flags, call),
            () => this.#tell("setattr", node, undefined, call),
          );
        }),
    };
  }

  /** A mounted name is there, whatever the member below it says. */
  #checkFree(dir: Node, name: string): void {
    if (dir.point?.children.has(name)) {
      throw new NineError("EEXIST", `Something is mounted at ${name} in ${this.path(dir)}`);
    }
  }

  #wrote(node: Node, handle: Handle, call: Call): void {
    const now = performance.now();
    if (handle.dirtySince === undefined) handle.dirtySince = now;
    else if (now - handle.dirtySince > WRITE_EVENT_MS) {
      handle.dirtySince = now;
      this.#tell("write", node, undefined, call);
    }
  }
}

/** The names in an absolute path. */
export function namesOf(path: string): string[] {
  if (!path.startsWith("/")) {
    throw new NineError("EINVAL", `${JSON.stringify(path)} is no absolute path: start it with /`);
  }
  return path.split("/").filter((name) => name !== "" && name !== ".");
}

function handleOf(parts: readonly Part[], writes: boolean, union?: UnionListing): Handle {
  return { parts, writes, union, dirtySince: undefined };
}

const NO_STATFS = {
  type: 0x01021997,
  bsize: 4096,
  blocks: 0,
  bfree: 0,
  bavail: 0,
  files: 0,
  ffree: 0,
  fsid: 0,
  namelen: 255,
};

/** A directory that is nothing but a way to mounted names: everybody may look. */
function pointAttr(point: Point): Attr {
  const none = { atimeSec: 0, atimeNsec: 0, mtimeSec: 0, mtimeNsec: 0, ctimeSec: 0, ctimeNsec: 0 };
  return {
    qid: pointQid(point),
    mode: S.IFDIR | 0o555,
    uid: "owner",
    gid: "owner",
    nlink: 2,
    rdev: 0,
    size: 0,
    blksize: 4096,
    blocks: 0,
    ...none,
    btimeSec: 0,
    btimeNsec: 0,
  };
}
