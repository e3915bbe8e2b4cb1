import { Buffer } from "node:buffer";
import { randomBytes } from "node:crypto";
import { existsSync, readdirSync, readFileSync, renameSync, rmdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { DatabaseSync, StatementSync } from "node:sqlite";
import { NineError } from "../../9p/mod.ts";
import { CHUNK_MAX, chunkIds, ID_BYTES } from "../chunks/mod.ts";
import { type Disk, realDisk } from "../disk/mod.ts";
import { DATABASE, DatabaseGuard, PACKS, placeOf } from "../guard/mod.ts";
import { copyKey, KEY_BYTES } from "../record/mod.ts";
import { columnsOf, FORMAT, openDatabase, RowsReader, run, type Value } from "../store/mod.ts";
import { cloningFolder, FRAME, type Frame, lockFolder } from "../volume/mod.ts";
import { noteContents } from "./clone_absent.ts";
import { type LackingFiles, lackingFiles, letGoOf } from "./clone_contents.ts";
import { type ClonedChunk, ClonedPacks } from "./cloned_packs.ts";
import type { ContentsChoice, Told, Wish } from "./exchange_words.ts";
import { CHOICE } from "./copy_keeper.ts";
import { CLONED, CLONED_META } from "./state_source.ts";
import { secretIn } from "./key_file.ts";
import { isTaken } from "./own_key.ts";
import { RowsCheck } from "./rows_check.ts";
import { type Head, packFrom, type PackPlace, parseHead, parsePack, STATE } from "./state_words.ts";

/** The way to a copy whose exchange was opened: frames out of it and into it. */
export interface Source {
  /** The next frames; none once it has ended. */
  read(signal: AbortSignal): Promise<readonly Frame[]>;
  write(frame: Frame): Promise<void>;
}

export interface CloneProgress {
  readonly rows: number;
  /** Of contents, and how many there are. */
  readonly bytes: number;
  readonly bytesAll: number;
  /** Everything has come and is being checked. */
  readonly isChecking: boolean;
}

export interface Cloned {
  readonly files: number;
  readonly bytes: number;
  /** Chunks that came damaged, and are to come from another copy. */
  readonly damaged: number;
  /** What the other copy could not give, where everything was to come. */
  readonly lacking: LackingFiles | undefined;
}

export interface CloneOptions {
  /** With `on-demand`, the contents of files come when somebody reads them, and those that merges need with the first exchange. */
  readonly contents?: ContentsChoice;
  /** Where the home keeps the key that copies in it write with; it has one of its own if not given. */
  readonly keyFile?: string;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: CloneProgress) => void;
}

const KEY_FILE = "key";
/** The packs of the try before, until there is a database. */
const EARLIER = "earlier";
/** Chunks are read in pieces of so many bytes while others come. */
const CHECKED_AT_ONCE = 8 * 1024 * 1024;
/** A list of chunks is no longer than that, either. */
const CHUNK_BYTES_MAX = 16 * CHUNK_MAX;

/**
 * Makes a new copy of the volume at the other end in a folder that is not there yet, or empty. It is made beside it, and becomes a volume in one moment, once it is whole and was checked; one that
 * was interrupted is none, and the next try goes on with the contents that came, under the name that the source let in.
 */
export async function receiveClone(
  folder: string,
  source: Source,
  { contents = "whole", keyFile, signal = new AbortController().signal, onProgress = () => {} }:
    CloneOptions = {},
): Promise<Cloned> {
  using clone = new Clone(folder, contents, keyFile);
  const wish: Partial<Wish> = { do: "clone", key: clone.key, contents };
  await source.write({ kind: FRAME.word, payload: new TextEncoder().encode(JSON.stringify(wish)) });
  let told: Told | undefined;
  while (!clone.isWhole) {
    const frames = await source.read(signal);
    if (frames.length === 0) {
      const reason = told !== undefined && "failed" in told ? told.failed : "the other copy went away";
      throw new NineError("EIO", `The clone is not whole: ${reason}`);
    }
    for (const { kind, payload } of frames) {
      if (kind === FRAME.word) told = JSON.parse(new TextDecoder().decode(payload)) as Told;
      else clone.take(payload);
    }
    onProgress(clone.progress(false));
    if (!clone.isAsking) continue;
    const from = await clone.contentsFrom(() => {
      signal.throwIfAborted();
      onProgress(clone.progress(false));
    });
    await source.write({ kind: FRAME.message, payload: packFrom(from) });
  }
  onProgress(clone.progress(true));
  return await clone.finish();
}

/** A copy that is being made. */
export class Clone implements Disposable {
  readonly #folder: string;
  /** Where it is made. */
  readonly #work: string;
  readonly #lock: Deno.FsFile;
  readonly #secret: Uint8Array;
  readonly #guard: DatabaseGuard;
  readonly #disk: Disk;
  #db: DatabaseSync | undefined;
  readonly #inserts: StatementSync[] = [];
  readonly #indexes: string[] = [];
  #head: Head | undefined;
  #reader: RowsReader | undefined;
  #rows = 0;
  readonly #packs: ClonedPacks;
  readonly #check: RowsCheck;
  /** Bytes that came since the check was told. */
  #unchecked = 0;
  #isAsked = false;
  #isWhole = false;

  constructor(folder: string, readonly contents: ContentsChoice, keyFile?: string) {
    this.#folder = folder;
    if (existsSync(folder) && readdirSync(folder).length > 0) {
      throw new NineError("EEXIST", `${folder} has something in it already: a clone is made in a new folder`);
    }
    const work = this.#work = cloningFolder(folder);
    this.#disk = realDisk(work);
    this.#lock = lockFolder(work);
    try {
      this.#secret = secretFor(work, keyFile);
      const [packs, earlier] = [PACKS, EARLIER].map((name) => join(work, name));
      // Beside packs there would have to be a database.
      if (existsSync(packs)) renameSync(packs, earlier);
      for (const each of readdirSync(work)) {
        if (![KEY_FILE, EARLIER, "lock"].includes(each)) rmSync(join(work, each), { recursive: true });
      }
      this.#guard = new DatabaseGuard(this.#disk);
      this.#guard.open(0);
      // Nothing of a copy to which contents come when they are read refers to these.
      if (contents !== "whole") rmSync(earlier, { recursive: true, force: true });
      else if (existsSync(earlier)) renameSync(earlier, packs);
      this.#packs = new ClonedPacks(this.#disk);
      this.#check = new RowsCheck();
    } catch (thrown) {
      this.#lock.close();
      throw thrown;
    }
  }

  /** The public key that the source lets in, in hexadecimal. */
  get key(): string {
    return Buffer.from(copyKey(this.#secret).publicKey).toString("hex");
  }

  get isWhole(): boolean {
    return this.#isWhole;
  }

  progress(isChecking: boolean): CloneProgress {
    return { rows: this.#rows, bytes: this.#packs.bytes, bytesAll: this.#head?.bytes ?? 0, isChecking };
  }

  /** Takes a message of the source. EINVAL for what no source says. */
  take(message: Uint8Array): void {
    if (this.#isWhole) throw new NineError("EINVAL", "A message came after the last one");
    if (this.#head === undefined) return this.#begin(parseHead(message));
    const kind = message[0];
    if (kind === STATE.rows) {
      this.#reader!.add(message.subarray(1));
      if (this.#reader!.isEnded) this.#endRows();
    } else if (kind === STATE.pack && this.#isAsked) this.#putPack(message);
    else if (kind === STATE.end && this.#reader!.isEnded && !this.isAsking) this.#isWhole = true;
    else throw new NineError("EINVAL", `A message of kind ${kind} came, which is none or out of turn`);
  }

  #putPack(message: Uint8Array): void {
    const piece = parsePack(message);
    this.#packs.put(piece);
    this.#unchecked += piece.bytes.byteLength;
    if (this.#unchecked < CHECKED_AT_ONCE) return;
    this.#unchecked = 0;
    this.#check.reached({ pack: piece.pack, end: piece.offset + piece.bytes.byteLength });
  }

  /** It has all rows, and is to say from where on it lacks contents. */
  get isAsking(): boolean {
    return this.contents === "whole" && !this.#isAsked && this.#reader?.isEnded === true;
  }

  /** The place in the packs from which on they are to come: an earlier try may have brought some. */
  async contentsFrom(onTurn: () => void): Promise<PackPlace> {
    this.#isAsked = true;
    const db = this.#db!;
    const { key } = db.prepare("SELECT value AS key FROM meta WHERE key = 'key'").get() as {
      key: Uint8Array;
    };
    const chunks = db.prepare("SELECT id, pack, offset, length FROM chunk ORDER BY pack, offset").iterate();
    return await this.#packs.keep(chunks as unknown as Iterable<ClonedChunk>, chunkIds(key), onTurn);
  }

  /** Makes it a volume. EIO where what came is not sound; there is no volume then. */
  async finish(): Promise<Cloned> {
    const db = this.#db!;
    await this.#packs.finish();
    await this.#check.free();
    this.#checkEnds(db);
    const applied = this.#name(db);
    run(db, "PRAGMA journal_mode = WAL");
    run(db, "PRAGMA synchronous = NORMAL");
    run(db, "BEGIN IMMEDIATE");
    // One that another copy in this home writes with is that of a copied one: a key of its own comes with its first start.
    const isSecond = isTaken({
      folder: this.#folder,
      volume: this.#head!.volume,
      secret: this.#secret,
    });
    db.prepare("INSERT OR REPLACE INTO meta(key, value) VALUES('place', ?)")
      .run(isSecond ? "" : placeOf(join(this.#work, DATABASE)));
    if (this.contents !== "whole") noteContents(db);
    run(db, "COMMIT");
    const { problems, damaged } = await this.#check.found(this.#work);
    if (problems.length > 0) {
      throw new NineError(
        "EIO",
        `The copy that came is not sound (${problems.length} problems): ${problems[0]}`,
      );
    }
    // What is damaged there is taken from whoever has it.
    run(db, "BEGIN IMMEDIATE");
    letGoOf(db, this.#disk, damaged);
    run(db, "COMMIT");
    const lacking = this.contents === "whole" ? lackingFiles(db, this.#disk) : undefined;
    this.#guard.before();
    run(db, "PRAGMA wal_checkpoint(TRUNCATE)");
    const database = this.#disk.open(DATABASE);
    database.syncBlocking();
    this.#guard.remake();
    this.#guard.broughtOver(applied);
    this.#db = undefined;
    this.#guard.closing(() => db.close(), applied);
    database.close();
    this.#guard[Symbol.dispose]();
    rmSync(join(this.#work, KEY_FILE));
    this.#disk.syncFolderBlocking("");
    if (existsSync(this.#folder)) rmdirSync(this.#folder);
    renameSync(this.#work, this.#folder);
    realDisk(dirname(this.#folder)).syncFolderBlocking("");
    return { files: this.#head!.files, bytes: this.#packs.bytes, damaged: damaged.length, lacking };
  }

  [Symbol.dispose](): void {
    this.#check[Symbol.dispose]();
    this.#packs[Symbol.dispose]();
    this.#db?.close();
    this.#guard[Symbol.dispose]();
    this.#lock.close();
  }

  #begin(head: Head): void {
    if (head.format !== FORMAT) {
      const newer = head.format > FORMAT ? "update this program" : "update that program";
      throw new NineError(
        "EINVAL",
        `The other copy has format ${head.format}, and this one makes ${FORMAT}: ${newer}`,
      );
    }
    const db = this.#db = openDatabase(join(this.#work, DATABASE));
    const columns = CLONED.map((table) => columnsOf(db, table));
    const isSame = head.tables.length === CLONED.length &&
      head.tables.every(({ name, columns: told }, i) =>
        name === CLONED[i] && told.join() === columns[i].join()
      );
    if (!isSame) throw new NineError("EINVAL", "The other copy has other tables than this program makes");
    this.#head = head;
    // It is thrown away if this does not end well.
    run(db, "PRAGMA journal_mode = OFF");
    run(db, "PRAGMA synchronous = OFF");
    const indexes = db.prepare("SELECT name, sql FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL")
      .all();
    for (const { name, sql } of indexes as { name: string; sql: string }[]) {
      run(db, `DROP INDEX ${name}`);
      this.#indexes.push(sql);
    }
    for (const [i, table] of CLONED.entries()) {
      const places = columns[i].map(() => "?").join(", ");
      this.#inserts.push(db.prepare(`INSERT INTO ${table}(${columns[i].join(", ")}) VALUES(${places})`));
    }
    this.#reader = new RowsReader(
      columns.map(({ length }) => length),
      (table, values) => this.#row(table, values),
    );
    run(db, "BEGIN");
  }

  #row(table: number, values: Value[]): void {
    this.#rows++;
    if (CLONED[table] === "meta" && !isMeta(values)) {
      throw new NineError(
        "EINVAL",
        `The other copy tells ${JSON.stringify(values[0])} of itself, which is not asked`,
      );
    }
    try {
      this.#inserts[table].run(...values);
    } catch (thrown) {
      throw new NineError(
        "EINVAL",
        `A row of ${CLONED[table]} that came does not fit: ${(thrown as Error).message}`,
      );
    }
  }

  #endRows(): void {
    const db = this.#db!;
    for (const sql of this.#indexes) run(db, sql);
    run(db, "COMMIT");
    const meta = db.prepare("SELECT value FROM meta WHERE key = ?");
    const { value } = (meta.get("volume") ?? {}) as { value?: unknown };
    if (value !== this.#head!.volume) {
      throw new NineError("EINVAL", "The other copy tells two volumes at once");
    }
    if (meta.get("key") === undefined) {
      throw new NineError("EINVAL", "The other copy does not tell the key by which chunks are called");
    }
    if (db.prepare("SELECT 1 FROM copy WHERE key = ?").get(copyKey(this.#secret).publicKey) === undefined) {
      throw new NineError("EINVAL", "The other copy did not let this one into the volume");
    }
    this.#checkChunks(db);
    if (this.contents === "whole") this.#check.begin(this.#work);
  }

  /** What is said of chunks is of the kind that it has to be. What is in them is held against their names when they are read, as always. */
  #checkChunks(db: DatabaseSync): void {
    const { wrong } = db.prepare(
      "SELECT count(*) AS wrong FROM chunk WHERE typeof(id) <> 'blob' OR length(id) <> ? OR typeof(offset) <> 'integer' " +
        "OR typeof(length) <> 'integer' OR offset < 0 OR length <= 0 OR length > ? OR typeof(pack) <> 'integer' OR keyId <> 0",
    ).get(ID_BYTES, CHUNK_BYTES_MAX) as { wrong: number };
    if (wrong > 0) throw new NineError("EINVAL", `The other copy tells of ${wrong} chunks what cannot be`);
  }

  /** Where chunks are said to be there are bytes. */
  #checkEnds(db: DatabaseSync): void {
    const packs = db.prepare("SELECT pack, max(offset + length) AS end FROM chunk GROUP BY pack").all();
    for (const { pack, end } of packs as { pack: number; end: number }[]) {
      if (end <= this.#packs.end(pack)) continue;
      throw new NineError("EINVAL", `Chunks that came are said to be where nothing is, as in pack ${pack}`);
    }
  }

  /** Makes it a copy of its own; the last operation that it has. */
  #name(db: DatabaseSync): number {
    const put = db.prepare("INSERT OR REPLACE INTO meta(key, value) VALUES(?, ?)");
    put.run("incarnation", new Uint8Array(randomBytes(8)));
    put.run("secret", this.#secret);
    if (this.contents !== "whole") put.run(CHOICE, this.contents);
    const { value } = (db.prepare("SELECT value FROM meta WHERE key = 'applied'").get() ?? { value: 0 }) as {
      value: number;
    };
    return value;
  }
}

/** The key of the try before, which the source has let in already, or that of the home. */
function secretFor(work: string, keyFile: string | undefined): Uint8Array {
  const path = join(work, KEY_FILE);
  if (existsSync(path)) {
    const secret = new Uint8Array(readFileSync(path));
    if (secret.byteLength === KEY_BYTES) return secret;
  }
  const secret = secretIn(keyFile);
  writeFileSync(path, secret, { mode: 0o600 });
  return secret;
}

function isMeta([key, value]: Value[]): boolean {
  if (!(CLONED_META as readonly Value[]).includes(key)) return false;
  if (key === "volume") return typeof value === "string";
  if (key === "key") return value instanceof Uint8Array && value.byteLength === 32;
  if (key === "kept") return value instanceof Uint8Array && value.byteLength % 8 === 0;
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}
