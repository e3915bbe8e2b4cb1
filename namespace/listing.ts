import { type Call, type Entry, type Later, pathOfText, type Qid, Qt, S, then, type U64 } from "../9p/mod.ts";
import type { Backing } from "./node.ts";
import type { Point } from "./point.ts";

/** An open directory: the parts that its listing is made of. */
export interface Part {
  readonly backing: Backing;
  readonly handle: unknown;
}

/** Where an entry of a union stands: in which part, or among the mounted names, and behind which cookie there. */
interface Position {
  readonly part: number;
  readonly cookie: U64;
}

/** The part of the names where something is mounted. */
const MOUNTED = -1;

/**
 * The listing of a directory that is made of several parts: first the names where something is mounted, then each
 * member's. A name that an earlier part has hides a later one. Cookies are numbers of positions, which carry the
 * member and its own cookie, and stay valid as long as the directory is open. Each position has one number, so that
 * listing a directory again and again takes no memory.
 */
export class UnionListing {
  readonly #positions: Position[] = [];
  /** By part, MOUNTED first: the numbers of positions by their cookies. */
  readonly #numbers: Map<U64, number>[];
  /** Which part shows a name, since the listing last began. */
  readonly #shownBy = new Map<string, number>();

  constructor(readonly point: Point, readonly parts: readonly Part[]) {
    this.#numbers = Array.from({ length: 1 + parts.length }, () => new Map());
  }

  list(cookie: U64, max: number, withAttr: boolean, call: Call): Later<Entry[]> {
    if (cookie === 0) this.#shownBy.clear();
    const from = cookie === 0 ? { part: MOUNTED, cookie: 0 } : this.#positions[Number(cookie) - 1];
    return from ? this.#listFrom(from, max, withAttr, call) : [];
  }

  #listFrom(from: Position, max: number, withAttr: boolean, call: Call): Later<Entry[]> {
    if (from.part === MOUNTED) {
      // Children are in the order of their serials.
      const children = [...this.point.children.values()].filter(({ serial }) => serial > Number(from.cookie));
      if (children.length > 0) {
        return children.slice(0, max).map((child) =>
          this.#entry({ name: child.name, cookie: child.serial, ...childEntry(child) }, MOUNTED)
        );
      }
      return this.#listFrom({ part: 0, cookie: 0 }, max, withAttr, call);
    }
    const part = this.parts[from.part];
    if (!part) return [];
    const { mount, inner } = part.backing;
    return then(
      mount.server.list?.(inner, part.handle, from.cookie, max, withAttr, call) ?? [],
      (entries) => {
        if (entries.length === 0) {
          return this.#listFrom(
            { part: from.part + 1, cookie: 0 },
            max,
            withAttr,
            call,
          );
        }
        const shown = entries.filter(({ name }) => (this.#shownBy.get(name) ?? from.part) === from.part);
        if (shown.length === 0) {
          const { cookie } = entries[entries.length - 1];
          return this.#listFrom({ part: from.part, cookie }, max, withAttr, call);
        }
        return shown.map((entry) => {
          entry.qid = mount.source.qid(entry.qid);
          if (entry.attr) entry.attr.qid = entry.qid;
          return this.#entry(entry, from.part);
        });
      },
    );
  }

  #entry(entry: Entry, part: number): Entry {
    this.#shownBy.set(entry.name, part);
    const numbers = this.#numbers[part + 1];
    let number = numbers.get(entry.cookie);
    if (number === undefined) {
      number = this.#positions.push({ part, cookie: entry.cookie });
      numbers.set(entry.cookie, number);
    }
    return { ...entry, cookie: number };
  }
}

/** What a listing says of a mounted name: that of its first member, or of a plain directory. */
function childEntry(child: Point): Pick<Entry, "qid" | "mode"> {
  const [first] = child.backings;
  const qid = first ? first.mount.source.qid(first.mount.server.qid(first.inner)) : pointQid(child);
  return { qid, mode: qid.type & Qt.DIR ? S.IFDIR : S.IFREG };
}

/** The qid of a directory that is nothing but a way to mounted names: made from its path, so stable. */
export function pointQid(point: Point): Qid {
  return { type: Qt.DIR, version: 0, path: pathOfText(point.path) };
}
