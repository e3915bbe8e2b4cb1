/** Reading directories in 9P2000 and 9P2000.u: read(5) gives whole stat entries, in order (rule R28). */
import { errnoOf, NineError } from "../error.ts";
import { Errno } from "../errno.ts";
import { S, type U64 } from "../qid.ts";
import { writeStat } from "../wire/stat.ts";
import { Writer } from "../wire/writer.ts";
import type { Fid } from "./fid.ts";
import { type Attr, type Entry, type Later, then } from "./file_server.ts";
import { statOf } from "./modes.ts";
import type { Request } from "./request.ts";
import type { Session } from "./session.ts";

/** About what an entry takes; a list asks for as many as may fit, and the rest is asked for again. */
const ENTRY_BYTES = 80;

/** Which part of a listing: what was asked for ends at `end`, and the reply has `room` for so many bytes of it. */
interface Part {
  readonly offset: number;
  readonly end: number;
  readonly room: number;
}

export function readDirectory(
  session: Session,
  fid: Fid,
  { offset, end, room }: Part,
  request: Request,
): Later<void> {
  const { handle, list } = fid.opened("read");
  if (offset === 0) {
    list.offset = 0;
    list.cookie = 0;
    list.end = 0;
  } else if (offset !== list.offset) {
    throw new NineError(
      "EINVAL",
      `A directory read at ${offset}: allowed are 0 and ${list.offset}, where the last ended`,
    );
  }
  // Linux fills its buffer: after a short reply it asks for the rest of the same count, however little that is, and
  // takes an error there for one of the whole listing. Who reads with a buffer that is too small asks otherwise.
  const isRest = end === list.end;
  if (!session.server.list) throw new NineError("EOPNOTSUPP", "The file server lists no directories");
  const max = Math.ceil(room / ENTRY_BYTES);
  const page = new Page(session, fid, room, request);
  const more = (entries: Entry[]): Later<void> =>
    then(page.add(entries, 0), (state) => {
      // Entries that have gone since they were listed leave a page empty, yet it is not the end.
      if (state === "room" && page.isEmpty && entries.length > 0) {
        return then(session.server.list!(fid.node, handle, page.cookie, max, true, request), more);
      }
      if (state === "full" && page.isEmpty && !isRest) {
        throw new NineError(
          "EINVAL",
          `A directory read of ${room} bytes: the next entry does not fit into it`,
        );
      }
      list.offset = offset + page.bytes;
      list.cookie = page.cookie;
      list.end = end;
      request.reply("Rread", { data: page.data });
    });
  return then(session.server.list(fid.node, handle, list.cookie, max, true, request), more);
}

/** One reply's worth of whole entries. */
class Page {
  readonly #out = new Writer();
  cookie: U64;

  constructor(
    readonly session: Session,
    readonly fid: Fid,
    readonly room: number,
    readonly request: Request,
  ) {
    this.cookie = fid.opened("read").list.cookie;
  }

  get bytes(): number {
    return this.#out.length;
  }
  get isEmpty(): boolean {
    return this.#out.length === 0;
  }
  get data(): Uint8Array {
    return this.#out.written();
  }

  /** Adds the entries from index `from` on, until one does not fit. */
  add(entries: Entry[], from: number): Later<"full" | "room"> {
    for (let i = from; i < entries.length; i++) {
      const entry = entries[i];
      const later = entry.attr && !isSymlink(entry.attr)
        ? this.#put(entry, entry.attr, "")
        : this.#lookUp(entry);
      if (later instanceof Promise) {
        return later.then((fits) => fits ? this.add(entries, i + 1) : "full");
      }
      if (!later) return "full";
    }
    return "room";
  }

  /** Fetches what the listing did not bring. */
  #lookUp(entry: Entry): Later<boolean> {
    const { server } = this.session;
    const gone = (thrown: unknown): boolean => {
      const errno = errnoOf(thrown);
      if (errno !== Errno.ENOENT && errno !== Errno.ESTALE && errno !== Errno.EACCES) throw thrown;
      this.cookie = entry.cookie;
      return true;
    };
    try {
      const later = then(
        server.walk(this.fid.node, entry.name, this.request),
        (node) =>
          then(server.getattr(node, undefined, this.request), (attr) =>
            then(
              isSymlink(attr) && server.readlink ? server.readlink(node, this.request) : "",
              (target) => this.#put(entry, attr, target),
            )),
      );
      return later instanceof Promise ? later.catch(gone) : later;
    } catch (thrown) {
      return gone(thrown);
    }
  }

  #put(entry: Entry, attr: Attr, target: string): boolean {
    const { engine, dialect } = this.session;
    const before = this.#out.length;
    writeStat(this.#out, statOf(entry.name, attr, target, engine.principals, dialect!), dialect!);
    if (this.#out.length > this.room) {
      this.#out.cancel(before);
      return false;
    }
    this.cookie = entry.cookie;
    return true;
  }
}

function isSymlink(attr: Attr): boolean {
  return (attr.mode & S.IFMT) === S.IFLNK;
}
