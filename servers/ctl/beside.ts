import {
  type Attr,
  type Call,
  type Entry,
  type FileServer,
  type Later,
  NineError,
  pathOfText,
  plainAttr,
  Qt,
  SplicedListing,
  then,
  type U64,
} from "../../9p/mod.ts";
import type { CtlOptions } from "./ctl.ts";
import { type CtlFile, type CtlHandle, ctlMode, openCtl, readCtl, writeCtl } from "./ctl_file.ts";

type Server = FileServer<object, unknown>;

/** A control file in a directory of another server. */
class Beside {
  constructor(readonly dir: object, readonly name: string, readonly file: CtlFile) {}
}

/** An open directory. */
class Listing {
  spliced: SplicedListing | undefined;
  constructor(readonly inner: unknown) {}
}

/**
 * A file server with control files beside its own: `filesIn` says which a directory has, by name. They hide files of the
 * server with the same names, and stay as they are.
 */
export function besides(
  inner: Server,
  filesIn: (dir: object) => Readonly<Record<string, CtlFile>>,
  options: CtlOptions,
): Server {
  const nodes = new WeakMap<object, Map<string, Beside>>();
  const startedSec = Math.floor(Date.now() / 1000);

  function besideIn(dir: object): Beside[] {
    const known = nodes.get(dir) ?? new Map<string, Beside>();
    nodes.set(dir, known);
    return Object.entries(filesIn(dir)).map(([name, file]) => {
      let node = known.get(name);
      if (!node) known.set(name, node = new Beside(dir, name, file));
      return node;
    });
  }

  const qid = ({ dir, name }: Beside) => ({
    type: Qt.FILE,
    version: 0,
    path: pathOfText(`${inner.qid(dir).path}\0${name}`),
  });
  const attr = (node: Beside): Attr =>
    plainAttr(qid(node), ctlMode(node.file), options.uid, options.gid, startedSec);
  const fixed = (node: Beside): never => {
    throw new NineError("EPERM", `${node.name} is a control file: it stays as it is`);
  };

  /** Control files first; of the others those whose names they do not hide. */
  function list(
    dir: object,
    handle: Listing,
    cookie: U64,
    max: number,
    withAttr: boolean,
    call: Call,
  ): Later<Entry[]> {
    if (cookie === 0 || !handle.spliced) {
      const own = besideIn(dir);
      const names = new Set(own.map(({ name }) => name));
      const first = own.map((node) => ({
        name: node.name,
        qid: qid(node),
        cookie: 0,
        mode: ctlMode(node.file),
        attr: attr(node),
      }));
      const rest = (from: U64, max: number): Later<Entry[]> =>
        then(inner.list!(dir, handle.inner, from, max, withAttr, call), (found) => {
          const shown = found.filter(({ name }) => !names.has(name));
          return shown.length > 0 || found.length === 0 ? shown : rest(found[found.length - 1].cookie, max);
        });
      handle.spliced = new SplicedListing(first, rest);
    }
    return handle.spliced.list(cookie, max);
  }

  const passed = (handle: unknown): unknown => handle instanceof Listing ? handle.inner : handle;
  return {
    ...inner,
    qid: (node) => node instanceof Beside ? qid(node) : inner.qid(node),
    name: (node) => node instanceof Beside ? node.name : inner.name(node),
    parent: (node) => node instanceof Beside ? node.dir : inner.parent(node),
    walk(dir, name, call): Later<object> {
      return besideIn(dir).find((node) => node.name === name) ?? inner.walk(dir, name, call);
    },
    hold: (node) => inner.hold?.(node instanceof Beside ? node.dir : node),
    drop: (node) => inner.drop?.(node instanceof Beside ? node.dir : node),
    getattr: (node, handle, call) =>
      node instanceof Beside ? attr(node) : inner.getattr(node, passed(handle), call),
    setattr(node, change, handle, call) {
      if (!(node instanceof Beside)) return inner.setattr?.(node, change, passed(handle), call);
      if (change.mode !== undefined || change.uid !== undefined || change.gid !== undefined) fixed(node);
    },
    open: (node, flags, call) =>
      node instanceof Beside ? openCtl(node.file, node.name, flags, call) : then(
        inner.open?.(node, flags, call),
        (handle) => (inner.qid(node).type & Qt.DIR) === 0 ? handle : new Listing(handle),
      ),
    close(node, handle, call) {
      if (node instanceof Beside) return (handle as CtlHandle).stream?.close();
      return inner.close?.(node, passed(handle), call);
    },
    read: (node, handle, offset, into, call) =>
      node instanceof Beside
        ? readCtl(handle as CtlHandle, offset, into, call)
        : inner.read!(node, handle, offset, into, call),
    lend: (node, handle, offset, length, call) =>
      node instanceof Beside ? undefined : inner.lend?.(node, handle, offset, length, call),
    write: (node, handle, offset, data, call) =>
      node instanceof Beside
        ? writeCtl(node.file, node.name, data, call)
        : inner.write!(node, handle, offset, data, call),
    list: (dir, handle, cookie, max, withAttr, call) =>
      list(dir, handle as Listing, cookie, max, withAttr, call),
    fsync: (node, handle, dataOnly, call) =>
      node instanceof Beside ? undefined : inner.fsync?.(node, passed(handle), dataOnly, call),
    remove(node, call) {
      if (!(node instanceof Beside)) return inner.remove?.(node, call);
      if (!node.file.goesAlong) fixed(node);
    },
    rename: (node, dir, name, noReplace, call) =>
      node instanceof Beside ? fixed(node) : inner.rename?.(node, dir, name, noReplace, call),
    link: (node, dir, name, call) =>
      node instanceof Beside ? fixed(node) : inner.link?.(node, dir, name, call),
    readlink(node, call) {
      if (node instanceof Beside) throw new NineError("EINVAL", `${node.name} is no symbolic link`);
      return inner.readlink!(node, call);
    },
    statfs: (node, call) => inner.statfs!(node instanceof Beside ? node.dir : node, call),
    getxattr(node, name, call) {
      if (node instanceof Beside) throw new NineError("ENODATA", `${node.name} has no attribute ${name}`);
      return inner.getxattr!(node, name, call);
    },
    listxattr: (node, call) => node instanceof Beside ? [] : inner.listxattr!(node, call),
    setxattr: (node, name, value, flags, call) =>
      node instanceof Beside ? fixed(node) : inner.setxattr?.(node, name, value, flags, call),
  };
}
