/** Somebody who does anything that can be done in a volume, by chance. */
import { canWrite, Errno, errnoOf, O, Qt, S } from "../../9p/mod.ts";
import { call, file, now, type Place, places, put, rewrite, type Server } from "./_fixture.ts";

type Below = (n: number) => number;
type Handle = ReturnType<Server["open"]> extends infer H ? Awaited<H> : never;

/** A file that is open, for reading, writing or both. */
export interface Opened {
  readonly place: Place;
  readonly handle: Handle;
}

const NAMES = 7;
const NAMES_MAX = 70;
const OPEN_MAX = 8;
/** What a volume may answer to something that does not go. */
const REFUSALS = new Set<number>([
  Errno.EEXIST,
  Errno.ENOTEMPTY,
  Errno.EINVAL,
  Errno.EBUSY,
  Errno.EISDIR,
  Errno.ENOTDIR,
  Errno.ENOENT,
  Errno.ENODATA,
  Errno.EPERM,
  Errno.EOPNOTSUPP,
]);

export class Walker {
  readonly opened: Opened[] = [];
  readonly held: Place[] = [];

  constructor(readonly server: Server, readonly root: Place, readonly below: Below) {}

  act(): void {
    try {
      this.#act();
    } catch (thrown) {
      if (!REFUSALS.has(errnoOf(thrown))) throw thrown;
    }
  }

  /** Writes to a file that is open for it, if there is one, and returns what and where. */
  write():
    | { readonly place: Place; readonly offset: number; readonly text: string; written: unknown }
    | undefined {
    const { server, below } = this;
    const writable = this.opened.filter(({ handle }) => handle.writes);
    if (writable.length === 0) return undefined;
    const { place, handle } = writable[below(writable.length)];
    const text = `piece ${below(1000)}`;
    const offset = handle.append ? 0 : below(12);
    return { place, offset, text, written: server.write(place, handle, offset, bytes(text), call) };
  }

  /** Lets everything go. */
  end(): void {
    while (this.opened.length > 0) this.#close();
    while (this.held.length > 0) this.server.drop(this.held.shift()!);
  }

  #act(): void {
    const { server, below, root } = this;
    const all = places(server, root);
    const dirs = all.filter(({ inode }) => inode.isDirectory);
    const [dir, any] = [dirs[below(dirs.length)], all[below(all.length)]];
    const name = `n${below(NAMES)}`;
    if (all.length > NAMES_MAX) return this.#removeAll(any);
    switch (below(20)) {
      case 0:
      case 1:
        return void now(
          server.make(dir, name, { mode: S.IFDIR | 0o755 | below(2) * S.ISGID, uid: "me" }, call),
        );
      case 2:
      case 3:
        return void put(server, dir, name, `text ${below(1000)}`);
      case 4:
        return void now(server.remove(any, call));
      case 5:
        return this.#removeAll(any);
      case 6:
      case 7:
      case 8:
      case 9:
        return void now(server.rename(any, dir, name, false, call));
      case 10:
      case 11:
        return void (any.inode.isDirectory || now(server.link(any, dir, name, call)));
      case 12:
        return void (any.inode.contents && rewrite(server, any, `text ${below(1000)}`));
      case 13:
        return this.#setattr(any);
      case 14: {
        const value = below(3) === 0 ? null : new Uint8Array([below(9)]);
        return void now(server.setxattr(any, `user.${below(3)}`, value, 0, call));
      }
      case 15: {
        const link = { mode: S.IFLNK | 0o777, uid: "me", target: `target ${below(9)}` };
        return void now(server.make(dir, name, below(2) ? link : { mode: S.IFIFO | 0o600, uid: "me" }, call));
      }
      case 16:
        server.hold(any);
        this.held.push(any);
        if (this.held.length > OPEN_MAX) server.drop(this.held.shift()!);
        return;
      case 17:
        return this.#open(any, dir, name);
      case 18:
        return void this.write();
      case 19:
        return this.#close();
    }
  }

  #setattr(any: Place): void {
    const { server, below } = this;
    const time = () => ({ sec: below(1e9), nsec: below(1e9) });
    const changes = [
      { mode: below(0o7777) },
      { uid: ["me", "you"][below(2)], gid: ["us", "them"][below(2)] },
      { atime: time(), mtime: time() },
      { flags: below(2) * Qt.APPEND },
      any.inode.contents ? { size: below(20) } : {},
    ];
    now(server.setattr(any, changes[below(changes.length)], undefined, call));
  }

  #open(any: Place, dir: Place, name: string): void {
    const { server, below, opened } = this;
    if (opened.length > OPEN_MAX) this.#close();
    const flags = [O.RDONLY, O.WRONLY, O.RDWR, O.RDWR | O.APPEND, O.RDWR | O.TRUNC][below(5)];
    if (!any.inode.contents) {
      const { node, handle } = now(server.create(dir, name, file, O.RDWR, call));
      server.hold(node);
      opened.push({ place: node, handle });
      return;
    }
    server.hold(any);
    const handle = now(server.open(any, flags, call));
    opened.push({ place: any, handle });
    if (canWrite(flags)) this.write();
  }

  #close(): void {
    const { server, opened } = this;
    const one = opened.splice(this.below(Math.max(1, opened.length)), 1)[0];
    if (one === undefined) return;
    now(server.close(one.place, one.handle, call));
    server.drop(one.place);
  }

  #removeAll(any: Place): void {
    if (any.isRoot) return;
    for (const place of places(this.server, any).reverse()) now(this.server.remove(place, call));
  }
}

function bytes(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}
