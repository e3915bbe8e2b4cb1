import { type FileServer, pathOfText, type Qid, type U64 } from "../9p/mod.ts";
import { Node } from "./node.ts";
import type { Point } from "./point.ts";

const LOW = 2 ** 32;
/** The highest bit stays as it is: where a server says by it what comes first, so it does here. */
const SALTED_HIGH = 0x0fffff;

/** A file server as the namespace sees it. Everything that is bound from one server shares one source. */
export class Source {
  readonly #saltLow: number;
  readonly #saltHigh: number;
  /** Foreign paths that do not fit below 2^53, and what they became. */
  readonly #large = new Map<bigint, number>();

  /** `salt` is what tells this source's files from another's: the same after a restart, as the path it was mounted on. */
  constructor(readonly server: FileServer<object>, salt: string) {
    const hash = pathOfText(salt);
    this.#saltLow = hash >>> 0;
    this.#saltHigh = Math.floor(hash / LOW);
  }

  /**
   * The qid.path here for one there: unique and stable, below 2^53 (rule R44). XOR keeps the files of one source apart
   * for certain; two sources with 52-bit salts of their own meet with a chance of files × files / 2^52.
   */
  path(foreign: U64): number {
    const path = typeof foreign === "number" ? foreign : this.#fold(foreign);
    const high = Math.floor(path / LOW);
    return (high ^ (this.#saltHigh & SALTED_HIGH)) * LOW + ((path ^ this.#saltLow) >>> 0);
  }

  qid(foreign: Qid): Qid {
    return { type: foreign.type, version: foreign.version, path: this.path(foreign.path) };
  }

  #fold(foreign: bigint): number {
    let path = this.#large.get(foreign);
    if (path === undefined) this.#large.set(foreign, path = pathOfText(foreign.toString()));
    return path;
  }
}

/** One tree in the namespace: a source, from one of its directories (or files) on. */
export class Mount {
  readonly #nodes = new WeakMap<object, Node>();

  /**
   * `label` is how people named it. New names in a union go to the first member with `create`; where none has it, to
   * the one that the union began with, for which it is undefined.
   */
  constructor(
    readonly source: Source,
    readonly root: object,
    readonly point: Point,
    readonly label: string,
    readonly create: boolean | undefined,
  ) {}

  get server(): FileServer<object> {
    return this.source.server;
  }

  /** The one node for a place of the server. */
  node(inner: object): Node {
    let node = this.#nodes.get(inner);
    if (!node) this.#nodes.set(inner, node = new Node(this, inner));
    return node;
  }
}
