import {
  type Call,
  escapeJson,
  type FileServer,
  NineError,
  O,
  pathOfText,
  plainAttr,
  Qt,
  S,
  Slice,
} from "../../9p/mod.ts";
import { differences } from "../../state/store/mod.ts";
import type { VolumeStore } from "./store.ts";

/** Where the differences are, in the directory of all snapshots; no snapshot's name begins so. */
const DIRECTORY = "@diff";
/** The tree as it is, where a snapshot's name was due. */
const NOW = "@now";

/** `@diff`, `@diff/A` or `@diff/A/B`. */
class Step<N> {
  constructor(readonly parent: Step<N> | N, readonly name: string, readonly depth: number) {}
}

/** The lines of an open file. */
class Lines {
  constructor(readonly bytes: Uint8Array) {}
}

/**
 * Adds to the snapshots of a volume what differs between two of them: `@diff/A/B` has a line of JSON for each name, and
 * `@diff/A/@now` what became of a snapshot since. No listing has these. They tell names whatever the directories' permissions say,
 * so they are the owner's to read.
 */
export function withDifferences<N extends object, H>(
  past: FileServer<N, H>,
  store: VolumeStore,
  owned: { readonly uid: string; readonly gid: string },
): FileServer<N | Step<N>, H | Lines> {
  const startedSec = Math.floor(Date.now() / 1000);
  const qid = ({ name, parent, depth }: Step<N>) => ({
    type: depth < 2 ? Qt.DIR : 0,
    // Rule R20: each open may find something else.
    version: 0,
    path: pathOfText(`@diff/${depth > 1 ? (parent as Step<N>).name : ""}/${name}/${depth}`),
  });
  const attr = (step: Step<N>) => {
    const mode = step.depth < 2 ? S.IFDIR | 0o500 : S.IFREG | 0o400;
    return plainAttr(qid(step), mode, owned.uid, owned.gid, startedSec);
  };

  async function lines(from: string, to: string): Promise<Lines> {
    await store.caughtUp();
    const { index } = store;
    const [a, b] = [from, to].map((name) => {
      const seq = name === NOW ? index.seq : index.past.snapshot(name)?.seq;
      if (seq === undefined) throw new NineError("ENOENT", `There is no snapshot ${name}`);
      return seq;
    });
    if (a > b) {
      throw new NineError("EINVAL", `Snapshot ${from} is later than ${to}: name the earlier one first`);
    }
    const slice = new Slice();
    const steps = differences(index.past, index.changes, { from: a, to: b });
    for (;;) {
      const step = steps.next();
      await slice.breathe();
      if (step.done) {
        return new Lines(new TextEncoder().encode(step.value.map((one) => `${escapeJson(one)}\n`).join("")));
      }
    }
  }

  const isStep = (node: N | Step<N>): node is Step<N> => node instanceof Step;
  const over = <Args extends unknown[], R>(
    own: (node: Step<N>, ...args: Args) => R,
    other: (node: N, ...args: Args) => R,
  ) =>
  (node: N | Step<N>, ...args: Args): R => isStep(node) ? own(node, ...args) : other(node, ...args);

  return {
    ...(past as unknown as FileServer<N | Step<N>, H | Lines>),
    qid: over<[], ReturnType<typeof past.qid>>(qid, (node) => past.qid(node)),
    name: over<[], string>(({ name }) => name, (node) => past.name(node)),
    parent: over<[], N | Step<N>>(({ parent }) => parent, (node) => past.parent(node)),
    getattr: over<[unknown, Call], ReturnType<typeof past.getattr>>(
      attr,
      (node, handle, call) => past.getattr(node, handle as H | undefined, call),
    ) as FileServer<N | Step<N>, H | Lines>["getattr"],
    walk(dir, name, call) {
      if (!isStep(dir) && name !== DIRECTORY) return past.walk(dir, name, call);
      if (!isStep(dir) && past.parent(dir) !== dir) return past.walk(dir, name, call);
      if (call.user.standing !== "owner") {
        throw new NineError("EACCES", "What differs between snapshots is the owner's to look at");
      }
      if (!isStep(dir)) return new Step<N>(dir, name, 0);
      if (dir.depth === 2) throw new NineError("ENOTDIR", `${dir.name} is no directory`);
      if (name !== NOW && store.index.past.snapshot(name) === undefined) {
        throw new NineError("ENOENT", `There is no snapshot ${name}`);
      }
      return new Step<N>(dir, name, dir.depth + 1);
    },
    open(node, flags, call) {
      if (!isStep(node)) return past.open!(node, flags, call);
      if ((flags & O.ACCMODE) !== O.RDONLY || flags & O.TRUNC) {
        throw new NineError("EROFS", `${node.name} is only read`);
      }
      return node.depth < 2 ? new Lines(new Uint8Array()) : lines((node.parent as Step<N>).name, node.name);
    },
    read(node, handle, offset, into, call) {
      if (!isStep(node)) return past.read!(node, handle as H, offset, into, call);
      const part = (handle as Lines).bytes.subarray(offset, offset + into.byteLength);
      into.set(part);
      return part.byteLength;
    },
    list: (node, handle, cookie, max, withAttr, call) =>
      isStep(node) ? [] : past.list!(node, handle as H, cookie, max, withAttr, call),
    readlink(node, call) {
      if (isStep(node)) throw new NineError("EINVAL", `${node.name} is no symbolic link`);
      return past.readlink!(node, call);
    },
    getxattr(node, name, call) {
      if (isStep(node)) throw new NineError("ENODATA", `No attribute ${JSON.stringify(name)}`);
      return past.getxattr!(node, name, call);
    },
    listxattr: (node, call) => isStep(node) ? [] : past.listxattr!(node, call),
  };
}
