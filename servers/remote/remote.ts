import {
  type Address,
  type Call,
  type Client,
  type Created,
  type Creation,
  Errno,
  errnoOf,
  type FileServer,
  gidOf,
  move,
  type NewFile,
  NineError,
  O,
  parseAddress,
  plainStatfs,
  type RemoteFile,
  S,
} from "../../9p/mod.ts";
import { type Handle, listFrom } from "./handle.ts";
import { Link, type LinkOptions } from "./link.ts";
import { type Bound, type Place, Places } from "./place.ts";

/** A remote tree as a file server. Closing it ends the connection. */
export interface Remote extends AsyncDisposable {
  readonly server: FileServer<Place, Handle>;
  /** The dial string, for messages. */
  readonly address: string;
  readonly isConnected: boolean;
  close(): Promise<void>;
}

/**
 * The tree behind a 9P connection, in any dialect. Everything is done as the one user that attached (`uname`): who may
 * do what here is decided before it gets this far.
 *
 * `to` is an address, a dial string, or a client, which then belongs to this server. The connection is made at the first
 * attach. When it dies, what is under way gets EIO, and open files stay EIO; later requests dial again, and places are
 * found again by their paths and checked by their qids (ESTALE). ENOTCONN while the other side is away.
 */
export function remote(to: Address | string | Client, options: LinkOptions = {}): Remote {
  const link = new Link(typeof to === "string" ? parseAddress(to) : to, options);
  let known: Places | undefined;

  /** Does something with a fid of the place, which is kept meanwhile. */
  async function by<T>(place: Place, { signal }: Call, action: (bound: Bound) => Promise<T>): Promise<T> {
    known!.hold(place);
    try {
      const bound = await known!.bound(place, signal);
      return await explained(bound.life, () => action(bound));
    } finally {
      known!.drop(place);
    }
  }

  async function explained<T>(life: Handle["life"], action: () => Promise<T>): Promise<T> {
    try {
      return await action();
    } catch (thrown) {
      throw link.explain(life, thrown);
    }
  }

  /** By the open file, where there is one. */
  function through<T>(
    place: Place,
    handle: Handle | undefined,
    call: Call,
    action: (file: RemoteFile) => Promise<T>,
  ): Promise<T> {
    return handle ? opened(handle, action) : by(place, call, ({ file }) => action(file));
  }

  async function opened<T>(handle: Handle, action: (file: RemoteFile) => Promise<T>): Promise<T> {
    if (handle.life.client.end) {
      throw new NineError(
        "EIO",
        `The file was opened on a connection to ${link.name} that is gone: open it again`,
      );
    }
    return await explained(handle.life, () => action(handle.file));
  }

  /** The child of that name, asked for on the other side every time: others change things there too. */
  function child(dir: Place, name: string, call: Call): Promise<Place> {
    return by(dir, call, async ({ life, file }) => {
      try {
        return known!.arrived(dir, name, await file.walk([name], call.signal), life);
      } catch (thrown) {
        const gone = dir.children.get(name);
        if (gone && errnoOf(thrown) === Errno.ENOENT) known!.detach(gone);
        throw thrown;
      }
    });
  }

  /** A fid of its own that becomes the open file. */
  function becoming(
    place: Place,
    flags: number,
    call: Call,
    become: (file: RemoteFile) => Promise<RemoteFile>,
  ): Promise<Handle> {
    return by(place, call, async ({ life, file: from }) => {
      const file = await from.clone(call.signal);
      try {
        await become(file);
      } catch (thrown) {
        file.letGo();
        throw thrown;
      }
      return { life, file, appends: (flags & O.APPEND) !== 0 && life.client.dialect !== "9P2000.L" };
    });
  }

  const server: FileServer<Place, Handle> = {
    async attach(aname, { signal }) {
      if (aname !== "" && aname !== "/") {
        throw new NineError(
          "ENOENT",
          `${JSON.stringify(aname)}: which of the other side's trees is said at the import`,
        );
      }
      const { root } = await link.life(signal);
      known ??= new Places(link, root.qid);
      return known.root;
    },

    qid: (place) => place.qid,
    name: (place) => place.name,
    parent: (place) => place.parent ?? place,
    hold: (place) => known!.hold(place),
    drop: (place) => known!.drop(place),
    walk: child,

    async getattr(place, handle, call) {
      const attr = await through(place, handle, call, (file) => file.getattr(call.signal));
      place.qid = attr.qid;
      return attr;
    },
    setattr: (place, change, handle, call) =>
      through(place, handle, call, (file) => file.setattr(change, call.signal)),

    open: (place, flags, call) => becoming(place, flags, call, (file) => file.open(flags, call.signal)),

    async create(dir, name, what, flags, call): Promise<Created<Place, Handle>> {
      const handle = await becoming(
        dir,
        flags,
        call,
        (file) => file.create(name, newFile(what, file.client), flags | O.CREAT | O.EXCL, call.signal),
      );
      try {
        return { node: await made(dir, name, call, handle.file), handle };
      } catch (thrown) {
        handle.file.letGo();
        throw thrown;
      }
    },
    async make(dir, name, what, call) {
      await by(dir, call, ({ file }) => file.make(name, newFile(what, file.client), call.signal));
      return await made(dir, name, call);
    },
    close: (_place, handle, { signal }) => explained(handle.life, () => handle.file.close(signal)),

    read: (_place, handle, offset, into, { signal }) => readBytes(handle, offset, into.byteLength, signal),
    async write(_place, handle, offset, data, { signal }) {
      // What cannot leave at once must not be lent: the bytes die with this call.
      const bytes = handle.appends || !handle.life.client.isReady ? data.slice() : data;
      return await opened(handle, async (file) => {
        const at = handle.appends ? (await file.getattr(signal)).size : offset;
        return await file.write(at, bytes, signal);
      });
    },
    list: (_dir, handle, cookie, max, _withAttr, { signal }) =>
      opened(handle, () => listFrom(handle, cookie, max, signal)),
    fsync: (place, handle, dataOnly, call) =>
      through(place, handle, call, (file) => file.fsync(dataOnly, call.signal)),

    async remove(place, call) {
      await by(place, call, async ({ file }) => await (await file.clone(call.signal)).remove(call.signal));
      known!.detach(place);
    },
    async rename(place, dir, name, noReplace, call) {
      if (noReplace) await missing(dir, name, call);
      await by(dir, call, ({ file: to }) =>
        by(place, call, async ({ file }) => {
          const { dialect } = file.client;
          if (dialect !== "9P2000.L" && place.parent !== dir) {
            throw new NineError(
              "EXDEV",
              `The other side speaks ${dialect}, which renames within a directory only`,
            );
          }
          await move(file, to, name, call.signal);
        }));
      known!.move(place, dir, name);
    },
    link: (place, dir, name, call) =>
      by(dir, call, ({ file: to }) => by(place, call, ({ file }) => to.link(file, name, call.signal))),
    readlink: (place, call) => by(place, call, ({ file }) => file.readlink(call.signal)),
    statfs: (place, call) =>
      by(
        place,
        call,
        ({ file }) =>
          file.client.dialect === "9P2000.L" ? file.statfs(call.signal) : Promise.resolve(plainStatfs()),
      ),

    getxattr: (place, name, call) => by(place, call, ({ file }) => file.getxattr(name, call.signal)),
    listxattr: (place, call) =>
      by(
        place,
        call,
        ({ file }) => file.client.dialect === "9P2000.L" ? file.listxattr(call.signal) : Promise.resolve([]),
      ),
    setxattr: (place, name, value, flags, call) =>
      by(place, call, ({ file }) => file.setxattr(name, value, flags, call.signal)),
  };

  return {
    server,
    address: link.name,
    get isConnected() {
      return link.isConnected;
    },
    close: () => link[Symbol.asyncDispose](),
    [Symbol.asyncDispose]: () => link[Symbol.asyncDispose](),
  };

  function readBytes(handle: Handle, offset: number, most: number, signal: AbortSignal): Promise<Uint8Array> {
    return opened(handle, (file) => file.readBytes(offset, most, signal));
  }

  /** The place of what was just made. Another file of that name by now is not ours to give out. */
  async function made(dir: Place, name: string, call: Call, file?: RemoteFile): Promise<Place> {
    const place = await reprieved(call, (later) => child(dir, name, later));
    if (file && place.qid.path !== file.qid.path) {
      throw new NineError(
        "ESTALE",
        `${JSON.stringify(name)} was replaced on the other side while it was made`,
      );
    }
    return place;
  }

  /** 9P has no rename that replaces nothing: somebody on the other side may still be faster. */
  async function missing(dir: Place, name: string, call: Call): Promise<void> {
    try {
      await child(dir, name, call);
    } catch (thrown) {
      if (errnoOf(thrown) === Errno.ENOENT) return;
      throw thrown;
    }
    throw new NineError("EEXIST", `${JSON.stringify(name)} is there already`);
  }
}

/** How much longer what was done already is seen to its end, ms. */
const REPRIEVE_MS = 1000;

/** What has been done is still to be told after a flush (rule R32), so that this comes to an end only a while later. */
async function reprieved<T>({ user, signal }: Call, action: (call: Call) => Promise<T>): Promise<T> {
  const later = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const wait = () => timer = setTimeout(() => later.abort(signal.reason), REPRIEVE_MS);
  if (signal.aborted) wait();
  else signal.addEventListener("abort", wait, { once: true });
  try {
    return await action({ user, signal: later.signal });
  } finally {
    signal.removeEventListener("abort", wait);
    clearTimeout(timer);
  }
}

/** The owner is whom we attached as. A group without a number there is left to the other side. */
function newFile({ mode, gid, flags, rdev, target }: Creation, client: Client): NewFile {
  const isNumbered = gid !== undefined && client.dialect === "9P2000.L" && hasNumber(gid, client);
  return {
    mode: mode & S.IFMT ? mode : mode | S.IFREG,
    ...(isNumbered ? { gid } : {}),
    ...(flags ? { flags } : {}),
    ...(rdev === undefined ? {} : { rdev }),
    ...(target === undefined ? {} : { target }),
  };
}

function hasNumber(gid: string, { principals }: Client): boolean {
  try {
    gidOf(gid, principals);
    return true;
  } catch {
    return false;
  }
}
