import type { DatabaseSync } from "node:sqlite";
import { ChunkReader, decodeDescriptor, Packs } from "../chunks/mod.ts";
import type { Disk } from "../disk/mod.ts";
import { PACKS } from "../guard/mod.ts";
import { AbsentRows, ChunkRows, SqliteTreeIndex, unpackNode } from "../store/mod.ts";
import { fileContents } from "./clone_absent.ts";

/** Of a list of files as many are named. */
const NAMED_MAX = 20;
const ROOT_INO = 1;
const DEPTH_MAX = 10_000;

/** Notes that these chunks are not here, so that they come from another copy, as a part of the transaction that is open. */
export function letGoOf(db: DatabaseSync, disk: Disk, damaged: readonly Uint8Array[]): void {
  if (damaged.length === 0) return;
  const remove = db.prepare("DELETE FROM chunk WHERE id = ?");
  for (const id of damaged) remove.run(id);
  const absent = new AbsentRows(db);
  using reader = readerOf(db, disk);
  const names = new Set(damaged.map(String));
  const seen = new Set<string>();
  const note = (descriptor: Uint8Array) => {
    const content = decodeDescriptor(descriptor);
    for (const piece of reader.chunks.lacking(content, 0, content.size, false, seen)) {
      if (names.has(String(piece.id))) absent.add(piece, false);
    }
  };
  for (const content of fileContents(db)) note(content);
  for (const { size, descriptor } of new SqliteTreeIndex(db).kept(false)) if (size > 0) note(descriptor);
}

/** Files of today of which something is not here. */
export interface LackingFiles {
  readonly count: number;
  /** Of some of them; from the root of the volume on. */
  readonly paths: readonly string[];
}

export function lackingFiles(db: DatabaseSync, disk: Disk): LackingFiles {
  if (db.prepare("SELECT 1 FROM absent LIMIT 1").get() === undefined) return { count: 0, paths: [] };
  using reader = readerOf(db, disk);
  const paths: string[] = [];
  let count = 0;
  const rows = db.prepare("SELECT ino, data FROM node").iterate();
  for (const { ino, data } of rows as Iterable<{ ino: number; data: Uint8Array }>) {
    const { content } = unpackNode(ino, data);
    if (content === null || reader.chunks.lacking(decodeDescriptor(content)).next().done) continue;
    const path = pathOf(db, ino);
    if (path === undefined) continue;
    count++;
    if (paths.length < NAMED_MAX) paths.push(path);
  }
  return { count, paths: paths.sort() };
}

function readerOf(db: DatabaseSync, disk: Disk): Disposable & { readonly chunks: ChunkReader } {
  const { value } = db.prepare("SELECT value FROM meta WHERE key = 'key'").get() as { value: Uint8Array };
  const chunks = new ChunkReader({ packs: new Packs(disk, PACKS), index: new ChunkRows(db), key: value });
  return { chunks, [Symbol.dispose]: () => chunks.close() };
}

/** Undefined for one without a name. */
function pathOf(db: DatabaseSync, ino: number): string | undefined {
  const edgeTo = db.prepare("SELECT parent, name FROM edge WHERE ino = ? LIMIT 1");
  const names: string[] = [];
  for (let at = ino; at !== ROOT_INO;) {
    const edge = edgeTo.get(at) as { parent: number; name: string } | undefined;
    if (edge === undefined || names.length > DEPTH_MAX) return undefined;
    names.unshift(edge.name);
    at = edge.parent;
  }
  return names.map((name) => `/${name}`).join("");
}
