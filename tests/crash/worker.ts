import { compareBytes } from "../../state/tree/stamp.ts";
import { O } from "../../9p/qid.ts";
import { IOHDRSZ } from "../../9p/wire/codec.ts";
import { Client } from "../conformance/client.ts";
import { Closed, Refused, Wire } from "../conformance/wire.ts";
import type { Random } from "../fuzz/random.ts";
import {
  changed,
  cut,
  type Entry,
  linesOf,
  moved,
  type Record,
  type State,
  withEntry,
  without,
  written,
} from "./record.ts";

const OPERATIONS = {
  create: 48,
  write: 80,
  append: 56,
  truncate: 20,
  remove: 32,
  rename: 40,
  mkdir: 12,
  link: 12,
  symlink: 8,
  chmod: 16,
  attribute: 12,
  sync: 12,
  large: 3,
  look: 32,
  snapshot: 2,
  restore: 2,
} as const;
const NAMES = ["a", "b", "c", "d", "e", "f", "g", "h"];
const ENTRIES_MAX = 60;
const FILE_BYTES_MAX = 200_000;
/** One file may be this long, which is many chunks. */
const LARGE_BYTES_MAX = 4 << 20;
const SNAPSHOTS_MAX = 3;
const OPEN_MAX = 4;

const none: Pick<Entry, "data" | "target" | "attribute"> = {
  data: new Uint8Array(0),
  target: "",
  attribute: "",
};

/** Who is told what a client asks for and what is answered. */
export interface Witness {
  /** The client is about to ask for what takes its folder through these states. */
  begins(after: readonly State[]): void;
  answered(): void;
  /** It is about to ask that all that was answered be durable. */
  syncs(): void;
  synced(): void;
}

/** A client that changes its folder, one request at a time, and remembers what was answered. */
export class CrashWorker {
  state: State = { tree: new Map(), snapshots: new Map() };
  /** Told of every change. */
  witness: Witness | undefined;
  /** What is true if the request that was under way when the node died had been done, or the first part of it. */
  #maybe: readonly State[] = [];
  #client!: Client;
  #folder = 0;
  /** The root of the node's tree, and its `/ctl`, open. */
  #tree = 0;
  #ctl = 0;
  #lastId = 0;
  #lastSnapshot = 0;
  /** Open files by id. */
  readonly #open = new Map<number, number>();
  answered = 0;
  /** How often each operation was done. */
  readonly done = new Map<string, number>();

  /** `volume` is mounted at `/VOLUME`, and its past at `/snap/VOLUME`. */
  constructor(
    readonly address: string,
    readonly volume: string,
    readonly name: string,
    readonly random: Random,
  ) {}

  async connect(): Promise<void> {
    const wire = await Wire.dial(this.address);
    await wire.version(256 * 1024, "9P2000.L");
    this.#client = new Client(wire);
    this.#open.clear();
    await this.#client.attach(this.#client.root, `/${this.volume}`, "root");
    await this.#client.attach(this.#tree = this.#client.freeFid(), "", "root");
    await this.#client.open(this.#ctl = await this.#client.walk(this.#tree, "ctl"), "w");
    if (!await this.#client.has(this.#client.root, this.name)) {
      await this.#client.mkdir(this.#client.root, this.name);
    }
    this.#folder = await this.#client.walk(this.#client.root, this.name);
  }

  /** Compares the folder with what was answered; throws where neither that nor what was under way is there. */
  async check(): Promise<void> {
    const found = linesOf(await this.look());
    const known = [this.state, ...this.#maybe];
    const match = known.find((state) => linesOf(state).join("\n") === found.join("\n"));
    if (match === undefined) {
      const expected = linesOf(this.state);
      const beside = (lines: string[], others: string[]) =>
        lines.filter((line) => !others.includes(line)).join("\n");
      const under = this.#maybe.map((state) => beside(linesOf(state), expected));
      throw new Error(
        `${this.name}: answered, and not there:\n${beside(expected, found)}\n` +
          `there, and not answered:\n${beside(found, expected)}\nunder way:\n${under.join("\nthen\n")}`,
      );
    }
    this.state = match;
    this.#maybe = [];
  }

  /** The folder and its snapshots as the node has them. */
  async look(): Promise<State> {
    const tree = await this.#read(this.#folder, "", new Map(), new Map());
    const snapshots = new Map<string, Record>();
    const past = await this.#client.walk(this.#tree, "snap", this.volume);
    for (const { name } of await this.#client.list(past)) {
      if (!name.startsWith(`${this.name}.`)) continue;
      const folder = await this.#client.walk(past, name, this.name);
      snapshots.set(name, await this.#read(folder, "", new Map(), new Map()));
      await this.#client.clunk(folder);
      // No name is taken a second time.
      this.#lastSnapshot = Math.max(this.#lastSnapshot, Number(name.slice(this.name.length + 1)));
    }
    await this.#client.clunk(past);
    return { tree, snapshots };
  }

  /** Takes what is there for what was answered. */
  async adopt(): Promise<void> {
    this.state = await this.look();
    const records = [this.state.tree, ...this.state.snapshots.values()];
    this.#lastId = Math.max(0, ...records.flatMap((record) => [...record.values()].map(({ id }) => id)));
  }

  /** Goes on until the node is gone. */
  async run(): Promise<void> {
    try {
      for (;;) {
        const operation = await this.#step();
        this.done.set(operation, (this.done.get(operation) ?? 0) + 1);
      }
    } catch (thrown) {
      if (!(thrown instanceof Closed)) throw thrown;
    } finally {
      this.#client.wire.close();
    }
  }

  close(): void {
    this.#client.wire.close();
  }

  /** Does something, or nothing where it does not fit, and says what. */
  async #step(): Promise<keyof typeof OPERATIONS> {
    const isFull = this.state.tree.size > ENTRIES_MAX;
    const operation = isFull ? "remove" : this.random.weighted(OPERATIONS);
    await this.#operate(operation);
    return operation;
  }

  async #operate(operation: keyof typeof OPERATIONS): Promise<void> {
    const { random } = this;
    const { tree, snapshots } = this.state;
    const path = this.#pathOf(random.pick(["", ...this.#paths("dir")]), random.pick(NAMES));
    const [file] = [random.pick([...this.#paths("file"), undefined])];
    switch (operation) {
      case "create": {
        if (tree.has(path)) return;
        const entry: Entry = { id: ++this.#lastId, kind: "file", mode: 0o644, ...none };
        const fid = await this.#at(path, (dir) => this.#client.walk(dir));
        await this.#does(
          withEntry(tree, path, entry),
          () => this.#client.createOn(fid, last(path), { perm: 0o644 }),
        );
        this.#keepOpen(entry.id, fid);
        return;
      }
      case "write":
      case "append": {
        if (file === undefined) return;
        const { id, data } = tree.get(file)!;
        const offset = operation === "append" ? data.byteLength : random.below(data.byteLength + 1);
        const count = 1 + random.below(random.once(8) ? 100_000 : 3000);
        const isLarge = data.byteLength > FILE_BYTES_MAX;
        if (offset + count > (isLarge ? LARGE_BYTES_MAX : FILE_BYTES_MAX)) return;
        const bytes = this.#bytesToWrite(count);
        const fid = await this.#fid(file, id);
        return await this.#does(
          changed(tree, id, { data: written(data, offset, bytes) }),
          () => this.#client.write(fid, offset, bytes),
        );
      }
      case "truncate": {
        if (file === undefined) return;
        const { id, data } = tree.get(file)!;
        const size = random.below(data.byteLength + 1000);
        const fid = await this.#walk(file);
        await this.#does(
          changed(tree, id, { data: cut(data, size) }),
          () => this.#client.truncate(fid, size),
        );
        return await this.#client.clunk(fid);
      }
      case "remove": {
        const victim = random.pick([...tree.keys(), undefined]);
        if (victim === undefined || this.#hasBelow(victim)) return;
        const flags = tree.get(victim)!.kind === "dir" ? 0x200 : 0;
        const dirfid = await this.#walk(parent(victim));
        await this.#does(
          without(tree, victim),
          () => this.#client.rpc("Tunlinkat", { dirfd: dirfid, name: last(victim), flags }),
        );
        return await this.#client.clunk(dirfid);
      }
      case "rename": {
        const from = random.pick([...tree.keys(), undefined]);
        if (from === undefined || !this.#mayMove(from, path)) return;
        const olddirfid = await this.#walk(parent(from));
        const newdirfid = await this.#walk(parent(path));
        await this.#does(
          moved(tree, from, path),
          () =>
            this.#client.rpc("Trenameat", { olddirfid, oldname: last(from), newdirfid, newname: last(path) }),
        );
        await this.#client.clunk(olddirfid);
        return await this.#client.clunk(newdirfid);
      }
      case "mkdir": {
        if (tree.has(path) || path.split("/").length > 4) return;
        const dfid = await this.#walk(parent(path));
        const entry: Entry = { id: ++this.#lastId, kind: "dir", mode: 0o755, ...none };
        await this.#does(
          withEntry(tree, path, entry),
          () => this.#client.rpc("Tmkdir", { dfid, name: last(path), mode: 0o755, gid: 0 }),
        );
        return await this.#client.clunk(dfid);
      }
      case "link": {
        if (file === undefined || tree.has(path)) return;
        const dfid = await this.#walk(parent(path));
        const fid = await this.#walk(file);
        await this.#does(
          withEntry(tree, path, tree.get(file)!),
          () => this.#client.rpc("Tlink", { dfid, fid, name: last(path) }),
        );
        await this.#client.clunk(dfid);
        return await this.#client.clunk(fid);
      }
      case "symlink": {
        if (tree.has(path)) return;
        const fid = await this.#walk(parent(path));
        const entry: Entry = { id: ++this.#lastId, kind: "link", mode: 0o777, ...none, target: `to/${path}` };
        await this.#does(
          withEntry(tree, path, entry),
          () => this.#client.rpc("Tsymlink", { fid, name: last(path), symtgt: entry.target, gid: 0 }),
        );
        return await this.#client.clunk(fid);
      }
      case "chmod": {
        if (file === undefined) return;
        const mode = random.pick([0o600, 0o640, 0o755, 0o444]);
        const { id } = tree.get(file)!;
        const fid = await this.#walk(file);
        await this.#does(changed(tree, id, { mode }), () => this.#client.chmod(fid, mode));
        return await this.#client.clunk(fid);
      }
      case "attribute": {
        if (file === undefined) return;
        const attribute = String(random.below(1e9));
        const { id } = tree.get(file)!;
        const bytes = new TextEncoder().encode(attribute);
        const fid = await this.#walk(file);
        await this.#client.rpc("Txattrcreate", {
          fid,
          name: "user.crash",
          attrSize: bytes.byteLength,
          flags: 0,
        });
        // Once it is written whole, also a node that ends in order may set it, as it lets go of all fids.
        return await this.#does(changed(tree, id, { attribute }), async () => {
          await this.#client.write(fid, 0, bytes);
          await this.#client.clunk(fid);
        });
      }
      case "sync": {
        if (file === undefined) return;
        const fid = await this.#fid(file, tree.get(file)!.id);
        this.witness?.syncs();
        await this.#client.sync(fid);
        this.witness?.synced();
        return;
      }
      case "large": {
        if (file === undefined) return;
        const { id } = tree.get(file)!;
        if ([...tree.values()].some((entry) => entry.id !== id && entry.data.byteLength > FILE_BYTES_MAX)) {
          return;
        }
        const fid = await this.#fid(file, id);
        const until = random.below(LARGE_BYTES_MAX);
        const part = this.#client.wire.msize - IOHDRSZ;
        for (let at = tree.get(file)!.data.byteLength; at < until; at += part) {
          const bytes = this.#bytesToWrite(Math.min(part, until - at));
          await this.#does(
            changed(this.state.tree, id, { data: written(this.state.tree.get(file)!.data, at, bytes) }),
            () => this.#client.write(fid, at, bytes),
          );
        }
        return;
      }
      case "look": {
        if (file === undefined) return;
        const { id, data } = tree.get(file)!;
        const fid = await this.#fid(file, id);
        const offset = random.below(data.byteLength + 1);
        const found = await this.#client.read(fid, offset, 1 + random.below(100_000));
        const expected = data.subarray(offset, offset + found.byteLength);
        if (
          (found.byteLength === 0) !== (offset === data.byteLength) || compareBytes(found, expected) !== 0
        ) {
          throw new Error(
            `${this.name}${file}: ${found.byteLength} bytes at ${offset} are not what was written`,
          );
        }
        return;
      }
      case "snapshot": {
        const after = new Map(snapshots);
        const [oldest] = snapshots.keys();
        const line = snapshots.size < SNAPSHOTS_MAX
          ? `create ${this.volume} ${this.#newSnapshot()}`
          : `rm ${this.volume} ${oldest}`;
        if (snapshots.size < SNAPSHOTS_MAX) after.set(`${this.name}.${this.#lastSnapshot}`, tree);
        else after.delete(oldest);
        return await this.#doesTo(
          [{ tree, snapshots: after }],
          () => this.#client.write(this.#ctl, 0, `snapshot ${line}\n`),
        );
      }
      case "restore": {
        if (snapshots.size === 0 || snapshots.size > SNAPSHOTS_MAX) return;
        const [name, record] = random.pick([...snapshots]);
        const before = this.#newSnapshot();
        const after = new Map(snapshots).set(before, tree);
        await this.#doesTo(
          [{ tree, snapshots: after }, { tree: record, snapshots: after }],
          () =>
            this.#client.write(
              this.#ctl,
              0,
              `snapshot restore ${this.volume} ${name} ${before} ${this.name}\n`,
            ),
        );
        // What was held meanwhile may be files that have no name now, and are not those that have come back.
        for (const fid of this.#open.values()) this.#client.clunk(fid).catch(() => {});
        return this.#open.clear();
      }
    }
  }

  #does(tree: Record, request: () => Promise<unknown>): Promise<void> {
    return this.#doesTo([{ tree, snapshots: this.state.snapshots }], request);
  }

  /** What is answered is true; what is not may be, or not. A request may go through several states. */
  async #doesTo(after: readonly State[], request: () => Promise<unknown>): Promise<void> {
    this.#maybe = after;
    this.witness?.begins(after);
    try {
      await request();
    } catch (thrown) {
      if (thrown instanceof Refused) this.#maybe = [];
      throw thrown;
    }
    this.state = after[after.length - 1];
    this.#maybe = [];
    this.answered++;
    this.witness?.answered();
  }

  #newSnapshot(): string {
    return `${this.name}.${++this.#lastSnapshot}`;
  }

  /** Letters in the order of the alphabet, and zeros, so that a torn one is seen. */
  #bytesToWrite(count: number): Uint8Array {
    const bytes = new Uint8Array(count);
    for (let i = 0; i < count; i++) bytes[i] = this.random.once(3) ? 0 : 97 + (i + count) % 26;
    return bytes;
  }

  #paths(kind: Entry["kind"]): string[] {
    return [...this.state.tree].flatMap(([path, entry]) => entry.kind === kind ? [path] : []);
  }

  #pathOf(dir: string, name: string): string {
    return `${dir}/${name}`;
  }

  #hasBelow(path: string): boolean {
    return [...this.state.tree.keys()].some((other) => other.startsWith(`${path}/`));
  }

  #mayMove(from: string, to: string): boolean {
    const [moving, onto] = [this.state.tree.get(from)!, this.state.tree.get(to)];
    if (from === to || to.startsWith(`${from}/`) || this.#hasBelow(to)) return false;
    if (moving.kind === "dir" && from.split("/").length + to.split("/").length > 7) return false;
    return onto === undefined || (onto.id !== moving.id && (onto.kind === "dir") === (moving.kind === "dir"));
  }

  #walk(path: string): Promise<number> {
    return this.#client.walk(this.#folder, ...path.split("/").filter((name) => name !== ""));
  }

  async #at(path: string, act: (dir: number) => Promise<number>): Promise<number> {
    const dir = await this.#walk(parent(path));
    const fid = await act(dir);
    await this.#client.clunk(dir);
    return fid;
  }

  /** An open fid of the file, which stays open for a while. */
  async #fid(path: string, id: number): Promise<number> {
    const known = this.#open.get(id);
    if (known !== undefined) return known;
    const fid = await this.#walk(path);
    await this.#client.open(fid, "rw");
    this.#keepOpen(id, fid);
    return fid;
  }

  #keepOpen(id: number, fid: number): void {
    this.#open.set(id, fid);
    if (this.#open.size <= OPEN_MAX) return;
    const [oldest, oldestFid] = this.#open.entries().next().value!;
    this.#open.delete(oldest);
    // The reply is not waited for: the next request is in flight with it.
    this.#client.clunk(oldestFid).catch(() => {});
  }

  /** The folder as the node has it. */
  async #read(
    dir: number,
    path: string,
    into: Map<string, Entry>,
    ids: Map<number, number>,
  ): Promise<Map<string, Entry>> {
    for (const { name } of await this.#client.list(dir)) {
      const fid = await this.#client.walk(dir, name);
      const { qid, mode } = await this.#client.getattr(fid);
      const isDir = (mode & 0o170000) === 0o040000;
      const isLink = (mode & 0o170000) === 0o120000;
      const number = Number(qid.path);
      if (!ids.has(number)) ids.set(number, ids.size + 1);
      into.set(`${path}/${name}`, {
        id: ids.get(number)!,
        kind: isDir ? "dir" : isLink ? "link" : "file",
        mode: mode & 0o777,
        data: isDir || isLink ? none.data : await this.#bytes(fid),
        target: isLink ? (await this.#client.rpc("Treadlink", { fid })).target : "",
        attribute: isDir || isLink ? "" : await this.#attribute(fid),
      });
      if (isDir) await this.#read(fid, `${path}/${name}`, into, ids);
      await this.#client.clunk(fid);
    }
    return into;
  }

  async #bytes(fid: number): Promise<Uint8Array> {
    const open = await this.#client.walk(fid);
    await this.#client.rpc("Tlopen", { fid: open, flags: O.RDONLY });
    let data = new Uint8Array(0);
    for (;;) {
      const part = await this.#client.read(open, data.byteLength);
      if (part.byteLength === 0) break;
      data = written(data, data.byteLength, part) as Uint8Array<ArrayBuffer>;
    }
    await this.#client.clunk(open);
    return data;
  }

  async #attribute(fid: number): Promise<string> {
    const newfid = this.#client.freeFid();
    try {
      await this.#client.rpc("Txattrwalk", { fid, newfid, name: "user.crash" });
    } catch (thrown) {
      if (thrown instanceof Refused) return "";
      throw thrown;
    }
    const value = await this.#client.readText(newfid);
    await this.#client.clunk(newfid);
    return value;
  }
}

/** How often each operation was tried, by all of them. */
export function doneBy(workers: readonly CrashWorker[]): Map<string, number> {
  const sum = new Map<string, number>();
  for (const { done } of workers) {
    for (const [operation, times] of done) sum.set(operation, (sum.get(operation) ?? 0) + times);
  }
  return sum;
}

function parent(path: string): string {
  return path.slice(0, path.lastIndexOf("/"));
}

function last(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}
