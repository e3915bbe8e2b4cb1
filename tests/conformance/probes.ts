import { type Attr, type Call, type FileServer, NineError, type Qid, Qt, S } from "../../9p/mod.ts";

/** The names in the root at which the probes can be walked to; no listing shows them. */
export const PROBES = {
  blocks: "probe-blocks",
  deaf: "probe-deaf",
  control: "probe-control",
  unsyncable: "probe-unsyncable",
} as const;

type Kind = keyof typeof PROBES;

/** What a server of files does not have and the rules speak of: one file of each kind, in the root. */
class Probe {
  readonly qid: Qid;

  constructor(readonly kind: Kind, readonly parent: object, path: number) {
    this.qid = { type: Qt.FILE, version: 0, path };
  }

  get name(): string {
    return PROBES[this.kind];
  }

  attr(): Attr {
    const zero = { atimeNsec: 0, mtimeNsec: 0, ctimeNsec: 0, btimeSec: 0, btimeNsec: 0 };
    const times = { atimeSec: 1, mtimeSec: 1, ctimeSec: 1, ...zero };
    const numbers = { nlink: 1, rdev: 0, size: 0, blksize: 4096, blocks: 0 };
    return { qid: this.qid, mode: S.IFREG | 0o666, uid: "root", gid: "root", ...numbers, ...times };
  }
}

/** Far above the paths that a tree made for a test has, and below 2^53. */
const PATHS = 2 ** 52;

/** The same server with the probes in its root. */
export function withProbes(server: FileServer<object, unknown>): FileServer<object, unknown> {
  const probes = new Map<string, Probe>();
  let root: object | undefined;

  function probeAt(dir: object, name: string): Probe | undefined {
    if (dir !== root) return undefined;
    if (probes.size === 0) {
      for (const kind of Object.keys(PROBES) as Kind[]) {
        probes.set(PROBES[kind], new Probe(kind, dir, PATHS + probes.size));
      }
    }
    return probes.get(name);
  }

  return {
    ...server,
    async attach(aname, call) {
      return root = await server.attach(aname, call);
    },
    qid: (node) => node instanceof Probe ? node.qid : server.qid(node),
    name: (node) => node instanceof Probe ? node.name : server.name(node),
    parent: (node) => node instanceof Probe ? node.parent : server.parent(node),
    hold: (node) => node instanceof Probe ? undefined : server.hold?.(node),
    drop: (node) => node instanceof Probe ? undefined : server.drop?.(node),
    walk: (dir, name, call) => probeAt(dir, name) ?? server.walk(dir, name, call),
    getattr: (node, handle, call) => node instanceof Probe ? node.attr() : server.getattr(node, handle, call),
    setattr: (node, ...rest) => node instanceof Probe ? refuse() : server.setattr!(node, ...rest),
    open: (node, flags, call) => node instanceof Probe ? undefined : server.open?.(node, flags, call),
    close: (node, handle, call) => node instanceof Probe ? undefined : server.close?.(node, handle, call),
    read: (node, handle, offset, into, call) =>
      node instanceof Probe
        ? readProbe(node, offset, into, call)
        : server.read!(node, handle, offset, into, call),
    write: (node, ...rest) => node instanceof Probe ? refuse() : server.write!(node, ...rest),
    fsync: (node, handle, dataOnly, call) => {
      if (!(node instanceof Probe)) return server.fsync?.(node, handle, dataOnly, call);
      if (node.kind === "unsyncable") throw new NineError("EIO", "This file can never be made durable");
    },
    remove: (node, call) => node instanceof Probe ? refuse() : server.remove!(node, call),
    rename: (node, ...rest) => node instanceof Probe ? refuse() : server.rename!(node, ...rest),
  };
}

function refuse(): never {
  throw new NineError("EPERM", "A probe cannot be changed");
}

function readProbe(
  probe: Probe,
  offset: number,
  into: Uint8Array,
  { signal }: Call,
): number | Promise<Uint8Array> {
  if (probe.kind === "deaf") return new Promise(() => {});
  if (probe.kind !== "blocks") {
    const text = new TextEncoder().encode("a line whose length nobody knew\n").subarray(offset).subarray(
      0,
      into.length,
    );
    into.set(text);
    return text.byteLength;
  }
  return new Promise((_, reject) => {
    signal.addEventListener("abort", () => reject(new NineError("EINTR", "The read was flushed")), {
      once: true,
    });
  });
}
