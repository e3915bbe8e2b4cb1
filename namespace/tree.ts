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
    for (let at = node; at !== this.root.node; at = this.parent(at)) names.push(this.name(at));
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

  /** The one place that the node's attributes and contents are of; undefined for a bare point. */
  backing(node: Node): Backing | undefined {
    return node.point ? node.point.backings[0] : node as Backing;
  }

  /** The same for what only files can do. */
  file(node: Node): Backing {
    const backing = this.backing(node);
    if (!backing) throw new NineError("EROFS", `${this.path(node)} only leads to what is mounted below it`);
    return backing;
  }

  /** The child of that name, or ENOENT. */
  walk(dir: Node, name: string, call: Call): Later<Node> {
    if (!dir.point) {
      const mount = dir.mount!;
      return then(mount.server.walk(dir.inner!, name, call), (inner) => mount.node(inner));
    }
    const child = dir.point.children.get(name);
    if (child && child.members.length > 0) return child.node;
    if (!child) return this.#walkMembers(dir, name, 0, call);
    // A point on the way: what is there goes on showing around what is mounted below it.
    return then(this.ifThere(() => this.#walkMembers(dir, name, 0, call)), (found) => {
      child.underlying = found as Backing | undefined;
      return child.node;
    });
  }

  /** The first member that has the name. */
  #walkMembers(dir: Node, name: string, from: number, call: Call): Later<Node> {
    const backings = this.backings(dir);
    // Where it is looked for in one place only, that one may know more.
    const isMissing = (thrown: unknown): boolean => errnoOf(thrown) === Errno.ENOENT && backings.length > 1;
    for (let i = from; i < backings.length; i++) {
      const { mount, inner } = backings[i];
      try {
        const found = mount.server.walk(inner, name, call);
        if (!(found instanceof Promise)) return mount.node(found);
        return found.then((inner) => mount.node(inner), (thrown) => {
          if (!isMissing(thrown)) throw thrown;
          return this.#walkMembers(dir, name, i + 1, call);
        });
      } catch (thrown) {
        if (!isMissing(thrown)) throw thrown;
      }
    }
    throw new NineError("ENOENT", `No ${name} in ${this.path(dir)}`);
  }

  /** The node above, by the path that led to it; the root for the root. */
  parent(node: Node): Node {
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

  /** Attributes with the qid of this tree. */
  getattr(node: Node, handle: Handle | undefined, call: Call): Later<Attr> {
    const backing = this.backing(node);
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
