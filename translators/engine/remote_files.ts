/**
 * The trees that a guest was given, as its Worker sees them: a file server whose every function is a call to the main
 * isolate (files_desk.ts), which is asked and answered while the guest waits.
 */
import {
  type Attr,
  type Call,
  type Change,
  type Created,
  type Creation,
  type Entry,
  type FileServer,
  NineError,
  type Qid,
  type StatFs,
  type U64,
} from "../../9p/mod.ts";
import { type Answer, ANSWER_BYTES_MAX } from "./control.ts";

/** Asks the main isolate and waits for the answer. */
export type Ask = (op: FileOp) => Answer;
/** Tells the main isolate something that needs no answer. */
export type Tell = (op: FileOp) => void;

/** What a Worker asks for. Numbers stand for nodes and open files; `server` is one of the request's servers. */
export type FileOp =
  | { op: "getattr" | "readlink" | "statfs" | "remove"; node: number; handle?: number }
  | { op: "hold" | "drop"; node: number }
  | { op: "walk"; node: number; name: string }
  | { op: "setattr"; node: number; handle?: number; change: Change }
  | { op: "open"; node: number; flags: number }
  | { op: "create"; node: number; name: string; what: Creation; flags: number }
  | { op: "make"; node: number; name: string; what: Creation }
  | { op: "close"; node: number; handle: number }
  | { op: "read"; node: number; handle: number; offset: number; count: number }
  | { op: "write"; node: number; handle: number; offset: number; data: Uint8Array }
  | { op: "list"; node: number; handle: number; cookie: U64; max: number; withAttr: boolean }
  | { op: "fsync"; node: number; handle?: number; dataOnly: boolean }
  | { op: "rename"; node: number; dir: number; name: string; noReplace: boolean }
  | { op: "link"; node: number; dir: number; name: string };

/** How a node travels. */
export interface NodeCard {
  node: number;
  qid: Qid;
  name: string;
}

/** A listing must fit one answer: names of 255 bytes with attributes take some 700. */
export const LIST_MAX = 256;
export const DATA_BYTES_MAX = ANSWER_BYTES_MAX;

/** One of the trees. The same number is the same object, as file servers promise. */
export class RemoteFiles implements FileServer<NodeCard, number> {
  readonly #nodes = new Map<number, NodeCard>();
  readonly #ask: Ask;
  readonly #tell: Tell;

  constructor(ask: Ask, tell: Tell) {
    this.#ask = ask;
    this.#tell = tell;
  }

  /** Kept for the whole run, like what is held; other nodes are kept as long as somebody here refers to them. */
  root(card: NodeCard): NodeCard {
    this.#nodes.set(card.node, card);
    return card;
  }

  attach(): NodeCard {
    throw new NineError("ENOSYS", "The trees of a run are its preopened directories");
  }

  qid(node: NodeCard): Qid {
    return node.qid;
  }

  name(node: NodeCard): string {
    return node.name;
  }

  /** A guest never climbs by asking a server: `..` is resolved by the way it came. */
  parent(): NodeCard {
    throw new NineError("ENOSYS", "A run does not look above its directories");
  }

  walk(dir: NodeCard, name: string): NodeCard {
    return this.#nodeOf(this.#ask({ op: "walk", node: dir.node, name }));
  }

  hold(node: NodeCard): void {
    this.#nodes.set(node.node, node);
    this.#tell({ op: "hold", node: node.node });
  }

  drop(node: NodeCard): void {
    this.#tell({ op: "drop", node: node.node });
  }

  getattr(node: NodeCard, handle: number | undefined): Attr {
    const attr = this.#ask({ op: "getattr", node: node.node, handle }).value as Attr;
    node.qid = attr.qid;
    return attr;
  }

  setattr(node: NodeCard, change: Change, handle: number | undefined): void {
    this.#ask({ op: "setattr", node: node.node, handle, change });
  }

  open(node: NodeCard, flags: number): number {
    return this.#ask({ op: "open", node: node.node, flags }).value as number;
  }

  create(dir: NodeCard, name: string, what: Creation, flags: number): Created<NodeCard, number> {
    const answer = this.#ask({ op: "create", node: dir.node, name, what, flags });
    return { node: this.#nodeOf(answer), handle: (answer.value as { handle: number }).handle };
  }

  make(dir: NodeCard, name: string, what: Creation): NodeCard {
    return this.#nodeOf(this.#ask({ op: "make", node: dir.node, name, what }));
  }

  close(node: NodeCard, handle: number): void {
    this.#ask({ op: "close", node: node.node, handle });
  }

  read(node: NodeCard, handle: number, offset: number, into: Uint8Array): number {
    const count = Math.min(into.length, DATA_BYTES_MAX);
    const { raw } = this.#ask({ op: "read", node: node.node, handle, offset, count });
    into.set(raw);
    return raw.length;
  }

  write(node: NodeCard, handle: number, offset: number, data: Uint8Array): number {
    // A copy: the view is of the guest's memory.
    const part = data.slice(0, DATA_BYTES_MAX);
    return this.#ask({ op: "write", node: node.node, handle, offset, data: part }).value as number;
  }

  list(dir: NodeCard, handle: number, cookie: U64, max: number, withAttr: boolean): Entry[] {
    const op = {
      op: "list",
      node: dir.node,
      handle,
      cookie,
      max: Math.min(max, LIST_MAX),
      withAttr,
    } as const;
    return this.#ask(op).value as Entry[];
  }

  fsync(node: NodeCard, handle: number | undefined, dataOnly: boolean): void {
    this.#ask({ op: "fsync", node: node.node, handle, dataOnly });
  }

  remove(node: NodeCard): void {
    this.#ask({ op: "remove", node: node.node });
  }

  rename(node: NodeCard, dir: NodeCard, name: string, noReplace: boolean): void {
    this.#ask({ op: "rename", node: node.node, dir: dir.node, name, noReplace });
    node.name = name;
  }

  link(node: NodeCard, dir: NodeCard, name: string): void {
    this.#ask({ op: "link", node: node.node, dir: dir.node, name });
  }

  readlink(node: NodeCard): string {
    return this.#ask({ op: "readlink", node: node.node }).value as string;
  }

  statfs(node: NodeCard): StatFs {
    return this.#ask({ op: "statfs", node: node.node }).value as StatFs;
  }

  #nodeOf({ value }: Answer): NodeCard {
    const card = value as NodeCard;
    const known = this.#nodes.get(card.node);
    if (known === undefined) {
      if (this.#nodes.size >= NODES_MAX) this.#nodes.clear();
      this.#nodes.set(card.node, card);
      return card;
    }
    known.qid = card.qid;
    known.name = card.name;
    return known;
  }
}

/** Remembered to give the same object for the same node. */
const NODES_MAX = 8192;

/** Nobody can abort a request of a guest but by ending its run. */
export const GUEST_CALL: Call = {
  user: { name: "none", groups: new Set(), standing: "none" },
  signal: new AbortController().signal,
};
