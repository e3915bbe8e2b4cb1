import {
  type Attr,
  type Call,
  canWrite,
  type FileServer,
  type Later,
  NineError,
  O,
  plainAttr,
  type Principal,
  type Qid,
  Qt,
  S,
  then,
} from "../../9p/mod.ts";
import {
  type Computed,
  computedAttr,
  computedPath,
  computedQid,
  type Look,
  type Opened,
  UNKNOWN,
} from "./computed.ts";
import { explained } from "./outputs.ts";

export interface PathsOptions {
  readonly uid: Principal;
  readonly gid: Principal;
  /** The tree whose files are computed with. */
  readonly files: FileServer<object, unknown>;
  /** Its root. */
  readonly root: () => object;
  /** Checks the text of a pipeline; throws ENOENT where it is none. */
  readonly check: (pipeline: string) => void;
  /** What a pipeline makes of a file. */
  readonly make: (pipeline: string, target: object, path: string) => Computed;
  /** Whether a place of the tree is one that compute paths do not reach, such as themselves. */
  readonly isBeyond: (target: object) => boolean;
}

/** The root; below it a directory for each pipeline that somebody walks to, and below those the tree once more. */
interface Node {
  readonly parent: Node | undefined;
  readonly name: string;
  /** Of all but the root. */
  readonly pipeline: string;
  /** The place in the tree, of all but the root. */
  readonly target: object | undefined;
  /** Of files. */
  readonly computed: Computed | undefined;
  readonly children: Map<string, WeakRef<Node>>;
  /** The same as long as the place is. */
  readonly qidPath: number;
  /** As many children as make it worth looking for dead ones. */
  sweepAt: number;
  looked: Look;
  /** How many hold it: as long as somebody does, so is what it stands for in the tree. */
  held: number;
}

/** Names of one directory that are remembered before the dead ones among them are first looked for. */
const SWEEP_MIN = 1000;

/**
 * Compute paths: `/NAME[:ARGS][,NAME…]/PATH` is what the pipeline makes of the file at PATH, seen and read as whoever
 * asks. Directories can be walked and list nothing, so that `find` ends.
 */
export function paths(options: PathsOptions): FileServer<object, unknown> {
  const { files } = options;
  const root = node(undefined, "/", "", undefined, undefined);

  function node(
    parent: Node | undefined,
    name: string,
    pipeline: string,
    target: object | undefined,
    computed: Computed | undefined,
  ): Node {
    return {
      parent,
      name,
      pipeline,
      target,
      computed,
      children: new Map(),
      qidPath: target ? computedPath(files.qid(target).path, pipeline) : 1,
      sweepAt: SWEEP_MIN,
      looked: UNKNOWN,
      held: 0,
    };
  }

  function pathOf(at: Node): string {
    return at.parent?.parent ? `${pathOf(at.parent)}/${at.name}` : `/${at.name}`;
  }

  /** The one node of that name for that place. */
  function child(parent: Node, name: string, pipeline: string, target: object): Node {
    const before = parent.children.get(name)?.deref();
    if (before && before.target === target) return before;
    const isFile = (files.qid(target).type & (Qt.DIR | Qt.SYMLINK)) === 0;
    const path = parent === root ? `/${name}` : `${pathOf(parent)}/${name}`;
    const made = node(
      parent,
      name,
      pipeline,
      target,
      isFile ? options.make(pipeline, target, path) : undefined,
    );
    if (parent.children.size >= parent.sweepAt) {
      for (const [name, ref] of parent.children) if (!ref.deref()) parent.children.delete(name);
      // Looked for again when there are twice as many, so that it costs each name little.
      parent.sweepAt = Math.max(SWEEP_MIN, parent.children.size * 2);
    }
    parent.children.set(name, new WeakRef(made));
    return made;
  }

  function qid(at: Node): Qid {
    if (at.computed) return computedQid(at.qidPath, at.looked);
    const type = at.target ? files.qid(at.target).type & (Qt.DIR | Qt.SYMLINK) : Qt.DIR;
    return { type, version: 0, path: at.qidPath };
  }

  function getattr(at: Node, opened: Opened | undefined, call: Call): Later<Attr> {
    return then(files.getattr(at.target!, undefined, call), (from): Later<Attr> => {
      if (!at.computed) {
        const mode = (from.mode & S.IFMT) | (from.mode & 0o555);
        return {
          ...plainAttr(qid(at), mode, from.uid, from.gid, from.mtimeSec),
          size: at.target && from.mode & S.IFDIR ? 0 : from.size,
        };
      }
      return then(opened?.look() ?? at.computed.look(call), (look) => {
        at.looked = look;
        return computedAttr(qid(at), from, look);
      });
    });
  }

  const readOnly = (): never => {
    throw new NineError(
      "EROFS",
      "Compute paths are read-only: change the file at the end of the path instead",
    );
  };
  const server: FileServer<Node, Opened | undefined> = {
    attach(aname) {
      if (aname !== "" && aname !== "/") {
        throw new NineError("ENOENT", `No tree ${JSON.stringify(aname)} is exported`);
      }
      return root;
    },
    qid,
    name: ({ name }) => name,
    parent: ({ parent }) => parent ?? root,
    walk(dir, name, call) {
      if (dir === root) {
        options.check(name);
        return child(root, name, name, options.root());
      }
      return then(files.walk(dir.target!, name, call), (target) => {
        if (options.isBeyond(target)) {
          throw new NineError(
            "ENOENT",
            `${name} is beyond compute paths: they lead to stored files and recipes' outputs`,
          );
        }
        return child(dir, name, dir.pipeline, target);
      });
    },
    hold(at) {
      if (at.held++ === 0 && at.target) files.hold?.(at.target);
    },
    drop(at) {
      if (--at.held === 0 && at.target) files.drop?.(at.target);
    },
    getattr: (at, opened, call) =>
      at.target ? getattr(at, opened, call) : plainAttr(qid(at), S.IFDIR | 0o555, options.uid, options.gid),
    setattr: (_at, change) => Object.keys(change).length > 0 ? readOnly() : undefined,
    open(at, flags, call) {
      if (canWrite(flags) || flags & O.TRUNC) readOnly();
      if (!at.computed) return undefined;
      return then(at.computed.open(call), (opened) => {
        at.looked = opened.look();
        return opened;
      });
    },
    close: (_at, opened) => opened?.close(),
    read: (_at, opened, offset, into, call) => opened!.read(offset, into, call),
    list: () => [],
    readlink: (at, call) => files.readlink!(at.target!, call),
    getxattr(at, name, call) {
      if (!at.computed) throw new NineError("ENODATA", `${at.name} has no attribute ${name}`);
      return explained(at.computed, name, at.name, call);
    },
    listxattr: () => [],
  };
  return server as FileServer<object, unknown>;
}
