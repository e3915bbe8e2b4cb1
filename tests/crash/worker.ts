import { O } from "../../9p/qid.ts";
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
  withEntry,
  without,
  written,
} from "./record.ts";

const OPERATIONS = {
  create: 12,
  write: 20,
  append: 14,
  truncate: 5,
  remove: 8,
  rename: 10,
  mkdir: 3,
  link: 3,
  symlink: 2,
  chmod: 4,
  attribute: 3,
  sync: 3,
} as const;
const NAMES = ["a", "b", "c", "d", "e", "f", "g", "h"];
const ENTRIES_MAX = 60;
const FILE_BYTES_MAX = 200_000;
const OPEN_MAX = 4;

const none: Pick<Entry, "data" | "target" | "attribute"> = {
  data: new Uint8Array(0),
  target: "",
  attribute: "",
};

/** A client that changes its folder, one request at a time, and remembers what was answered. */
export class CrashWorker {
  record: Record = new Map();
  /** What is true if the request that was under way when the node died had been done. */
  #maybe: Record | undefined;
  #client!: Client;
  #folder = 0;
  #lastId = 0;
  /** Open files by id. */
  readonly #open = new Map<number, number>();
  answered = 0;

  constructor(
    readonly address: string,
    readonly aname: string,
    readonly name: string,
    readonly random: Random,
  ) {}

  async connect(): Promise<void> {
    const wire = await Wire.dial(this.address);
    await wire.version(256 * 1024, "9P2000.L");
    this.#client = new Client(wire);
    this.#open.clear();
    await this.#client.attach(this.#client.root, this.aname, "crash");
    if (!await this.#client.has(this.#client.root, this.name)) {
      await this.#client.mkdir(this.#client.root, this.name);
    }
    this.#folder = await this.#client.walk(this.#client.root, this.name);
  }

  /** Compares the folder with what was answered; throws where neither that nor what was under way is there. */
  async check(): Promise<void> {
    const found = linesOf(await this.#read(this.#folder, "", new Map(), new Map()));
    const known = [this.record, ...this.#maybe ? [this.#maybe] : []];
    const match = known.find((record) => linesOf(record).join("\n") === found.join("\n"));
    if (match === undefined) {
      const expected = linesOf(this.record);
      const missing = expected.filter((line) => !found.includes(line));
      const extra = found.filter((line) => !expected.includes(line));
      const under = this.#maybe ? linesOf(this.#maybe).filter((line) => !expected.includes(line)) : [];
      throw new Error(
        `${this.name}: answered, and not there:\n${missing.join("\n")}\nthere, and not answered:\n${
          extra.join("\n")
        }\n` +
          `under way:\n${under.join("\n")}`,
      );
    }
    this.record = match;
    this.#maybe = undefined;
  }

  /** Goes on until the node is gone. */
  async run(): Promise<void> {
    try {
      for (;;) await this.#step();
    } catch (thrown) {
      if (!(thrown instanceof Closed)) throw thrown;
    } finally {
      this.#client.wire.close();
    }
  }

  close(): void {
    this.#client.wire.close();
  }

  async #step(): Promise<void> {
    const { random } = this;
    const operation = this.record.size > ENTRIES_MAX ? "remove" : random.weighted(OPERATIONS);
    const path = this.#pathOf(random.pick(["", ...this.#paths("dir")]), random.pick(NAMES));
    const [file] = [random.pick([...this.#paths("file"), undefined])];
    switch (operation) {
      case "create": {
        if (this.record.has(path)) return;
        const entry: Entry = { id: ++this.#lastId, kind: "file", mode: 0o644, ...none };
        const fid = await this.#at(path, (dir) => this.#client.walk(dir));
        await this.#does(
          withEntry(this.record, path, entry),
          () => this.#client.createOn(fid, last(path), { perm: 0o644 }),
        );
        this.#keepOpen(entry.id, fid);
        return;
      }
      case "write":
      case "append": {
        if (file === undefined) return;
        const { id, data } = this.record.get(file)!;
        const offset = operation === "append" ? data.byteLength : random.below(data.byteLength + 1);
        const count = 1 + random.below(random.once(8) ? 100_000 : 3000);
        if (offset + count > FILE_BYTES_MAX) return;
        const bytes = new Uint8Array(count);
        for (let i = 0; i < count; i++) bytes[i] = random.once(3) ? 0 : 97 + (i + count) % 26;
        const fid = await this.#fid(file, id);
        return await this.#does(
          changed(this.record, id, { data: written(data, offset, bytes) }),
          () => this.#client.write(fid, offset, bytes),
        );
      }
      case "truncate": {
        if (file === undefined) return;
        const { id, data } = this.record.get(file)!;
        const size = random.below(data.byteLength + 1000);
        const fid = await this.#walk(file);
        await this.#does(
          changed(this.record, id, { data: cut(data, size) }),
          () => this.#client.truncate(fid, size),
        );
        return await this.#client.clunk(fid);
      }
      case "remove": {
        const victim = random.pick([...this.record.keys(), undefined]);
        if (victim === undefined || this.#hasBelow(victim)) return;
        const flags = this.record.get(victim)!.kind === "dir" ? 0x200 : 0;
        const dirfid = await this.#walk(parent(victim));
        await this.#does(
          without(this.record, victim),
          () => this.#client.rpc("Tunlinkat", { dirfd: dirfid, name: last(victim), flags }),
        );
        return await this.#client.clunk(dirfid);
      }
      case "rename": {
        const from = random.pick([...this.record.keys(), undefined]);
        if (from === undefined || !this.#mayMove(from, path)) return;
        const olddirfid = await this.#walk(parent(from));
        const newdirfid = await this.#walk(parent(path));
        await this.#does(
          moved(this.record, from, path),
          () =>
            this.#client.rpc("Trenameat", { olddirfid, oldname: last(from), newdirfid, newname: last(path) }),
        );
        await this.#client.clunk(olddirfid);
        return await this.#client.clunk(newdirfid);
      }
      case "mkdir": {
        if (this.record.has(path) || path.split("/").length > 4) return;
        const dfid = await this.#walk(parent(path));
        const entry: Entry = { id: ++this.#lastId, kind: "dir", mode: 0o755, ...none };
        await this.#does(
          withEntry(this.record, path, entry),
          () => this.#client.rpc("Tmkdir", { dfid, name: last(path), mode: 0o755, gid: 0 }),
        );
        return await this.#client.clunk(dfid);
      }
      case "link": {
        if (file === undefined || this.record.has(path)) return;
        const dfid = await this.#walk(parent(path));
        const fid = await this.#walk(file);
        await this.#does(
          withEntry(this.record, path, this.record.get(file)!),
          () => this.#client.rpc("Tlink", { dfid, fid, name: last(path) }),
        );
        await this.#client.clunk(dfid);
        return await this.#client.clunk(fid);
      }
      case "symlink": {
        if (this.record.has(path)) return;
        const fid = await this.#walk(parent(path));
        const entry: Entry = { id: ++this.#lastId, kind: "link", mode: 0o777, ...none, target: `to/${path}` };
        await this.#does(
          withEntry(this.record, path, entry),
          () => this.#client.rpc("Tsymlink", { fid, name: last(path), symtgt: entry.target, gid: 0 }),
        );
        return await this.#client.clunk(fid);
      }
      case "chmod": {
        if (file === undefined) return;
        const mode = random.pick([0o600, 0o640, 0o755, 0o444]);
        const { id } = this.record.get(file)!;
        const fid = await this.#walk(file);
        await this.#does(changed(this.record, id, { mode }), () => this.#client.chmod(fid, mode));
        return await this.#client.clunk(fid);
      }
      case "attribute": {
        if (file === undefined) return;
        const attribute = String(random.below(1e9));
        const { id } = this.record.get(file)!;
        const bytes = new TextEncoder().encode(attribute);
        const fid = await this.#walk(file);
        await this.#client.rpc("Txattrcreate", {
          fid,
          name: "user.crash",
          attrSize: bytes.byteLength,
          flags: 0,
        });
        await this.#client.write(fid, 0, bytes);
        return await this.#does(changed(this.record, id, { attribute }), () => this.#client.clunk(fid));
      }
      case "sync": {
        if (file === undefined) return;
        const fid = await this.#fid(file, this.record.get(file)!.id);
        return await this.#client.sync(fid);
      }
    }
  }

  /** What is answered is true; what is not may be, or not. */
  async #does(after: Record, request: () => Promise<unknown>): Promise<void> {
    this.#maybe = after;
    try {
      await request();
    } catch (thrown) {
      if (thrown instanceof Refused) this.#maybe = undefined;
      throw thrown;
    }
    this.record = after;
    this.#maybe = undefined;
    this.answered++;
  }

  #paths(kind: Entry["kind"]): string[] {
    return [...this.record].flatMap(([path, entry]) => entry.kind === kind ? [path] : []);
  }

  #pathOf(dir: string, name: string): string {
    return `${dir}/${name}`;
  }

  #hasBelow(path: string): boolean {
    return [...this.record.keys()].some((other) => other.startsWith(`${path}/`));
  }

  #mayMove(from: string, to: string): boolean {
    const [moving, onto] = [this.record.get(from)!, this.record.get(to)];
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

function parent(path: string): string {
  return path.slice(0, path.lastIndexOf("/"));
}

function last(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}
