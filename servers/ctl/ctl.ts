import { type Attr, type FileServer, NineError, plainAttr, type Principal, Qt, S } from "../../9p/mod.ts";
import { type CtlFile, type CtlHandle, ctlMode, openCtl, readCtl, writeCtl } from "./ctl_file.ts";

/** Names to files and folders. */
export interface CtlTree {
  readonly [name: string]: CtlFile | CtlTree;
}

export interface CtlOptions {
  readonly uid: Principal;
  readonly gid: Principal;
}

interface Node {
  readonly name: string;
  readonly parent: Node | undefined;
  readonly path: number;
  readonly file: CtlFile | undefined;
  readonly children: Node[];
}

/**
 * A tree of control and status files. They have version 0 and length 0 (rule R20), so that a kernel client asks for
 * every read and keeps nothing in its page cache.
 */
export function ctl(tree: CtlTree, options: CtlOptions): FileServer<object, CtlHandle> {
  let paths = 0;
  const startedSec = Math.floor(Date.now() / 1000);

  function grow(name: string, parent: Node | undefined, what: CtlFile | CtlTree): Node {
    const file = isFile(what) ? what : undefined;
    const node: Node = { name, parent, path: ++paths, file, children: [] };
    if (!isFile(what)) {
      for (const [child, of] of Object.entries(what)) node.children.push(grow(child, node, of));
    }
    return node;
  }
  const root = grow("/", undefined, tree);

  const attr = (node: Node): Attr =>
    plainAttr(qid(node), modeOf(node.file), options.uid, options.gid, startedSec);

  const server: FileServer<Node, CtlHandle | undefined> = {
    attach(aname) {
      if (aname !== "" && aname !== "/") {
        throw new NineError("ENOENT", `No tree ${JSON.stringify(aname)} is exported`);
      }
      return root;
    },
    qid,
    name: (node) => node.name,
    parent: (node) => node.parent ?? root,
    walk(dir, name) {
      const child = dir.children.find((one) => one.name === name);
      if (!child) throw new NineError("ENOENT", `No ${name} in ${dir.name}`);
      return child;
    },
    getattr: attr,
    /** Shells truncate before they write, and touch sets times: neither means anything here. */
    setattr(_node, change) {
      if (change.mode !== undefined || change.uid !== undefined || change.gid !== undefined) {
        throw new NineError("EPERM", "The mode and owner of a control file are fixed");
      }
    },
    open: ({ file, name }, flags, call) => file && openCtl(file, name, flags, call),
    close: (_node, handle) => handle?.stream?.close(),
    read: (_node, handle, offset, into, call) => readCtl(handle!, offset, into, call),
    write: ({ file, name }, _handle, _offset, data, call) => writeCtl(file!, name, data, call),
    list(dir, _handle, cookie, max) {
      const from = Number(cookie);
      return dir.children.slice(from, from + max).map((node, i) => ({
        name: node.name,
        qid: qid(node),
        cookie: from + i + 1,
        mode: modeOf(node.file),
        attr: attr(node),
      }));
    },
  };
  return server as FileServer<object, CtlHandle>;
}

function qid(node: Node) {
  return { type: node.file ? Qt.FILE : Qt.DIR, version: 0, path: node.path };
}

function isFile(what: CtlFile | CtlTree): what is CtlFile {
  return typeof what.text === "function" || typeof what.command === "function" ||
    typeof what.stream === "function";
}

function modeOf(file: CtlFile | undefined): number {
  return file ? ctlMode(file) : S.IFDIR | 0o555;
}
