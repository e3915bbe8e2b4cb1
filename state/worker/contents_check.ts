import { DatabaseSync } from "node:sqlite";
import { chunkIds, ID_BYTES, type IdOf, Packs } from "../chunks/mod.ts";
import { realDisk } from "../disk/mod.ts";
import { DATABASE, PACKS } from "../guard/mod.ts";
import { isThere } from "./cloned_packs.ts";

/** How far packs have come: all before that one, and that one up to there. */
export interface Reached {
  readonly pack: number;
  readonly end: number;
}

/** Looks at what is in the chunks of a copy that is being made, in the order of packs, as far as these have come. */
export class ContentsCheck implements Disposable {
  readonly #packs: Packs;
  readonly #idOf: IdOf;
  /** Of each chunk the id, the pack, where it begins and how long it is: the database is not to be kept from who writes to it. */
  readonly #ids: Uint8Array;
  readonly #places: Uint32Array;
  #next = 0;
  /** Ids of chunks whose bytes are not what was written. */
  readonly damaged: Uint8Array[] = [];

  constructor(folder: string) {
    this.#packs = new Packs(realDisk(folder), PACKS);
    using db = new DatabaseSync(`${folder}/${DATABASE}`, { readOnly: true });
    const { count } = db.prepare("SELECT count(*) AS count FROM chunk").get() as { count: number };
    const { key } = db.prepare("SELECT value AS key FROM meta WHERE key = 'key'").get() as {
      key: Uint8Array;
    };
    this.#idOf = chunkIds(key);
    this.#ids = new Uint8Array(count * ID_BYTES);
    this.#places = new Uint32Array(count * 3);
    const rows = db.prepare("SELECT id, pack, offset, length FROM chunk ORDER BY pack, offset").iterate();
    let at = 0;
    for (const { id, pack, offset, length } of rows as unknown as Iterable<Row>) {
      this.#ids.set(id, at * ID_BYTES);
      this.#places.set([pack, offset, length], 3 * at++);
    }
  }

  /** Goes on up to there. */
  reach(reached: Reached): void {
    for (; this.#next * 3 < this.#places.length; this.#next++) {
      const [pack, offset, length] = this.#places.subarray(3 * this.#next, 3 * this.#next + 3);
      if (pack > reached.pack || pack === reached.pack && offset + length > reached.end) return;
      const id = this.#ids.slice(this.#next * ID_BYTES, (this.#next + 1) * ID_BYTES);
      if (!isThere(this.#packs, { id, pack, offset, length }, this.#idOf)) this.damaged.push(id);
    }
  }

  [Symbol.dispose](): void {
    this.#packs.close();
  }
}

interface Row {
  readonly id: Uint8Array;
  readonly pack: number;
  readonly offset: number;
  readonly length: number;
}
