/** Copies of one volume as Keepers on folders of their own, and what is done to them, for the tests beside this. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { join } from "node:path";
import { S, type Timestamp } from "../../9p/mod.ts";
import { ChunkReader, decodeDescriptor, Packs } from "../chunks/mod.ts";
import { type Disk, realDisk } from "../disk/mod.ts";
import { Log } from "../log/mod.ts";
import { encode, type Operation } from "../operation/mod.ts";
import { IndexReader, type NodeRow } from "../store/mod.ts";
import { DATABASE, LOG, PACKS } from "../volume/mod.ts";
import { copyFolder, newsFrom } from "./_exchange.ts";
import { DatabaseGuard } from "../guard/mod.ts";
import { Keeper } from "./keeper.ts";
import { verify } from "./verify.ts";

export const ROOT_INO = 1;
const OPTIONS = { owned: { uid: "me", gid: "us" }, checkpointOperations: 50_000 };
const utf8 = new TextEncoder();

type Words<Kind extends Operation["kind"]> = Omit<Extract<Operation, { kind: Kind }>, "kind" | "by" | "time">;

/** Tells when operations are done. */
export interface Clock {
  /** When the next one is. */
  time(): Timestamp;
  /** The same, and it is done. */
  tick(): Timestamp;
}

/** What a copy consists of while it is open. */
export interface Parts {
  readonly disk: Disk;
  readonly guard: DatabaseGuard;
  readonly keeper: Keeper;
  readonly log: Log;
}

/** Copies that know of each other what they were told. Times go up by a second from operation to operation. */
export class World implements Clock {
  readonly copies: Copy[] = [];
  sec = 1_700_000_000;

  private constructor(readonly folder: string) {}

  time(): Timestamp {
    return { sec: this.sec, nsec: 0 };
  }

  tick(): Timestamp {
    return { sec: this.sec++, nsec: 0 };
  }

  /** Acts on copies that begin as `before` made the first one. All are sound in the end. */
  static async with(
    count: number,
    act: (copies: Copy[], world: World) => void | Promise<void>,
    before: (copy: Copy) => void = () => {},
  ): Promise<void> {
    const world = new World(await Deno.makeTempDir({ prefix: "lux9-copies-" }));
    try {
      const first = new Copy(world, join(world.folder, "0"));
      before(first);
      first.keeper.share();
      first.close();
      for (let i = 1; i < count; i++) copyFolder(first.folder, join(world.folder, String(i)));
      for (let i = 0; i < count; i++) world.copies.push(new Copy(world, join(world.folder, String(i))));
      // Of two equal clocks the higher name wins, and here that is the later copy.
      world.copies.sort((a, b) => a.incarnation < b.incarnation ? -1 : 1);
      await act(world.copies, world);
      for (const copy of world.copies) copy.check();
    } finally {
      for (const copy of world.copies) copy.close();
      await Deno.remove(world.folder, { recursive: true });
    }
  }
}

/** Everybody gets everything, and shows the same. */
export function meet(copies: readonly Copy[]): string[] {
  for (const to of copies) for (const from of copies) to.receive(from);
  for (const copy of copies) copy.check();
  for (const copy of copies.slice(1)) assert.deepEqual(copy.dump(), copies[0].dump());
  return copies[0].tree();
}

export class Copy {
  protected readonly parts: Parts;
  readonly keeper: Keeper;
  readonly index: IndexReader;
  #nextIno: number;
  #nextEid: number;
  #isOpen = true;
  held = new Set<number>();

  constructor(readonly clock: Clock, readonly folder: string, parts = openParts(folder)) {
    this.parts = parts;
    this.keeper = parts.keeper;
    this.index = new IndexReader(join(folder, DATABASE));
    const even = (last: number) => last + last % 2;
    this.#nextIno = even(this.index.lastIno());
    this.#nextEid = even(this.index.lastEid());
  }

  get incarnation(): string {
    return Buffer.from(this.index.meta("incarnation") as Uint8Array).toString("hex");
  }

  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.index[Symbol.dispose]();
    this.keeper.checkpoint();
    this.keeper[Symbol.dispose]();
    this.parts.guard[Symbol.dispose]();
    this.parts.log.close();
  }

  check(): void {
    assert.deepEqual(verify(this.folder, undefined, this.parts.disk).problems, []);
  }

  /** Takes in what the other one has and this one has not; says which files are others by that. */
  receive(from: Copy): readonly number[] {
    if (from === this) return [];
    from.keeper.share();
    const news = newsFrom(from.folder, this.folder);
    const { number } = this.log("receive", {});
    this.apply();
    assert.deepEqual(this.keeper.copy.receive(news, number, this.held), []);
    this.index.renew();
    return this.keeper.takeChanged();
  }

  #reader(): ChunkReader {
    const packs = new Packs(this.parts.disk, PACKS);
    return new ChunkReader({ packs, index: this.index.chunks, key: this.index.meta("key") as Uint8Array });
  }

  log<Kind extends Operation["kind"]>(kind: Kind, words: Words<Kind>): { number: number } {
    const time = this.clock.tick();
    const operation = { kind, by: "me", time, ...words } as unknown as Operation;
    const { type, payload } = encode(operation);
    return this.parts.log.append(type, payload, operation.kind === "write" ? operation.bytes : undefined);
  }

  /** Applies what is logged. */
  apply(): void {
    const damage: string[] = [];
    while (this.keeper.applied < this.parts.log.last) this.keeper.apply(this.parts.log.last, damage);
    assert.deepEqual(damage, []);
    this.index.renew();
  }

  /** Logs something, and applies it unless several are to be one transaction. */
  protected do<Kind extends Operation["kind"]>(kind: Kind, words: Words<Kind>): void {
    this.log(kind, words);
    if (!this.isBatching) this.apply();
  }

  isBatching = false;
  batch(act: () => void): void {
    this.isBatching = true;
    act();
    this.isBatching = false;
    this.apply();
  }

  find(path: string): number | undefined {
    let ino: number | undefined = ROOT_INO;
    for (const name of path.split("/").filter((name) => name !== "")) {
      ino = ino && this.index.edge(ino, name)?.ino;
    }
    return ino;
  }

  at(path: string): number {
    const ino = this.find(path);
    assert.ok(ino, `${path} is there`);
    return ino;
  }

  row(path: string): NodeRow {
    return this.index.node(this.at(path))!;
  }

  place(path: string): { parent: number; name: string } {
    const at = path.lastIndexOf("/");
    return { parent: this.at(path.slice(0, Math.max(at, 0))), name: path.slice(at + 1) };
  }

  mkdir(path: string): number {
    return this.#create(path, S.IFDIR | 0o755);
  }

  symlink(path: string, target: string): number {
    return this.#create(path, S.IFLNK | 0o777, target);
  }

  /** A new file, or new contents. */
  write(path: string, text: string): number {
    let ino = this.find(path);
    if (ino === undefined) ino = this.#create(path, S.IFREG | 0o644);
    else this.#truncate(ino, 0);
    const bytes = utf8.encode(text);
    this.do("write", { ino, offset: 0, bytes });
    this.do("settle", { ino });
    return ino;
  }

  /** A new file with times of its own, as a copy has it. */
  copy(path: string, text: string, sec: number): void {
    const ino = this.#create(path, S.IFREG | 0o644);
    this.do("write", { ino, offset: 0, bytes: utf8.encode(text) });
    const time = { sec, nsec: 1 };
    const words = { ino, mode: S.IFREG | 0o600, uid: "me", gid: "us", flags: 0 };
    this.do("attributes", { ...words, atime: time, mtime: time, size: undefined });
    this.do("settle", { ino });
  }

  append(path: string, text: string): void {
    const { ino, size } = this.row(path);
    this.do("write", { ino, offset: size, bytes: utf8.encode(text) });
    this.do("settle", { ino });
  }

  overwrite(path: string, offset: number, text: string): void {
    const ino = this.at(path);
    this.do("write", { ino, offset, bytes: utf8.encode(text) });
    this.do("settle", { ino });
  }

  truncate(path: string, size: number): void {
    const ino = this.at(path);
    this.#truncate(ino, size);
    this.do("settle", { ino });
  }

  #truncate(ino: number, size: number): void {
    const { mode, uid, gid, flags, atime } = this.index.node(ino)!;
    const mtime = this.clock.time();
    this.do("attributes", { ino, mode, uid, gid, flags, atime, mtime, size });
  }

  chmod(path: string, permissions: number): void {
    const { ino, mode, uid, gid, flags, atime, mtime } = this.row(path);
    const words = { ino, uid, gid, flags, atime, mtime, size: undefined };
    this.do("attributes", { ...words, mode: mode & S.IFMT | permissions });
  }

  chown(path: string, uid: string): void {
    const { ino, mode, gid, flags, atime, mtime } = this.row(path);
    this.do("attributes", { ino, mode, uid, gid, flags, atime, mtime, size: undefined });
  }

  touch(path: string, sec: number): void {
    const { ino, mode, uid, gid, flags } = this.row(path);
    const time = { sec, nsec: 1 };
    this.do("attributes", { ino, mode, uid, gid, flags, atime: time, mtime: time, size: undefined });
  }

  setfattr(path: string, name: string, value: string | null): void {
    this.do("xattr", { ino: this.at(path), name, value: value === null ? null : utf8.encode(value) });
  }

  ln(path: string, to: string): void {
    this.do("link", { ino: this.at(path), ...this.place(to), eid: this.#nextEid += 2 });
  }

  rm(path: string): void {
    const ino = this.at(path);
    this.do("unlink", { ino, ...this.place(path), held: this.held.has(ino) });
  }

  mv(path: string, to: string): void {
    const { parent: toParent, name: toName } = this.place(to);
    const replaced = this.find(to);
    const held = replaced !== undefined && this.held.has(replaced);
    const words = { ...this.place(path), toParent, toName, eid: this.#nextEid += 2, held };
    this.do("rename", { ino: this.at(path), ...words });
  }

  snapshot(name: string): number {
    this.do("snapshot", { name });
    return this.index.past.snapshot(name)!.seq;
  }

  #create(path: string, mode: number, target = ""): number {
    const ino = this.#nextIno += 2;
    const words = { ino, ...this.place(path), eid: this.#nextEid += 2, mode, target };
    this.do("create", { ...words, uid: "me", gid: "us", flags: 0, rdev: 0 });
    return ino;
  }

  /** Everything that is shown, or was in record `seq`, each directory before what is in it. */
  entries(seq?: number): { path: string; row: NodeRow }[] {
    const { past } = this.index;
    const found: { path: string; row: NodeRow }[] = [];
    const list = (ino: number, path: string) => {
      const rows = seq === undefined
        ? this.index.list(ino, 0, 100_000)
        : past.list(ino, seq, 0, 100_000).map((edge) => ({ ...edge, node: past.node(edge.ino, seq)! }));
      for (const { name, node } of rows.sort((a, b) => a.name < b.name ? -1 : 1)) {
        found.push({ path: `${path}${name}`, row: node });
        if (isDirectory(node)) list(node.ino, `${path}${name}/`);
      }
    };
    list(ROOT_INO, "");
    return found;
  }

  read(path: string): string {
    return this.textOf(this.row(path));
  }

  /** What a file has from one byte to another one. */
  textOf(row: NodeRow, start = 0, end = row.size): string {
    using reader = disposable(this.#reader());
    return textOf(reader.value, row, start, end);
  }

  /** What is not here of what these bytes of a file need; `withLists`: or of what tells of the rest of it where that is. */
  lacking({ content, size }: NodeRow, start = 0, end = size, withLists = false): Uint8Array[] {
    if (content === null) return [];
    const descriptor = decodeDescriptor(content);
    const { id, depth } = descriptor;
    // To make a reader takes longer than anything else here.
    if (depth === 0 && id && this.index.chunks.find(id)) return [];
    using reader = disposable(this.#reader());
    return Array.from(reader.value.lacking(descriptor, start, end, withLists), ({ id }) => id);
  }

  /** One line a name: `path/`, `path -> target` or `path = content`; of contents that are not here, what they are called. */
  tree(seq?: number): string[] {
    using reader = disposable(this.#reader());
    const { hasAbsent } = this.index.chunks;
    return this.entries(seq).map(({ path, row }) => {
      if (isDirectory(row)) return `${path}/`;
      if ((row.mode & S.IFMT) === S.IFLNK) return `${path} -> ${row.target}`;
      return `${path} = ${
        hasAbsent && this.lacking(row).length > 0 ? named(row) : textOf(reader.value, row)
      }`;
    });
  }

  /** The same with all that copies agree on. */
  dump(lines = this.tree()): string[] {
    const numbers = new Map<number, number>();
    const told = (row: NodeRow) => {
      const { ino, mode, uid, gid, flags, nlink, size, folders, atime, mtime, ctime } = row;
      if (!numbers.has(ino)) numbers.set(ino, numbers.size);
      const xattrs = this.index.xattrNames(ino).map((name) => `${name}=${this.index.xattr(ino, name)}`);
      const times = [atime, mtime, ctime].map(({ sec, nsec }) => `${sec}.${nsec}`);
      const words = [numbers.get(ino), mode.toString(8), uid, gid, flags, nlink, size, folders];
      return [...words, ...times, ...xattrs].join(" ");
    };
    return [
      told(this.index.node(ROOT_INO)!),
      ...this.entries().map(({ row }, i) => `${lines[i]} | ${told(row)}`),
    ];
  }
}

function openParts(folder: string): Parts {
  Deno.mkdirSync(folder, { recursive: true });
  const disk = realDisk(folder);
  const guard = new DatabaseGuard(disk);
  guard.open(Infinity);
  const keeper = new Keeper(disk, folder, OPTIONS, guard);
  const log = new Log(disk, LOG, { after: keeper.applied });
  keeper.recover(log.last);
  return { disk, guard, keeper, log };
}

/** Conflict names without what is another each time. */
export function plain(lines: readonly string[]): string[] {
  return lines.map((line) => line.replaceAll(/-[0-9a-f]{8}-[0-9a-f]{8}/g, "-A-H"));
}

function textOf(reader: ChunkReader, { content, size }: NodeRow, start = 0, end = size): string {
  const bytes = new Uint8Array(end - start);
  if (content !== null) reader.read(decodeDescriptor(content), start, bytes);
  return new TextDecoder().decode(bytes);
}

/** The same for the same contents on every copy, whether they are here or not. */
export function named({ content }: NodeRow): string {
  return content === null ? "nothing" : `contents ${Buffer.from(content).toString("hex")}`;
}

export function isRegular({ mode }: NodeRow): boolean {
  return (mode & S.IFMT) === S.IFREG;
}

function isDirectory({ mode }: NodeRow): boolean {
  return (mode & S.IFMT) === S.IFDIR;
}

function disposable<T extends { close(): void }>(value: T): { readonly value: T; [Symbol.dispose](): void } {
  return { value, [Symbol.dispose]: () => value.close() };
}
