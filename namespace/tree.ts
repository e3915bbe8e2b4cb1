import {
  type Attr,
  type Call,
  Errno,
  errnoOf,
  type Later,
  NineError,
  plainAttr,
  type Principal,
  S,
  then,
} from "../9p/mod.ts";
import { pointQid } from "./listing.ts";
import { type Ask, attempt, passing } from "./members.ts";
import type { Mount } from "./mount.ts";
import type { Backing, Node } from "./node.ts";
import { Point } from "./point.ts";
import type { Handle } from "./serve.ts";

/** Who owns the directories that only lead to mounts. */
export interface Owner {
  readonly uid: Principal;
  readonly gid: Principal;
}

/** The points and what is behind them: how names become places of file servers, and places become paths again. */
export class Tree {
  readonly root = new Point("/", undefined);

  constructor(readonly owner: Owner) {}

  /** The node at an absolute path. */
  async walkPath(path: string, call: Call): Promise<Node> {
    let node = this.root.node;
    for (const name of namesOf(path)) {
      if (name === "..") node = this.parent(node);
      else node = await this.walk(node, name, call);
    }
    return node;
  }

  /** The absolute path of a node, by the names that it has now. */
  path(node: Node): string {
    const names: string[] = [];
    // A member is shown where it is mounted.
    let at = node.mount && node.inner === node.mount.root ? node.mount.point.node : node;
    for (; at !== this.root.node; at = this.parent(at)) {
      const name = this.name(at);
      // Of a server's own root, which something was moved to that is not in its mount any more.
      if (name !== "/") names.push(name);
    }
    return "/" + names.reverse().join("/");
  }

  /** The node's last name. */
  name(node: Node): string {
    return node.point ? node.point.name : node.mount!.server.name(node.inner!);
  }

  /** The point at a path, where there is one. */
  pointAt(path: string): Point | undefined {
    return namesOf(path).reduce<Point | undefined>((at, name) => at?.children.get(name), this.root);
  }

  /** What is behind a node, in the order of looking up. */
  backings(node: Node): readonly Backing[] {
    return node.point ? node.point.backings : [node as Backing];
  }

  /**
   * The one place that the node's attributes and contents are of; undefined for a bare point. Where the node is open, that
   * which was opened, whatever is mounted there by now.
   */
  backing(node: Node, handle: Handle | undefined): Backing | undefined {
    if (handle) return handle.parts[0]?.backing;
    return node.point ? node.point.backings[0] : node as Backing;
  }

  /** What is behind a node as nodes of the mounts, each with permissions of its own; a bare point stands for itself. */
  members(node: Node): readonly Node[] {
    if (!node.point) return [node];
    const { backings } = node.point;
    return backings.length === 0 ? [node] : backings.map(({ mount, inner }) => mount.node(inner));
  }

  /** The member of a directory that new names are made in; the directory itself where there is none. */
  memberForNew(dir: Node): Node {
    if (!dir.point) return dir;
    const { members, memberForNew, underlying } = dir.point;
    if (members.length > 0) return memberForNew ? memberForNew.node(memberForNew.root) : dir;
    return underlying ? underlying.mount.node(underlying.inner) : dir;
  }

  /** The member of a directory that a file can be renamed or linked to: where there are several, the one that it is in. */
  memberFor({ mount }: Node, dir: Node): Node | undefined {
    if (!mount) return undefined;
    const members = this.members(dir);
    return members.find((member) => member.mount === mount) ??
      members.find((member) => member.mount?.source === mount.source);
  }

  /** The directory that has the node's name, as a member: its permissions count for what becomes of the name. */
  holder(node: Node): Node {
    const { mount, inner } = node;
    if (!mount) return this.parent(node);
    if (inner === mount.root) return this.parent(mount.point.node);
    return mount.node(mount.server.parent(inner!));
  }

  /** The same for what only files can do. */
  file(node: Node, handle: Handle | undefined): Backing {
    const backing = this.backing(node, handle);
    if (!backing) throw new NineError("EROFS", `${this.path(node)} only leads to what is mounted below it`);
    return backing;
  }

  /**
   * The child of that name, or ENOENT. `ask` is asked about each member before it is looked for there; one that it
   * refuses counts as not having the name, and is told of only where no other has it.
   */
  walk(dir: Node, name: string, call: Call, ask: Ask = NOBODY_ASKS): Later<Node> {
    if (!dir.point) return this.#walkMember(dir, name, call, ask);
    const child = dir.point.children.get(name);
    const members = this.members(dir);
    if (!child) return this.#walkMembers(dir, name, members, call, ask, 0);
    if (child.members.length > 0) return then(passing(members, ask), () => child.node);
    // A point on the way: what is there goes on showing around what is mounted below it, the same for everybody.
    return then(
      this.ifThere(() => this.#walkMembers(dir, name, members, call, NOBODY_ASKS, 0)),
      (found) => {
        child.underlying = found as Backing | undefined;
        const asked = found ? [this.holder(found)] : members;
        return then(passing(asked, ask), () => child.node);
      },
    );
  }

  /** What the first member has that has the name. */
  #walkMembers(
    dir: Node,
    name: string,
    members: readonly Node[],
    call: Call,
    ask: Ask,
    from: number,
    refusal?: unknown,
  ): Later<Node> {
    // Where it is looked for in one place only, that one may know more.
    if (members.length === 1) return this.#walkMember(members[0], name, call, ask);
    if (from === members.length) throw refusal ?? this.#missing(dir, name);
    return attempt(
      () => this.#walkMember(members[from], name, call, ask),
      (found) => found,
      (thrown) => {
        const errno = errnoOf(thrown);
        if (errno !== Errno.ENOENT && errno !== Errno.EACCES) throw thrown;
        const refused = refusal ?? (errno === Errno.EACCES ? thrown : undefined);
        return this.#walkMembers(dir, name, members, call, ask, from + 1, refused);
      },
    );
  }

  #walkMember(dir: Node, name: string, call: Call, ask: Ask): Later<Node> {
    return then(ask(dir), () => {
      const { mount, inner } = dir;
      if (!mount) throw this.#missing(dir, name);
      return then(mount.server.walk(inner!, name, call), (found) => mount.node(found));
    });
  }

  #missing(dir: Node, name: string): NineError {
    return new NineError("ENOENT", `No ${name} in ${this.path(dir)}`);
  }

  /** The node above, by the path that led to it; the root for the root. */
  parent(node: Node): Node {
    if (node.point) return node.point.parent?.node ?? node;
    const { mount, inner } = node as Backing;
    const above = mount.server.parent(inner);
    // What was moved out of the directory that is mounted here is shown as if it were still in it.
    if (inner === mount.root || above === mount.root || above === inner) return mount.point.node;
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

  /** Attributes with the qid of this tree. */
  getattr(node: Node, handle: Handle | undefined, call: Call): Later<Attr> {
    const backing = this.backing(node, handle);
    if (!backing) return pointAttr(node.point!, this.owner);
    const { mount, inner } = backing;
    const later = mount.server.getattr(inner, handle?.parts[0]?.handle, call);
    const localize = (attr: Attr): Attr => {
      attr.qid.path = mount.source.path(attr.qid.path);
      return attr;
    };
    return later instanceof Promise ? later.then(localize) : localize(later);
  }

  /** What is found, or undefined for ENOENT. */
  ifThere(find: () => Later<Node>): Later<Node | undefined> {
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
}

const NOBODY_ASKS = (): void => {};

/** The names in an absolute path. */
export function namesOf(path: string): string[] {
  if (!path.startsWith("/")) {
    throw new NineError("EINVAL", `${JSON.stringify(path)} is no absolute path: start it with /`);
  }
  return path.split("/").filter((name) => name !== "" && name !== ".");
}

/** A directory that is nothing but a way to mounted names: everybody may look. */
function pointAttr(point: Point, { uid, gid }: Owner): Attr {
  return plainAttr(pointQid(point), S.IFDIR | 0o555, uid, gid);
}
