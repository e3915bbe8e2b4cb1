import { DatabaseSync } from "node:sqlite";
import { NineError } from "../../9p/mod.ts";
import { Packs } from "../chunks/mod.ts";
import { realDisk } from "../disk/mod.ts";
import { DATABASE, PACKS } from "../guard/mod.ts";
import { columnsOf, FORMAT, packRows } from "../store/mod.ts";
import { STATE_TABLES } from "./rejoin.ts";
import { newPackMessage, packHead, type PackPlace, STATE, stateMessage } from "./state_words.ts";

/** Tables that are the same on a new copy. What is not here a copy has for itself, or it is told anew. */
export const CLONED = [
  ...["meta", "node", "edge", "xattr", "orphan", "node_past", "edge_past", "xattr_past", "chunk", "moment"],
  ...[
    "snapshot",
    "journal",
    "change",
    "document",
    "extent",
    "tree_node",
    "tree_edge",
    "author",
    "copy",
    "absent",
    "untrimmed",
  ],
] as const;
/** Entries of `meta` that are the same on a new copy: never its name, its key or its place. */
export const CLONED_META = [
  ...[
    "volume",
    "key",
    "seq",
    "applied",
    "lastIno",
    "lastEid",
    "lastNumber",
    "lastRecord",
    "clock",
    "shared",
    "kept",
    "trimmed",
  ],
] as const;

const ROWS_BYTES = 256 * 1024;
/** With what is around it, it is read in one piece. */
const PACK_BYTES = 960 * 1024;

interface PackEnd {
  readonly pack: number;
  readonly bytes: number;
}

/**
 * A copy's state as it was when this was made, while the copy goes on: the database is read as of that moment, and packs only grow. Nobody may remove packs
 * before it has ended.
 */
export class StateSource implements Disposable {
  readonly #db: DatabaseSync;
  readonly #folder: string;
  #packs: PackEnd[] = [];
  #isOpen = true;

  constructor(folder: string) {
    this.#folder = folder;
    this.#db = new DatabaseSync(`${folder}/${DATABASE}`, { readOnly: true });
    // What is read first is what is read from then on.
    this.#db.exec("BEGIN; SELECT count(*) FROM meta");
  }

  /** Everything that a new copy has to have but contents; `isWhole`: these follow, by `contents`. */
  *clone(isWhole: boolean): Generator<Uint8Array> {
    if (isWhole) {
      this.#packs = this.#db.prepare(
        "SELECT pack, max(offset + length) AS bytes FROM chunk GROUP BY pack ORDER BY pack",
      ).all() as unknown as PackEnd[];
    }
    yield* this.rows(CLONED, this.#packs.reduce((sum, { bytes }) => sum + bytes, 0), isWhole);
    this[Symbol.dispose]();
  }

  /** The packs from that place on, and the end. */
  *contents(from: PackPlace): Generator<Uint8Array> {
    using files = new Packs(realDisk(this.#folder), PACKS);
    for (const { pack, bytes } of this.#packs) {
      if (pack < from.pack) continue;
      for (let offset = pack === from.pack ? from.offset : 0; offset < bytes; offset += PACK_BYTES) {
        const piece = newPackMessage({ pack, offset }, Math.min(PACK_BYTES, bytes - offset));
        try {
          files.read(pack, offset, piece.bytes);
        } catch (thrown) {
          throw new NineError("EIO", `The contents of the copy cannot be read: ${(thrown as Error).message}`);
        }
        yield piece.message;
      }
    }
    yield stateMessage(STATE.end);
  }

  /** What documents are made of, for a copy that has its own. */
  *state(): Generator<Uint8Array> {
    yield* this.rows(STATE_TABLES, 0);
    this[Symbol.dispose]();
  }

  /** The rows of these tables, after what they are; of chunks only where their bytes come as well. */
  *rows(tables: readonly string[], bytes: number, hasChunks = true): Generator<Uint8Array> {
    const columns = tables.map((name) => columnsOf(this.#db, name));
    const { volume, files } = this.#db.prepare(
      "SELECT (SELECT value FROM meta WHERE key = 'volume') AS volume, (SELECT count(*) FROM node) AS files",
    ).get() as { volume: string; files: number };
    yield packHead({
      ...{ format: FORMAT, volume, files, bytes },
      tables: tables.map((name, i) => ({ name, columns: columns[i] })),
    });
    const keys = CLONED_META.map((key) => `'${key}'`).join(", ");
    const queries = tables.map((name, table) => ({
      ...{ table, columns: columns[table] },
      sql: `SELECT ${columns[table].join(", ")} FROM ${name}` +
        (name === "meta" ? ` WHERE key IN (${keys})` : name === "chunk" && !hasChunks ? " WHERE false" : ""),
    }));
    for (const piece of packRows(this.#db, queries, ROWS_BYTES)) yield stateMessage(STATE.rows, piece);
  }

  [Symbol.dispose](): void {
    if (this.#isOpen) this.#db.close();
    this.#isOpen = false;
  }
}
