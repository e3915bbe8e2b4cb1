import { type Call, type FileServer, NineError } from "../9p/mod.ts";
import { type ChangeEvent, Events } from "./events.ts";
import { Guard } from "./guard.ts";
import { Mount, Source } from "./mount.ts";
import type { Backing, Node } from "./node.ts";
import type { Point } from "./point.ts";
import { type Handle, serve } from "./serve.ts";
import { Sight } from "./sight.ts";
import { namesOf, type Owner, Tree } from "./tree.ts";

/** Where a mount goes among what is there already: bind(1). */
export type Order = "replace" | "before" | "after";

export interface MountOptions {
  readonly order?: Order;
  /** New names in the union are made in this member; false: never. */
  readonly create?: boolean;
  /** How people named it, for `ns`. */
  readonly label: string;
}

/**
 * The tree of a node, put together from file servers: itself a file server, with a guard in front of everything. Names
 * where something is mounted are points; the rest is passed on to the one mount that it belongs to.
 */
export class Namespace {
  readonly events = new Events();
  readonly #tree: Tree;
  readonly #sight: Sight;
  readonly #sources = new Map<FileServer<object>, Source>();

  /** The namespace as clients see it. */
  readonly server: FileServer<Node, Handle>;

  /**
   * `owner` is who owns the directories that only lead to mounts. `onUnused` is told of each server that nothing mounts
   * any more: who brought it can end it.
   */
  constructor(owner: Owner, readonly onUnused: (server: FileServer<object>) => void = () => {}) {
    this.#tree = new Tree(owner);
    this.#sight = new Sight(this.#tree);
    this.server = serve(this.#tree, new Guard(this.#tree), this.#sight, this.events);
  }

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
    const [first] = this.#tree.backings(await this.walkPath(old, call));
    if (!first) throw new NineError("EINVAL", `Nothing is mounted at ${old}: there is nothing to bind`);
    await this.#add(first.mount.source, first.inner, at, options, call);
  }

  /** Takes away everything that was mounted at a path, or only what goes by that label. */
  unmount(at: string, call: Call, label?: string): void {
    const point = this.#tree.pointAt(at);
    const gone = point?.members.filter((member) => label === undefined || member.label === label) ?? [];
    if (!point || gone.length === 0) {
      throw new NineError(
        "EINVAL",
        `Nothing${label === undefined ? "" : ` called ${label}`} is mounted at ${at}`,
      );
    }
    point.members = point.members.filter((member) => !gone.includes(member));
    point.prune();
    this.#letGo(gone);
    this.#tell("unmount", point, at, call);
  }

  /** What is mounted where, in the order of looking up. */
  mounts(): { path: string; members: { label: string; create: boolean }[] }[] {
    return [...this.#tree.root.mounted()].map((point) => ({
      path: point.path,
      members: point.members.map((member) => ({
        label: member.label,
        create: member.create ?? member === point.memberForNew,
      })),
    }));
  }

  /** Whether a server is mounted or bound somewhere. */
  uses(server: FileServer<object>): boolean {
    return this.#sources.has(server);
  }

  /** The node at an absolute path; nobody is asked whether this is allowed. */
  walkPath(path: string, call: Call): Promise<Node> {
    return this.#tree.walkPath(path, call);
  }

  /** Whether more than one directory is looked through for the names in it. */
  isUnion(node: Node): boolean {
    return this.#tree.backings(node).length > 1;
  }

  /** The absolute path of a node, by the names that it has now. */
  path(node: Node): string {
    return this.#tree.path(node);
  }

  /** Tells that what is at a path, and below it, became what it once was. */
  async restored(path: string, call: Call): Promise<void> {
    this.#sight.forget();
    if (!this.events.isWatched) return;
    const dir = this.#tree.holder(await this.walkPath(path, call));
    const change: ChangeEvent = { event: "restore", path, user: call.user.name };
    this.events.tell(change, (reader) => this.#sight.lists(dir, reader) ? change : undefined);
  }

  #letGo(gone: readonly Mount[]): void {
    const used = new Set(
      [...this.#tree.root.mounted()].flatMap(({ members }) => members.map(({ source }) => source)),
    );
    for (const { source, root } of gone) {
      source.server.drop?.(root);
      if (!used.has(source) && this.#sources.delete(source.server)) this.onUnused(source.server);
    }
  }

  #source(server: FileServer<object>, salt: string): Source {
    let source = this.#sources.get(server);
    if (!source) this.#sources.set(server, source = new Source(server, salt));
    return source;
  }

  async #add(source: Source, root: object, at: string, options: MountOptions, call: Call): Promise<void> {
    const names = namesOf(at);
    const underlying = await this.#underlying(names, call);
    const point = this.#tree.root.descend(names);
    point.underlying ??= underlying;
    const order = options.order ?? "replace";
    const create = options.create ?? (order === "replace" ? undefined : false);
    const mount = new Mount(source, root, point, options.label, create);
    source.server.hold?.(root);
    if (order === "replace") {
      const before = point.members;
      point.members = [mount];
      this.#letGo(before);
    } else {
      // A union starts with what is there already.
      if (point.members.length === 0 && point.underlying) {
        const { mount: { source }, inner } = point.underlying;
        point.members = [new Mount(source, inner, point, at, undefined)];
        source.server.hold?.(inner);
      }
      point.members = order === "before" ? [mount, ...point.members] : [...point.members, mount];
    }
    this.#tell("mount", point, at, call);
  }

  #tell(event: "mount" | "unmount", point: Point, path: string, { user }: Call): void {
    const change: ChangeEvent = { event, path, user: user.name };
    const dir = point.parent?.node ?? point.node;
    this.#sight.forget();
    this.events.tell(change, (reader) => this.#sight.lists(dir, reader) ? change : undefined);
  }

  /** What is at a path before anything is mounted there; undefined where nothing is. */
  async #underlying(names: readonly string[], call: Call): Promise<Backing | undefined> {
    try {
      return this.#tree.backings(await this.walkPath("/" + names.join("/"), call))[0];
    } catch {
      return undefined;
    }
  }
}
