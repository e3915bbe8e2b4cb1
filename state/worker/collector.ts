import type { DatabaseSync } from "node:sqlite";
import { copyLive, decodeDescriptor, liveBytes, orphanPacks } from "../chunks/mod.ts";
import {
  type ChunkRowsWriter,
  KEPT,
  packKept,
  run,
  SqliteTreeIndex,
  unpackKept,
  unpackNode,
} from "../store/mod.ts";
import type { ContentWriter } from "./content_writer.ts";
import type { FetchedChunks } from "./fetched.ts";
import { LiveIds } from "./live_ids.ts";
import type { Retention } from "../volume/mod.ts";

const DAY_SEC = 24 * 3600;
/** A pack with less than this part of it in use is written anew. */
const LIVE_MIN = 0.5;

/** Lets go of what nothing shows any more: history that need not be kept, then contents. It runs between transactions. */
export class Collector {
  readonly #db: DatabaseSync;
  readonly #chunks: ChunkRowsWriter;
  readonly #contents: ContentWriter;
  readonly #fetched: FetchedChunks;

  constructor(db: DatabaseSync, chunks: ChunkRowsWriter, contents: ContentWriter, fetched: FetchedChunks) {
    this.#fetched = fetched;
    this.#db = db;
    this.#chunks = chunks;
    this.#contents = contents;
  }

  /**
   * Rows of the past that no snapshot and no point that the rule keeps would show. `nowSec` is in seconds since 1970.
   * Returns how many went.
   *
   * Only records that are whole can be kept: the last one of an hour may not be one of those when the hours are counted again,
   * with another end. So the rule chooses among what was kept before and what was never thinned, and it is noted what it chose.
   */
  thin({ everything, hourly, daily }: Retention, nowSec: number): number {
    const recordAt = this.#db.prepare("SELECT max(seq) AS seq FROM moment WHERE time <= ?");
    const horizon = (recordAt.get(nowSec - everything * DAY_SEC) as { seq: number | null }).seq ?? 0;
    this.#db.exec(
      "BEGIN IMMEDIATE; CREATE TEMP TABLE kept(seq INTEGER PRIMARY KEY); CREATE TEMP TABLE whole(seq INTEGER PRIMARY KEY)",
    );
    try {
      const meta = this.#db.prepare("SELECT value FROM meta WHERE key = ?");
      const before = unpackKept((meta.get(KEPT) as { value: Uint8Array } | undefined)?.value);
      const addWhole = this.#db.prepare("INSERT INTO whole VALUES(?)");
      for (const seq of before.points) addWhole.run(seq);
      this.#db.exec(
        "INSERT OR IGNORE INTO whole SELECT seq FROM snapshot; INSERT INTO kept SELECT DISTINCT seq FROM snapshot",
      );
      const keep = this.#db.prepare(
        "INSERT OR IGNORE INTO kept SELECT max(seq) FROM moment WHERE time > ? AND time <= ? " +
          "AND (seq >= ? OR seq IN (SELECT seq FROM whole)) GROUP BY CAST(time / ? AS INTEGER)",
      );
      keep.run(nowSec - hourly * DAY_SEC, nowSec - everything * DAY_SEC, before.from, 3600);
      keep.run(nowSec - daily * DAY_SEC, nowSec - hourly * DAY_SEC, before.from, DAY_SEC);
      // Where more is to be kept than before, what is behind the end of the thinning stays as whole as it is.
      this.#db.prepare("INSERT OR IGNORE INTO kept SELECT seq FROM whole WHERE seq >= ?").run(horizon);
      let gone = 0;
      for (const table of ["node_past", "edge_past", "xattr_past"]) {
        const { changes } = this.#db.prepare(
          `DELETE FROM ${table} WHERE until <= ? AND NOT EXISTS ` +
            "(SELECT 1 FROM kept WHERE kept.seq >= since AND kept.seq < until)",
        ).run(horizon);
        gone += Number(changes);
      }
      const from = Math.max(before.from, horizon);
      const points = this.#db.prepare("SELECT seq FROM kept WHERE seq < ? ORDER BY seq").all(from);
      this.#db.prepare("INSERT OR REPLACE INTO meta(key, value) VALUES(?, ?)").run(
        KEPT,
        packKept({ from, points: (points as { seq: number }[]).map(({ seq }) => seq) }),
      );
      this.#forgetMoments(from);
      this.#db.exec("DROP TABLE kept; DROP TABLE whole");
      run(this.#db, "COMMIT");
      return gone;
    } catch (thrown) {
      this.#rollback();
      throw thrown;
    }
  }

  /** Times of records before `from` that no time and no history of a file leads to; the last of each hour tells where the next thinning ends. */
  #forgetMoments(from: number): void {
    this.#db.exec("CREATE TEMP TABLE told(seq INTEGER PRIMARY KEY)");
    for (const table of ["node", "node_past"]) {
      this.#db.prepare(`INSERT OR IGNORE INTO told SELECT since FROM ${table} WHERE since < ?`).run(from);
    }
    this.#db.prepare("INSERT OR IGNORE INTO told SELECT max(seq) FROM moment GROUP BY time / 3600").run();
    this.#db.prepare(
      "DELETE FROM moment WHERE seq < ? AND seq NOT IN (SELECT seq FROM told) AND seq NOT IN (SELECT seq FROM kept)",
    ).run(from);
    this.#db.exec("DROP TABLE told");
  }

  /**
   * Moves what is live out of packs that are mostly dead. The packs it returns can be removed once nobody reads them and
   * the database is durable.
   */
  move(onDamage: (reason: string) => void): number[] {
    const { packs } = this.#contents.store;
    this.#fetched.flush();
    const live = this.#live();
    const isLive = (id: Uint8Array) => live.has(id);
    this.#forgetAbsent(isLive);
    const bytesIn = (pack: number) => liveBytes(this.#chunks, pack, isLive);
    // What grows cannot be collected, so another begins where it is worth it.
    const { current } = packs;
    if (current > 0 && packs.bytes(current) > 0 && bytesIn(current) < packs.bytes(current) * LIVE_MIN) {
      packs.roll();
    }
    const emptied = orphanPacks(packs, this.#chunks);
    for (const pack of packs.list()) {
      if (pack === packs.current || emptied.includes(pack)) continue;
      if (bytesIn(pack) >= packs.bytes(pack) * LIVE_MIN) continue;
      const mark = packs.mark();
      let damaged: readonly { readonly reason: string }[];
      try {
        damaged = this.#move(pack, isLive);
      } catch (thrown) {
        // What was copied is nobody's, and the disk may be full.
        packs.backTo(mark);
        throw thrown;
      }
      for (const { reason } of damaged) onDamage(reason);
      if (damaged.length === 0) emptied.push(pack);
    }
    for (const pack of emptied) this.#contents.reader.forgetPack(pack);
    return emptied;
  }

  /** The database is durable, and nobody looks for anything in these any more. */
  remove(packs: readonly number[]): void {
    for (const pack of packs) this.#contents.store.packs.remove(pack);
  }

  /** What nothing needs any more is not asked for. */
  #forgetAbsent(isLive: (id: Uint8Array) => boolean): void {
    if (!this.#chunks.hasAbsent) return;
    run(this.#db, "BEGIN IMMEDIATE");
    try {
      this.#chunks.absent.keepOnly(isLive);
      run(this.#db, "COMMIT");
    } catch (thrown) {
      this.#rollback();
      throw thrown;
    }
  }

  #move(pack: number, isLive: (id: Uint8Array) => boolean): readonly { readonly reason: string }[] {
    const { moved, dead, damaged } = copyLive(this.#contents.store, this.#chunks, pack, isLive);
    this.#contents.store.packs.syncBlocking();
    run(this.#db, "BEGIN IMMEDIATE");
    try {
      for (const { id, ...place } of moved) this.#chunks.add(id, place);
      // What moved is in another one by now.
      if (damaged.length === 0) this.#chunks.removeIn(pack);
      else for (const { id } of [...dead]) this.#chunks.remove(id);
      run(this.#db, "COMMIT");
      return damaged;
    } catch (thrown) {
      this.#rollback();
      throw thrown;
    }
  }

  /** On a full disk SQLite has ended by itself what failed. */
  #rollback(): void {
    if (this.#db.isTransaction) this.#db.exec("ROLLBACK");
  }

  /** The ids of all chunks that some row, present or past, is made of. */
  #live(): LiveIds {
    const live = new LiveIds();
    for (const table of ["node", "node_past"]) {
      const rows = this.#db.prepare(`SELECT ino, data FROM ${table}`).iterate();
      for (const { ino, data } of rows as Iterable<{ ino: number; data: Uint8Array }>) {
        const { content } = unpackNode(ino, data);
        if (content === null) continue;
        const descriptor = decodeDescriptor(content);
        if (descriptor.id !== undefined && descriptor.depth === 0) live.add(descriptor.id);
        else for (const id of this.#contents.reader.ids(descriptor)) live.add(id);
      }
    }
    const { copies } = this.#db.prepare("SELECT count(*) AS copies FROM copy").get() as { copies: number };
    for (const { size, descriptor } of new SqliteTreeIndex(this.#db).kept(copies <= 1)) {
      if (size > 0) {
        for (const id of this.#contents.reader.ids(decodeDescriptor(descriptor))) live.add(id);
      }
    }
    for (const id of this.#fetched.spared()) live.add(id);
    return live;
  }
}
