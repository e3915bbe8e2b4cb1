import {
  type Attr,
  type Call,
  type FileServer,
  type Later,
  NineError,
  O,
  plainAttr,
  type Principal,
  Qt,
  S,
  then,
} from "../../9p/mod.ts";

/** What a control file does. Leave out what it does not do: its permission bits follow from that. */
export interface CtlFile {
  /** The whole text as it is at open. */
  text?(call: Call): Later<string>;
  /** Takes one line that was written, without its newline; throw NineError("EINVAL", …) for one that is wrong. */
  command?(line: string, call: Call): Later<void>;
  /** For a file that goes on for ever: what one open of it reads from. */
  stream?(call: Call): Stream;
  /** Permission bits; absent: 0444, 0200 or 0644 as the functions above say. */
  readonly mode?: number;
}

/** One reader of a file that goes on for ever. */
export interface Stream {
  /** The next bytes, at most `max`; later where there are none yet. Must end soon after the signal is aborted. */
  read(max: number, signal: AbortSignal): Later<Uint8Array>;
  close(): void;
}

/** Names to files and folders. */
export interface CtlTree {
  readonly [name: string]: CtlFile | CtlTree;
}

export interface CtlOptions {
  readonly uid: Principal;
  readonly gid: Principal;
}

/** A line that is written to a control file has at most this many bytes. */
const LINE_BYTES_MAX = 8192;
const utf8 = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true });

interface Node {
  readonly name: string;
  readonly parent: Node | undefined;
  readonly path: number;
  readonly file: CtlFile | undefined;
  readonly children: Node[];
}

interface Handle {
  /** What reads are answered from, made at open. */
  readonly bytes: Uint8Array;
  readonly stream: Stream | undefined;
}

/**
 * A tree of control and status files. They have version 0 and length 0 (rule R20), so that a kernel client asks for
 * every read and keeps nothing in its page cache.
 */
export function ctl(tree: CtlTree, options: CtlOptions): FileServer<object, Handle> {
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

  const server: FileServer<Node, Handle> = {
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
    open({ file, name }, flags, call): Later<Handle> {
      const access = flags & O.ACCMODE;
      if (file && access !== O.WRONLY && !file.text && !file.stream) {
        throw new NineError("EACCES", `${name} is write-only`);
      }
      if (file && access !== O.RDONLY && !file.command) throw new NineError("EACCES", `${name} is read-only`);
      if (file?.stream && access !== O.WRONLY) return { bytes: new Uint8Array(), stream: file.stream(call) };
      const text = access === O.WRONLY ? "" : file?.text?.(call) ?? "";
      return then(text, (text) => ({ bytes: utf8.encode(text), stream: undefined }));
    },
    close(_node, handle) {
      handle.stream?.close();
    },
    read(_node, handle, offset, into, call) {
      if (handle.stream) {
        const next = handle.stream.read(into.byteLength, call.signal);
        if (next instanceof Promise) return next;
        into.set(next);
        return next.byteLength;
      }
      const part = handle.bytes.subarray(Math.min(offset, handle.bytes.byteLength)).subarray(
        0,
        into.byteLength,
      );
      into.set(part);
      return part.byteLength;
    },
    write({ file, name }, _handle, _offset, data, call) {
      if (data.byteLength > LINE_BYTES_MAX) {
        throw new NineError(
          "EMSGSIZE",
          `${data.byteLength} bytes at once to ${name}, allowed are ${LINE_BYTES_MAX}`,
        );
      }
      const count = data.byteLength;
      const lines = textOf(data, name).split("\n").filter((line) => line.trim() !== "");
      return then(inOrder(lines, (line) => file!.command!(line, call)), () => count);
    },
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
  return server as FileServer<object, Handle>;
}

function qid(node: Node) {
  return { type: node.file ? Qt.FILE : Qt.DIR, version: 0, path: node.path };
}

function isFile(what: CtlFile | CtlTree): what is CtlFile {
  return typeof what.text === "function" || typeof what.command === "function" ||
    typeof what.stream === "function";
}

function modeOf(file: CtlFile | undefined): number {
  if (!file) return S.IFDIR | 0o555;
  const reads = file.text || file.stream ? 0o444 : 0;
  const writes = file.command ? 0o200 : 0;
  return S.IFREG | (file.mode ?? reads | writes);
}

function textOf(data: Uint8Array, name: string): string {
  try {
    return decoder.decode(data);
  } catch {
    throw new NineError("EILSEQ", `What was written to ${name} is no UTF-8`);
  }
}

/** Does one after the other; the first failure ends it. */
function inOrder(lines: readonly string[], act: (line: string) => Later<void>): Later<void> {
  return lines.reduce<Later<void>>((before, line) => then(before, () => act(line)), undefined);
}
