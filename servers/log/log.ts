import {
  type Attr,
  type FileServer,
  type Later,
  NineError,
  O,
  plainAttr,
  type Principal,
  Qt,
  S,
  type User,
} from "../../9p/mod.ts";
import { Errors } from "./errors.ts";
import { Feed, type FeedOptions, type Reader } from "./feed.ts";

/** A change, as it stands in `/log/events` after the time. */
export interface EventLine {
  readonly event: string;
  readonly path: string;
  readonly from?: string;
  readonly user: Principal;
}

/** Why a request failed, as it stands in `/log/errors` after the time. */
export interface ErrorLine {
  readonly user: Principal;
  readonly request: string;
  /** Where it is known. */
  readonly path?: string;
  /** `ENOENT` */
  readonly code: string;
  readonly reason: string;
}

export interface LogOptions extends FeedOptions {
  readonly uid: Principal;
  readonly gid: Principal;
  /** Bytes of errors that are kept; who has most of them loses the oldest first. */
  readonly errorBytesMax?: number;
  /** Milliseconds since 1970. */
  readonly now?: () => number;
  /** Called when the first reader of events comes and when the last goes: nobody need make events between. */
  readonly onWatched?: (watched: boolean) => void;
}

export interface Log {
  readonly server: FileServer<object, Handle>;
  /** `view` says what others than the owner may see of it, who in any case see what they have changed themselves. */
  event(event: EventLine, view?: (user: User) => EventLine | undefined): void;
  error(error: ErrorLine): void;
}

type Name = "/" | "events" | "errors";
interface Node {
  readonly name: Name;
  readonly path: number;
  /** Whether a read waits. */
  readonly blocks?: boolean;
}
type Handle = ({ readonly reader: Reader } | { readonly bytes: Uint8Array }) & { readonly user: User };

const ROOT: Node = { name: "/", path: 1 };
const FILES: readonly Node[] = [{ name: "events", path: 2, blocks: true }, { name: "errors", path: 3 }];
/** What programs find that go through a whole tree and read what they find: `grep -r` is to end. */
const LISTED = FILES.filter(({ blocks }) => !blocks);

const ERROR_BYTES_MAX = 1024 * 1024;
/** Files that one user other than the owner may have open here: each holds its lines. */
const OPENS_MAX = 64;

/**
 * `events`: each read gives the next changes that the reader may see as JSON lines, and waits for one where there is
 * none. It can be walked to and is not listed: no type of file would do, since kernels answer opens of fifos and devices
 * themselves. `errors`: the last reasons behind the reader's own errors; the owner sees everybody's.
 */
export function log(options: LogOptions): Log {
  const now = options.now ?? Date.now;
  const feed = new Feed(options);
  const errors = new Errors(options.errorBytesMax ?? ERROR_BYTES_MAX);
  /** How many files each user has open. */
  const opens = new Map<Principal, number>();
  const startedSec = Math.floor(now() / 1000);

  function attr(node: Node): Attr {
    const mode = node === ROOT ? S.IFDIR | 0o555 : S.IFREG | 0o444;
    return plainAttr(qid(node), mode, options.uid, options.gid, startedSec);
  }

  function watch(user: User): Handle {
    if (feed.readers === 0) options.onWatched?.(true);
    return { user, reader: feed.reader(user, () => feed.readers === 0 && options.onWatched?.(false)) };
  }

  function countOpen(user: User): void {
    const count = opens.get(user.name) ?? 0;
    if (count >= OPENS_MAX && user.standing !== "owner") {
      throw new NineError("EMFILE", `${user.name} has ${count} files of the log open: close some`);
    }
    opens.set(user.name, count + 1);
  }

  function uncountOpen(user: User): void {
    const count = opens.get(user.name)! - 1;
    if (count > 0) opens.set(user.name, count);
    else opens.delete(user.name);
  }

  const server: FileServer<Node, Handle> = {
    attach(aname) {
      if (aname !== "" && aname !== "/") {
        throw new NineError("ENOENT", `No tree ${JSON.stringify(aname)} is exported`);
      }
      return ROOT;
    },
    qid,
    name: (node) => node.name,
    parent: () => ROOT,
    walk(_dir, name) {
      const file = FILES.find((one) => one.name === name);
      if (!file) throw new NineError("ENOENT", `No ${name} here: there are events and errors`);
      return file;
    },
    getattr: attr,
    open(node, flags, { user }): Handle {
      if ((flags & O.ACCMODE) !== O.RDONLY) throw new NineError("EACCES", `${node.name} can only be read`);
      if (node === ROOT) return { user, bytes: new Uint8Array() };
      countOpen(user);
      if (node.name === "events") return watch(user);
      return { user, bytes: errors.of(user.standing === "owner" ? undefined : user.name) };
    },
    close(node, handle) {
      if (node !== ROOT) uncountOpen(handle.user);
      if ("reader" in handle) handle.reader.close();
    },
    read(_node, handle, offset, into, { signal }): number | Promise<Uint8Array> {
      if ("bytes" in handle) {
        const part = handle.bytes.subarray(Math.min(offset, handle.bytes.byteLength)).subarray(
          0,
          into.byteLength,
        );
        into.set(part);
        return part.byteLength;
      }
      const next: Later<Uint8Array> = handle.reader.read(into.byteLength, signal);
      if (next instanceof Promise) return next;
      into.set(next);
      return next.byteLength;
    },
    list(_dir, _handle, cookie) {
      return LISTED.slice(Number(cookie)).map((node, i) => ({
        name: node.name,
        qid: qid(node),
        cookie: Number(cookie) + i + 1,
        mode: S.IFREG,
        attr: attr(node),
      }));
    },
  };

  return {
    server: server as FileServer<object, Handle>,
    event(event, view = () => undefined) {
      const time = new Date(now()).toISOString();
      feed.push((user) => {
        const isTheirs = user.standing === "owner" || event.user === user.name;
        const seen = isTheirs ? event : view(user);
        return seen && { time, ...seen };
      });
    },
    error(error) {
      errors.add(error.user, { time: new Date(now()).toISOString(), ...error });
    },
  };
}

/** Streams and logs have version 0 and length 0 (rule R20). */
function qid(node: Node) {
  return { type: node === ROOT ? Qt.DIR : Qt.FILE, version: 0, path: node.path };
}
