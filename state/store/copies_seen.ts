import type { DatabaseSync } from "node:sqlite";
import { copyKey, unpackSeen } from "../record/mod.ts";
import { authorOf } from "../tree/mod.ts";

/** A copy of the volume, as far as this one knows of it. */
export interface CopySeen {
  /** The beginning of its key, in hexadecimal digits. */
  readonly key: string;
  /** What it last called itself, where this copy has met it. */
  readonly name?: string;
  /** It is this one. */
  readonly isThis?: boolean;
  /** When it last said what it has, or was let in where it said nothing yet. */
  readonly seen: string;
  /** How many of the records that are here it had not got then; undefined where it said nothing yet. */
  readonly behind?: number;
  /** It was not heard of for so long that it is not waited for. */
  readonly isLeftOut?: boolean;
}

const KEY_DIGITS = 16;

/** All copies that were let in, this one first; a key as which several write, as after a restored backup, comes once for each. */
export function copiesSeen(db: DatabaseSync, sinceSec: number): CopySeen[] {
  const meta = (key: string) => db.prepare("SELECT value FROM meta WHERE key = ?").get(key)?.value;
  const self = authorOf(meta("incarnation") as Uint8Array);
  const own = hex(copyKey(meta("secret") as Uint8Array).publicKey);
  const authors = db.prepare("SELECT author, number FROM author").all() as unknown as AuthorRow[];
  const here = authors.map(({ author, number }) => ({ author: authorOf(author), number }));
  const statements = (db.prepare("SELECT author, key, time, numbers FROM statement WHERE slot = 0")
    .all() as unknown as StatementRow[]).filter(({ author }) => authorOf(author) !== self);
  const copies = db.prepare("SELECT key, since, name FROM copy ORDER BY since, key").all() as unknown as {
    key: Uint8Array;
    since: number;
    name: string | null;
  }[];
  const isOwn = ({ key }: { readonly key: Uint8Array }) => hex(key) === own;
  return copies.sort((a, b) => Number(isOwn(b)) - Number(isOwn(a))).flatMap(
    ({ key, since, name }): CopySeen[] => {
      const digits = hex(key);
      const about = { key: digits.slice(0, KEY_DIGITS), ...name === null ? {} : { name } };
      const said = statements.filter((each) => hex(each.key) === digits).map(
        ({ time, numbers }): CopySeen => {
          const has = unpackSeen(numbers);
          const behind = here.reduce(
            (sum, { author, number }) => sum + Math.max(0, number - (has.get(author) ?? 0)),
            0,
          );
          return { ...about, seen: textOf(time), behind, ...leftOut(time, sinceSec) };
        },
      );
      if (digits === own) {
        return [{ key: about.key, isThis: true, seen: textOf(Date.now() / 1000), behind: 0 }, ...said];
      }
      return said.length > 0 ? said : [{ ...about, seen: textOf(since), ...leftOut(since, sinceSec) }];
    },
  );
}

function leftOut(sec: number, sinceSec: number): Pick<CopySeen, "isLeftOut"> {
  return sec < sinceSec ? { isLeftOut: true } : {};
}

interface AuthorRow {
  readonly author: Uint8Array;
  readonly number: number;
}

interface StatementRow {
  readonly author: Uint8Array;
  readonly key: Uint8Array;
  readonly time: number;
  readonly numbers: Uint8Array;
}

function textOf(sec: number): string {
  return new Date(Math.floor(sec) * 1000).toISOString();
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
