import { type Attr, type FileServer, type Later, type Qid, Qt } from "../../9p/mod.ts";

type Server = FileServer<object>;

export interface DeferredOptions {
  /** Of the root, as the file server itself has it. */
  readonly path: number;
  /** The root's attributes, where they are known without the file server. */
  attr?(qid: Qid): Attr | undefined;
  /** Nothing is written to it. */
  readonly isReadOnly?: boolean;
}

interface Begun {
  readonly server: Server;
  readonly root: object;
}

/**
 * A file server that begins when something below its root is first asked for; requests wait until then, and fail as its
 * beginning does, which the next one tries again. The root is one node all along.
 */
export function deferred(begin: () => Promise<Server>, options: DeferredOptions): Server {
  const root = {};
  let begun: Begun | undefined;
  let beginning: Promise<Begun> | undefined;

  async function start(): Promise<Begun> {
    const server = await begin();
    const found = await server.attach("", { user: NOBODY, signal: new AbortController().signal });
    // It stays, whoever holds it.
    server.hold?.(found);
    return begun = { server, root: found };
  }

  /** Other nodes than the root are of a file server that has begun. */
  function on<T>(node: object, act: (server: Server, node: object) => Later<T>): Later<T> {
    if (begun !== undefined) return act(begun.server, inner(node));
    beginning ??= start().finally(() => beginning = undefined);
    return beginning.then(({ server }) => act(server, inner(node)));
  }

  const inner = (node: object) => node === root ? begun!.root : node;
  const known = (): Qid => ({ type: Qt.DIR, version: 0, path: options.path });

  const reads: Server = {
    attach: (aname, call) =>
      aname === "" || aname === "/" ? root : on(root, (server) => server.attach(aname, call)),
    qid: (node) => begun === undefined ? known() : begun.server.qid(inner(node)),
    name: (node) => node === root ? "/" : begun!.server.name(node),
    parent(node) {
      if (node === root) return root;
      const above = begun!.server.parent(node);
      return above === begun!.root ? root : above;
    },
    hold: (node) => node === root ? undefined : begun!.server.hold?.(node),
    drop: (node) => node === root ? undefined : begun!.server.drop?.(node),
    walk: (dir, name, call) => on(dir, (server, dir) => server.walk(dir, name, call)),
    getattr(node, handle, call) {
      const attr = begun === undefined ? options.attr?.(known()) : undefined;
      return attr ?? on(node, (server, node) => server.getattr(node, handle, call));
    },
    open: (node, flags, call) => on(node, (server, node) => server.open?.(node, flags, call)),
    close: (node, handle, call) => begun!.server.close?.(inner(node), handle, call),
    read: (node, handle, offset, into, call) => begun!.server.read!(inner(node), handle, offset, into, call),
    lend: (node, handle, offset, length, call) =>
      begun!.server.lend?.(inner(node), handle, offset, length, call),
    list: (dir, handle, cookie, max, withAttr, call) =>
      begun!.server.list!(inner(dir), handle, cookie, max, withAttr, call),
    readlink: (node, call) => on(node, (server, node) => server.readlink!(node, call)),
    statfs: (node, call) => on(node, (server, node) => server.statfs!(node, call)),
    getxattr: (node, name, call) => on(node, (server, node) => server.getxattr!(node, name, call)),
    listxattr: (node, call) => on(node, (server, node) => server.listxattr!(node, call)),
    fsync: (node, handle, dataOnly, call) =>
      on(node, (server, node) => server.fsync?.(node, handle, dataOnly, call)),
  };
  if (options.isReadOnly) {
    const { statfs: _statfs, fsync: _fsync, ...past } = reads;
    return past;
  }
  return {
    ...reads,
    setattr: (node, change, handle, call) =>
      on(node, (server, node) => server.setattr!(node, change, handle, call)),
    create: (dir, name, what, flags, call) =>
      on(dir, (server, dir) => server.create!(dir, name, what, flags, call)),
    make: (dir, name, what, call) => on(dir, (server, dir) => server.make!(dir, name, what, call)),
    write: (node, handle, offset, data, call) =>
      begun!.server.write!(inner(node), handle, offset, data, call),
    remove: (node, call) => on(node, (server, node) => server.remove!(node, call)),
    rename: (node, dir, name, noReplace, call) =>
      on(node, (server, node) => server.rename!(node, inner(dir), name, noReplace, call)),
    link: (node, dir, name, call) => on(node, (server, node) => server.link!(node, inner(dir), name, call)),
    setxattr: (node, name, value, flags, call) =>
      on(node, (server, node) => server.setxattr!(node, name, value, flags, call)),
  };
}

const NOBODY = { name: "none", groups: new Set<string>(), standing: "none" } as const;
