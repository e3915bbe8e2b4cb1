import {
  type Attr,
  type FileServer,
  type Later,
  NineError,
  O,
  plainAttr,
  type Principal,
  Qt,
  S,
} from "../../9p/mod.ts";

/** One exchange with a copy: a stream of bytes each way, which end with it. */
export interface Exchange {
  /** Resolves when there is room for more. */
  write(bytes: Uint8Array): Later<void>;
  /** The next bytes, at most `max`; later where there are none yet; none at all at the end. Must end soon after the signal is aborted. */
  read(max: number, signal: AbortSignal): Later<Uint8Array>;
  close(): void;
}

/** The copies of this node. */
export interface Exchanges {
  names(): readonly string[];
  open(name: string): Later<Exchange>;
}

const NOTHING = new Uint8Array(0);

interface Node {
  readonly name: string;
  readonly path: number;
}

/** A file for each volume, which only the owner of the node may open: for reading and writing, and each such open is an exchange of its own; for reading alone it is empty. */
export function exchangeServer(
  exchanges: Exchanges,
  owned: { uid: Principal; gid: Principal },
): FileServer<object, Exchange> {
  const root: Node = { name: "/", path: 1 };
  const nodes = new Map<string, Node>();
  const startedSec = Math.floor(Date.now() / 1000);

  function nodeOf(name: string): Node {
    if (!exchanges.names().includes(name)) throw new NineError("ENOENT", `There is no volume ${name}`);
    let node = nodes.get(name);
    if (node === undefined) nodes.set(name, node = { name, path: nodes.size + 2 });
    return node;
  }
  const modeOf = (node: Node) => node === root ? S.IFDIR | 0o500 : S.IFREG | 0o600;
  const qid = (node: Node) => ({
    type: node === root ? Qt.DIR : Qt.FILE,
    version: 0,
    path: node.path,
  });
  const attr = (node: Node): Attr => plainAttr(qid(node), modeOf(node), owned.uid, owned.gid, startedSec);

  const server: FileServer<Node, Exchange | undefined> = {
    attach: () => root,
    qid,
    name: ({ name }) => name,
    parent: () => root,
    walk: (_dir, name) => nodeOf(name),
    getattr: attr,
    setattr() {
      throw new NineError("EPERM", "The files of exchanges are what they are");
    },
    open(node, flags) {
      // Whoever looks through a whole mount finds nothing in it.
      if (node === root || (flags & O.ACCMODE) === O.RDONLY) return undefined;
      if ((flags & O.ACCMODE) !== O.RDWR) {
        throw new NineError("EINVAL", "An exchange is opened for reading and writing at once");
      }
      return exchanges.open(nodeOf(node.name).name);
    },
    close: (_node, exchange) => exchange?.close(),
    read(_node, exchange, _offset, into, call) {
      const next = exchange?.read(into.byteLength, call.signal) ?? NOTHING;
      if (next instanceof Promise) return next;
      into.set(next);
      return next.byteLength;
    },
    write(_node, exchange, _offset, data) {
      const count = data.byteLength;
      const room = exchange!.write(data.slice());
      return room instanceof Promise ? room.then(() => count) : count;
    },
    list(_dir, _exchange, cookie, max) {
      const from = Number(cookie);
      return exchanges.names().slice(from, from + max).map((name, i) => {
        const node = nodeOf(name);
        return { name, qid: qid(node), cookie: from + i + 1, mode: modeOf(node), attr: attr(node) };
      });
    },
  };
  return server as FileServer<object, Exchange>;
}
