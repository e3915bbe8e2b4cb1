import {
  type Attr,
  type Call,
  canWrite,
  type Created,
  type Entry,
  Errno,
  errnoOf,
  type FileServer,
  type Later,
  NineError,
  O,
  Qt,
  then,
} from "../../9p/mod.ts";
import {
  type Computed,
  computedAttr,
  computedPath,
  computedQid,
  EXPLAIN_XATTR,
  type Look,
  type Opened,
  UNKNOWN,
} from "./computed.ts";
import { Arriving } from "./arriving.ts";
import { OutputListing } from "./output_listing.ts";
import { outputName, recipeName } from "./recipe_name.ts";
import { Removed } from "./removed.ts";

type Server = FileServer<object, unknown>;

export interface OutputsOptions {
  /** What the recipe at a node makes. */
  readonly make: (recipe: object) => Computed;
  /** Whether a directory is made of several, so that its attributes do not tell of all changes in it. */
  readonly isUnion: (dir: object) => boolean;
}

/** What a recipe makes: a file that is there as long as its recipe is, and no stored file has its name. */
export class OutputNode {
  looked: Look = UNKNOWN;

  constructor(readonly recipe: object, readonly computed: Computed) {}
}

export interface WithOutputs {
  readonly server: Server;
  /** The computed file that a node is, if it is one. */
  outputOf(node: object): Computed | undefined;
}

/**
 * A tree with what its recipes make: a wrapper of a file server, of all of whose operations only those change that have
 * to do with outputs. The recipe decides, the output has no life of its own: to remove it is no error, so that whole
 * folders can be removed, and hides it for a moment, so that tar can make a file in its place; to rename it is EXDEV,
 * upon which mv copies; to write to it is EROFS. A name that is made anew in its place is a stored file, and wins.
 */
export function withOutputs(inner: Server, options: OutputsOptions): WithOutputs {
  /** One for each recipe, as long as somebody refers to it. */
  const nodes = new WeakMap<object, OutputNode>();
  const removed = new Removed();
  const arriving = new Arriving();

  function outputNode(recipe: object): OutputNode {
    let node = nodes.get(recipe);
    if (!node) nodes.set(recipe, node = new OutputNode(recipe, options.make(recipe)));
    return node;
  }

  /** The recipe beside a name; undefined where there is none. */
  function recipeOf(dir: object, name: string, call: Call): Later<object | undefined> {
    const wanted = recipeName(name);
    if (wanted === undefined) return undefined;
    const found = (node: object) => isRecipe(node) ? node : undefined;
    try {
      const recipe = inner.walk(dir, wanted, call);
      return recipe instanceof Promise ? recipe.then(found, () => undefined) : found(recipe);
    } catch {
      return undefined;
    }
  }

  /** The output of that name; undefined where no recipe makes it. */
  function find(dir: object, name: string, call: Call): Later<OutputNode | undefined> {
    return then(
      recipeOf(dir, name, call),
      (recipe) => recipe && makes(recipe) ? outputNode(recipe) : undefined,
    );
  }

  /** Takes a stored file from its name. What it has hidden does not show before there was time to make another one. */
  function takeAway(node: object, call: Call, act: () => Later<void>): Later<void> {
    if (inner.qid(node).type & Qt.DIR) return act();
    return then(recipeOf(inner.parent(node), inner.name(node), call), (recipe) =>
      then(act(), () => {
        if (recipe) removed.add(inner.qid(recipe));
      }));
  }

  /** Recipes are stored files: a control file that is called like one is none. */
  function isRecipe(node: object): boolean {
    const { type, version } = inner.qid(node);
    return (type & (Qt.DIR | Qt.SYMLINK)) === 0 && version !== 0;
  }

  /** Whether the node is a recipe whose output is there. */
  function makes(node: object): boolean {
    const qid = inner.qid(node);
    return isRecipe(node) && !removed.has(qid) && !arriving.has(qid.path);
  }

  function created(node: object, dir: object, name: string, { user }: Call): void {
    if (outputName(name) === undefined) arriving.made(user.name);
    else arriving.madeRecipe(inner.qid(node).path, inner.qid(dir).path, user.name);
  }

  function walk(dir: object, name: string, call: Call): Later<object> {
    if (dir instanceof OutputNode) throw new NineError("ENOTDIR", `${nameOf(dir)} is a computed file`);
    const orOutput = (thrown: unknown): Later<object> => {
      if (errnoOf(thrown) !== Errno.ENOENT) throw thrown;
      return then(find(dir, name, call), (output) => {
        if (!output) throw thrown;
        return output;
      });
    };
    try {
      const found = inner.walk(dir, name, call);
      return found instanceof Promise ? found.catch(orOutput) : found;
    } catch (thrown) {
      return orOutput(thrown);
    }
  }

  const nameOf = (node: OutputNode): string => {
    const name = inner.name(node.recipe);
    return outputName(name) ?? name;
  };
  const qidOf = (node: OutputNode) =>
    computedQid(computedPath(inner.qid(node.recipe).path, "output"), node.looked);
  const passed = (handle: unknown): unknown => handle instanceof OutputListing ? handle.inner : handle;
  const readOnly = (node: OutputNode): never => {
    throw new NineError(
      "EROFS",
      `${nameOf(node)} is computed from ${inner.name(node.recipe)}: change that, or its inputs`,
    );
  };

  function getattr(node: OutputNode, opened: Opened | undefined, call: Call): Later<Attr> {
    return then(opened?.look() ?? node.computed.look(call), (look) => {
      node.looked = look;
      return then(
        inner.getattr(node.recipe, undefined, call),
        (from) => computedAttr(qidOf(node), from, look),
      );
    });
  }

  function open(node: OutputNode, flags: number, call: Call): Later<Opened> {
    if (canWrite(flags) || flags & O.TRUNC) readOnly(node);
    return then(node.computed.open(call), (opened) => {
      node.looked = opened.look();
      return opened;
    });
  }

  const server: Server = {
    ...inner,
    qid: (node) => node instanceof OutputNode ? qidOf(node) : inner.qid(node),
    name: (node) => node instanceof OutputNode ? nameOf(node) : inner.name(node),
    parent: (node) => inner.parent(node instanceof OutputNode ? node.recipe : node),
    walk,
    hold: (node) => inner.hold?.(node instanceof OutputNode ? node.recipe : node),
    drop: (node) => inner.drop?.(node instanceof OutputNode ? node.recipe : node),
    getattr: (node, handle, call) =>
      node instanceof OutputNode
        ? getattr(node, handle as Opened | undefined, call)
        : inner.getattr(node, passed(handle), call),
    setattr(node, change, handle, call) {
      if (node instanceof OutputNode) return Object.keys(change).length > 0 ? readOnly(node) : undefined;
      const changed = inner.setattr?.(node, change, passed(handle), call);
      // A time that comes with a length is of now: so the kernel cuts a file by 9P2000.
      if (typeof change.mtime !== "object" || change.size !== undefined) return changed;
      return then(changed, () => arriving.dated(inner.qid(node).path));
    },
    open(node, flags, call) {
      if (node instanceof OutputNode) return open(node, flags, call);
      const isDirectory = (inner.qid(node).type & Qt.DIR) !== 0;
      const opened = inner.open?.(node, flags, call);
      if (!isDirectory) return opened;
      return then(
        opened,
        (handle) =>
          new OutputListing(inner, node, handle, {
            output: outputNode,
            qid: qidOf,
            makes,
            isUnion: options.isUnion,
          }),
      );
    },
    create: (dir, name, what, flags, call): Later<Created<object, unknown>> =>
      then(inner.create!(dir, name, what, flags, call), (made) => {
        created(made.node, dir, name, call);
        return made;
      }),
    ...(inner.make && {
      make: (dir, name, what, call): Later<object> =>
        then(inner.make!(dir, name, what, call), (made) => {
          arriving.made(call.user.name);
          return made;
        }),
    }),
    write(node, handle, offset, data, call) {
      if (!inner.write) throw new NineError("EROFS", "The file server writes no files");
      return then(inner.write(node, handle, offset, data, call), (count) => {
        arriving.wrote(call.user.name);
        return count;
      });
    },
    close(node, handle, call) {
      if (node instanceof OutputNode) return (handle as Opened).close();
      return inner.close?.(node, passed(handle), call);
    },
    read(node, handle, offset, into, call) {
      if (node instanceof OutputNode) return (handle as Opened).read(offset, into, call);
      return inner.read!(node, handle, offset, into, call);
    },
    lend: (node, handle, offset, length, call) =>
      node instanceof OutputNode ? undefined : inner.lend?.(node, handle, offset, length, call),
    list: (_dir, handle, cookie, max, withAttr, call): Later<Entry[]> =>
      (handle as OutputListing).list(cookie, max, withAttr, call),
    fsync: (node, handle, dataOnly, call) =>
      node instanceof OutputNode ? undefined : inner.fsync?.(node, passed(handle), dataOnly, call),
    removable: (node, call) => inner.removable?.(node instanceof OutputNode ? node.recipe : node, call),
    remove: (node, call) =>
      node instanceof OutputNode
        ? then(inner.removable?.(node.recipe, call), () => removed.add(inner.qid(node.recipe)))
        : takeAway(node, call, () => inner.remove?.(node, call)),
    rename(node, dir, name, noReplace, call) {
      if (node instanceof OutputNode) {
        throw new NineError("EXDEV", `${nameOf(node)} is computed: copy it instead`);
      }
      return takeAway(node, call, () => inner.rename?.(node, dir, name, noReplace, call));
    },
    link(node, dir, name, call) {
      if (node instanceof OutputNode) {
        throw new NineError("EPERM", `${nameOf(node)} is computed and has no other names`);
      }
      return inner.link?.(node, dir, name, call);
    },
    readlink(node, call) {
      if (node instanceof OutputNode) throw new NineError("EINVAL", `${nameOf(node)} is no symbolic link`);
      return inner.readlink!(node, call);
    },
    statfs: (node, call) => inner.statfs!(node instanceof OutputNode ? node.recipe : node, call),
    getxattr(node, name, call) {
      if (!(node instanceof OutputNode)) return inner.getxattr!(node, name, call);
      return explained(node.computed, name, nameOf(node), call);
    },
    listxattr: (node, call) => node instanceof OutputNode ? [] : inner.listxattr!(node, call),
    setxattr: (node, name, value, flags, call) =>
      node instanceof OutputNode ? readOnly(node) : inner.setxattr?.(node, name, value, flags, call),
  };
  return { server, outputOf: (node) => node instanceof OutputNode ? node.computed : undefined };
}

/** The explanation as an extended attribute; ENODATA for any other. */
export async function explained(
  computed: Computed,
  name: string,
  file: string,
  call: Call,
): Promise<Uint8Array> {
  if (name !== EXPLAIN_XATTR) {
    throw new NineError("ENODATA", `${file} is computed and has no attribute ${name}`);
  }
  return new TextEncoder().encode(JSON.stringify(await computed.explain(call)));
}
