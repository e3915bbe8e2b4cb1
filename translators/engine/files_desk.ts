/** The main isolate's side of remote_files.ts: the trees that one run was given, and what it holds in them. */
import {
  type Call,
  canWrite,
  checkNewName,
  type FileServer,
  type Later,
  NineError,
  O,
  then,
} from "../../9p/mod.ts";
import { DATA_BYTES_MAX, type FileOp, LIST_MAX, type NodeCard } from "./remote_files.ts";
import type { Preopen } from "./run.ts";

/** Nodes that a run has walked to and does not hold: the oldest is forgotten. */
const PASSING_MAX = 4096;
const HELD_MAX = 65_536;
const HANDLES_MAX = 4096;

interface KnownNode {
  readonly id: number;
  readonly tree: Tree;
  readonly node: unknown;
  held: number;
}

interface Tree {
  // deno-lint-ignore no-explicit-any -- a file server's nodes and handles are its own.
  readonly server: FileServer<any, any>;
  readonly call: Call;
  readonly writable: boolean;
  readonly ids: Map<unknown, KnownNode>;
}

interface Handle {
  readonly node: KnownNode;
  readonly handle: unknown;
}

export interface Reply {
  value?: unknown;
  raw?: Uint8Array;
}

export class FilesDesk {
  readonly #nodes = new Map<number, KnownNode>();
  readonly #handles = new Map<number, Handle>();
  /** Ids in the order of their last walk. */
  readonly #passing = new Set<number>();
  #lastId = 0;
  #lastHandle = 0;
  /** One chunk, for servers that answer at once. */
  #scratch: Uint8Array | undefined;

  /** The roots, in the order of the preopens, and which of them are of one server. */
  admit(
    preopens: readonly Preopen[],
  ): { card: NodeCard; guestPath: string; writable: boolean; server: number }[] {
    const servers: unknown[] = [];
    return preopens.map(({ server, root, writable, call, guestPath }) => {
      if (!servers.includes(server)) servers.push(server);
      // A tree of its own for each preopen: rights belong to the way by which a file was reached.
      const known = this.#intern({ server, call, writable, ids: new Map() }, root);
      this.#hold(known);
      return { card: cardOf(known), guestPath, writable, server: servers.indexOf(server) };
    });
  }

  /** Closes and lets go of everything. Errors are nobody's to hear. */
  close(): void {
    for (const handle of [...this.#handles.keys()]) this.#quietly(() => this.#close(handle));
    for (const known of this.#nodes.values()) this.#quietly(() => known.tree.server.drop?.(known.node));
    this.#nodes.clear();
    this.#passing.clear();
  }

  answer(ask: FileOp): Later<Reply> {
    const known = this.#node(ask.node);
    const { node, tree } = known;
    const { server, call } = tree;
    switch (ask.op) {
      case "hold":
        this.#hold(known);
        return {};
      case "drop":
        this.#drop(known);
        return {};
      case "walk":
        checkNewName(ask.name);
        return then(server.walk(node, ask.name, call), (child) => this.#card(tree, child));
      case "getattr":
        return asValue(server.getattr(node, this.#handle(known, ask.handle), call));
      case "setattr":
        this.#mayWrite(tree);
        return done(
          need(server.setattr, "changes no attributes").call(
            server,
            node,
            ask.change,
            this.#handle(known, ask.handle),
            call,
          ),
        );
      case "open":
        if (canWrite(ask.flags) || ask.flags & O.TRUNC) this.#mayWrite(tree);
        this.#mayOpen();
        return then(
          server.open?.(node, ask.flags, call),
          (handle) => ({ value: this.#newHandle(known, handle) }),
        );
      case "create":
        this.#mayWrite(tree);
        this.#mayOpen();
        checkNewName(ask.name);
        return then(
          need(server.create, "makes no files").call(server, node, ask.name, ask.what, ask.flags, call),
          (created) => {
            const made = this.#intern(tree, created.node);
            return { value: { ...cardOf(made), handle: this.#newHandle(made, created.handle) } };
          },
        );
      case "make":
        this.#mayWrite(tree);
        checkNewName(ask.name);
        return then(
          need(server.make, "makes no directories").call(server, node, ask.name, ask.what, call),
          (made) => this.#card(tree, made),
        );
      case "close":
        return done(this.#close(ask.handle));
      case "read":
        return this.#read(known, ask.handle, ask.offset, Math.min(ask.count, DATA_BYTES_MAX));
      case "write": {
        this.#mayWrite(tree);
        const handle = this.#handle(known, ask.handle);
        return asValue(
          need(server.write, "takes no data").call(server, node, handle, ask.offset, ask.data, call),
        );
      }
      case "list": {
        const handle = this.#handle(known, ask.handle);
        const max = Math.min(ask.max, LIST_MAX);
        return then(
          need(server.list, "lists no directories").call(
            server,
            node,
            handle,
            ask.cookie,
            max,
            ask.withAttr,
            call,
          ),
          (entries) => ({ value: entries.slice(0, LIST_MAX) }),
        );
      }
      case "fsync":
        return done(server.fsync?.(node, this.#handle(known, ask.handle), ask.dataOnly, call));
      case "remove":
        this.#mayWrite(tree);
        return done(need(server.remove, "removes nothing").call(server, node, call));
      case "rename": {
        this.#mayWrite(tree);
        checkNewName(ask.name);
        const dir = this.#sameTree(known, ask.dir);
        return done(
          need(server.rename, "renames nothing").call(server, node, dir, ask.name, ask.noReplace, call),
        );
      }
      case "link": {
        this.#mayWrite(tree);
        checkNewName(ask.name);
        return done(
          need(server.link, "makes no links").call(
            server,
            node,
            this.#sameTree(known, ask.dir),
            ask.name,
            call,
          ),
        );
      }
      case "readlink":
        return asValue(need(server.readlink, "has no links").call(server, node, call));
      case "statfs":
        return asValue(need(server.statfs, "tells nothing about its space").call(server, node, call));
    }
  }

  #read(known: KnownNode, handle: number, offset: number, count: number): Later<Reply> {
    const { server, call } = known.tree;
    this.#scratch ??= new Uint8Array(DATA_BYTES_MAX);
    const into = this.#scratch.subarray(0, count);
    const read = need(server.read, "has no data").call(
      server,
      known.node,
      this.#handle(known, handle),
      offset,
      into,
      call,
    );
    return typeof read === "number" ? { raw: into.subarray(0, read) } : read.then((raw) => ({ raw }));
  }

  #mayWrite(tree: Tree): void {
    if (!tree.writable) throw new NineError("EROFS", "The directory was granted for reading only");
  }

  #mayOpen(): void {
    if (this.#handles.size < HANDLES_MAX) return;
    throw new NineError("EMFILE", `A run has ${HANDLES_MAX} files open, which is the most`);
  }

  #sameTree(known: KnownNode, dir: number): unknown {
    const other = this.#node(dir);
    if (other.tree.server !== known.tree.server) {
      throw new NineError("EXDEV", "The two directories are of two servers");
    }
    this.#mayWrite(other.tree);
    return other.node;
  }

  #node(id: number): KnownNode {
    const known = this.#nodes.get(id);
    if (known === undefined) throw new NineError("ESTALE", `The run has let go of node ${id}`);
    return known;
  }

  #card(tree: Tree, node: unknown): Reply {
    return { value: cardOf(this.#intern(tree, node)) };
  }

  /** The node's number; it is held for the run as long as the number is known. */
  #intern(tree: Tree, node: unknown): KnownNode {
    let known = tree.ids.get(node);
    if (known === undefined) {
      if (this.#nodes.size >= HELD_MAX) {
        throw new NineError("ENFILE", `A run holds ${HELD_MAX} files, which is the most`);
      }
      known = { id: ++this.#lastId, tree, node, held: 0 };
      tree.ids.set(node, known);
      this.#nodes.set(known.id, known);
      tree.server.hold?.(node);
    }
    if (known.held === 0) {
      this.#passing.delete(known.id);
      this.#passing.add(known.id);
      if (this.#passing.size > PASSING_MAX) this.#forgetOldest();
    }
    return known;
  }

  #forgetOldest(): void {
    for (const id of this.#passing) {
      this.#passing.delete(id);
      this.#forget(this.#nodes.get(id)!);
      return;
    }
  }

  #forget(known: KnownNode): void {
    this.#nodes.delete(known.id);
    known.tree.ids.delete(known.node);
    known.tree.server.drop?.(known.node);
  }

  #hold(known: KnownNode): void {
    known.held++;
    this.#passing.delete(known.id);
  }

  #drop(known: KnownNode): void {
    if (known.held > 0 && --known.held === 0) this.#forget(known);
  }

  #newHandle(node: KnownNode, handle: unknown): number {
    this.#handles.set(++this.#lastHandle, { node, handle });
    // Open files keep their node, whatever becomes of the number of the node.
    node.tree.server.hold?.(node.node);
    return this.#lastHandle;
  }

  #handle(known: KnownNode, id: number | undefined): unknown {
    if (id === undefined) return undefined;
    const open = this.#handles.get(id);
    if (open?.node !== known) {
      throw new NineError("EBADF", `The run has no open file ${id} of node ${known.id}`);
    }
    return open.handle;
  }

  #close(id: number): Later<void> {
    const open = this.#handles.get(id);
    if (open === undefined) throw new NineError("EBADF", `The run has no open file ${id}`);
    this.#handles.delete(id);
    const { server, call } = open.node.tree;
    const drop = () => server.drop?.(open.node.node);
    let closed: Later<void>;
    try {
      closed = server.close?.(open.node.node, open.handle, call);
    } catch (error) {
      drop();
      throw error;
    }
    if (closed instanceof Promise) return closed.finally(drop);
    drop();
  }

  #quietly(action: () => Later<void>): void {
    try {
      const later = action();
      if (later instanceof Promise) later.catch(() => {});
    } catch {
      // The run is over.
    }
  }
}

function cardOf({ id, tree, node }: KnownNode): NodeCard {
  return { node: id, qid: tree.server.qid(node), name: tree.server.name(node) };
}

// deno-lint-ignore no-explicit-any
function need<F extends (...args: any[]) => unknown>(f: F | undefined, what: string): F {
  if (f === undefined) throw new NineError("EOPNOTSUPP", `The file server ${what}`);
  return f;
}

function asValue(value: Later<unknown>): Later<Reply> {
  return then(value, (value) => ({ value }));
}

function done(value: Later<void>): Later<Reply> {
  return then(value, () => ({}));
}
