import assert from "node:assert/strict";
import { Errno } from "../../9p/errno.ts";
import { type Qid, Qt, S, type U64 } from "../../9p/qid.ts";
import { Dm } from "../../9p/wire/stat.ts";
import type { Access, Client } from "../conformance/client.ts";
import { Refused } from "../conformance/wire.ts";
import type { Random } from "./random.ts";
import type { ModelFid, ModelFile, Place, Problems, TreeModel } from "./tree_model.ts";

/** The fids that random things are done with. */
export const FIDS = 10;
const NAMES = ["a", "b", "c", "d", "e", "f"];
const BAD_NAMES = ["", "a/b", ".", ".."];
const XATTRS = ["user.a", "user.b"];
const OFFSET_MAX = 12_000;
const DATA_MAX = 3000;
const AT_REMOVEDIR = 0x200;
const ORCLOSE = 0x40;
/** A tree of more names than this mostly shrinks. */
const SIZE_MAX = 250;
const XATTR_REPLACE = 2;

/** What is asked, and how often. */
const OPERATIONS = {
  walk: 22,
  open: 10,
  create: 9,
  mkdir: 5,
  read: 12,
  write: 12,
  clunk: 6,
  remove: 5,
  stat: 8,
  chmod: 2,
  truncate: 3,
  rename: 7,
  list: 3,
  unlinkat: 4,
  renameat: 4,
  link: 3,
  symlink: 3,
  readlink: 2,
  setxattr: 2,
  getxattr: 2,
  wstat: 3,
} as const;
type Operation = keyof typeof OPERATIONS;

/** What all clients together have learned of the server's qids. */
export class Identities {
  readonly #paths = new Map<number, U64>();
  readonly #files = new Map<U64, number>();
  readonly #versions = new Map<number, { changes: number; touches: number; version: number }>();

  /** One path for one file, for ever. */
  check(file: ModelFile, qid: Qid): void {
    assert.equal(this.#paths.get(file.id) ?? qid.path, qid.path, "the file's qid.path changed");
    assert.equal(this.#files.get(qid.path) ?? file.id, file.id, "two files have one qid.path");
    this.#paths.set(file.id, qid.path);
    this.#files.set(qid.path, file.id);
    assert.equal((qid.type & Qt.DIR) !== 0, file.kind === "dir", "qid.type");
  }

  /** And one version for one content, where the file was asked for itself: elsewhere it may be that of the last look. */
  checkVersion(file: ModelFile, qid: Qid): void {
    this.check(file, qid);
    if (file.kind !== "file") return;
    const known = this.#versions.get(file.id);
    if (known && known.changes !== file.changes) {
      assert.notEqual(qid.version, known.version, "the version did not change with the contents");
    } else if (known?.touches === file.touches) {
      assert.equal(qid.version, known.version, "the version changed by itself");
    }
    this.#versions.set(file.id, { changes: file.changes, touches: file.touches, version: qid.version });
  }

  /** Its contents may count as changed or not: that is the server's business. */
  forget(file: ModelFile): void {
    this.#versions.delete(file.id);
  }
}

/** One client and what the model knows of its fids: does random things, and compares. */
export class Actor {
  readonly fids = new Map<number, ModelFid>();
  /** The last thing it did, for the report. */
  doing = "";

  constructor(
    readonly client: Client,
    readonly model: TreeModel,
    readonly identities: Identities,
    readonly random: Random,
  ) {
    this.fids.set(client.root, { place: model.root, access: undefined, isRemovedAtClunk: false });
  }

  async step(): Promise<void> {
    const operation = this.random.weighted(OPERATIONS);
    await this[this.model.size > SIZE_MAX && this.random.once(2) ? "remove" : operation]();
  }

  /** All fids have gone at once, with the session. */
  ended(): void {
    for (const fid of this.fids.values()) this.#closed(fid);
    this.fids.clear();
  }

  #closed({ isRemovedAtClunk, place }: ModelFid): void {
    if (isRemovedAtClunk && this.model.removeProblems(place).length === 0) this.model.remove(place);
  }

  #fid(): number {
    return this.random.below(FIDS);
  }
  /** Not the root's, which is to stay what it is. */
  #ownFid(): number {
    return 1 + this.random.below(FIDS - 1);
  }
  #name(): string {
    return this.random.once(25) ? this.random.pick(BAD_NAMES) : this.random.pick(NAMES);
  }
  #access(): Access {
    return this.random.pick(["r", "w", "rw"]);
  }
  #data(): Uint8Array {
    const byte = this.random.below(256);
    return new Uint8Array(this.random.once(8) ? 0 : this.random.below(DATA_MAX)).fill(byte);
  }

  #setMode(file: ModelFile, mode: number): void {
    file.mode = mode;
    file.touches++;
  }

  #say(operation: Operation, details: Record<string, unknown>): void {
    this.doing = `${this.client.dialect} ${operation} ${JSON.stringify(details)}`;
  }

  /** The request's reply where nothing is wrong with it; undefined where it was refused as it should be. */
  async #expect<T>(request: Promise<T>, problems: Problems): Promise<T | undefined> {
    let reply: T;
    try {
      reply = await request;
    } catch (thrown) {
      if (!(thrown instanceof Refused)) throw thrown;
      assert.ok(problems.length > 0, `${thrown.message}, and nothing was wrong with it`);
      const { errno } = thrown;
      if (errno === undefined) return undefined;
      // A server may say of a file that is gone that it was there.
      const names = problems.includes("ENOENT") ? [...problems, "ESTALE"] : problems;
      const allowed = names.map((name) => Errno[name as keyof typeof Errno]);
      assert.ok(allowed.includes(errno as never), `${thrown.message}, and wrong was ${problems.join(", ")}`);
      return undefined;
    }
    assert.deepEqual(problems, [], "it worked, and should have been refused");
    return reply;
  }

  /** What is wrong with using the fid as one that is not open. */
  #idle(number: number): { fid: ModelFid | undefined; problems: Problems } {
    const fid = this.fids.get(number);
    return { fid, problems: !fid || fid.access ? ["EBADF"] : [] };
  }

  #known(number: number): { fid: ModelFid | undefined; problems: Problems } {
    const fid = this.fids.get(number);
    return { fid, problems: fid ? [] : ["EBADF"] };
  }

  #bind(number: number, place: Place, access?: Access, isRemovedAtClunk = false): void {
    this.fids.set(number, { place, access, isRemovedAtClunk });
  }

  async walk(): Promise<void> {
    const [fid, newfid] = [this.random.once(3) ? 0 : this.#fid(), this.#ownFid()];
    const pickName = () => this.random.once(6) ? ".." : this.#name();
    const wname = Array.from({ length: this.random.below(4) }, pickName).filter((name) => name !== ".");
    this.#say("walk", { fid, newfid, wname });
    const from = this.fids.get(fid);
    const problems: Problems = [];
    if (!from || (newfid === fid ? from.access : this.fids.has(newfid))) problems.push("EBADF");
    const walked = from ? this.model.walk(from.place, wname) : { steps: [], problems: [] };
    if (wname.length > 0 && walked.steps.length === 0) problems.push(...walked.problems);
    const reply = await this.#expect(this.client.rpc("Twalk", { fid, newfid, wname }), problems);
    if (!reply) return;
    assert.equal(reply.wqid.length, walked.steps.length, "as many qids as names that lead somewhere");
    walked.steps.forEach(({ file }, i) => this.identities.check(file, reply.wqid[i]));
    if (walked.steps.length === wname.length) this.#bind(newfid, walked.steps.at(-1) ?? from!.place);
  }

  async open(): Promise<void> {
    const number = this.#ownFid();
    const access = this.#access();
    const trunc = this.random.once(5);
    const rclose = !this.client.isLinux && this.random.once(8);
    this.#say("open", { number, access, trunc, rclose });
    const { fid, problems } = this.#idle(number);
    const file = fid?.place.file;
    if (file?.kind === "dir" && (access !== "r" || trunc || rclose)) problems.push("EISDIR");
    if (file?.kind === "link") problems.push("ELOOP", "ENXIO");
    // OREAD with OTRUNC is legal in 9P2000, and means nothing in Linux.
    if (trunc && access === "r") return;
    const mode = { r: 0, w: 1, rw: 2 }[access] | (trunc ? 0x10 : 0) | (rclose ? ORCLOSE : 0);
    const request = this.client.isLinux
      ? this.client.open(number, access, { trunc })
      : this.client.rpc("Topen", { fid: number, mode });
    const reply = await this.#expect(request, problems);
    if (!reply) return;
    if (trunc && file!.kind === "file") {
      this.model.truncate(file!, 0);
      this.identities.forget(file!);
    }
    fid!.access = access;
    fid!.isRemovedAtClunk = rclose;
  }

  async create(): Promise<void> {
    const number = this.#ownFid();
    const name = this.#name();
    const access = this.#access();
    const perm = this.random.below(0o1000);
    const rclose = !this.client.isLinux && this.random.once(8);
    this.#say("create", { number, name, access, perm, rclose });
    const { fid, problems } = this.#idle(number);
    if (fid) problems.push(...this.model.makeProblems(fid.place, name));
    const mode = rclose ? ORCLOSE : 0;
    const reply = await this.#expect(this.client.createOn(number, name, { perm, access, mode }), problems);
    if (!reply) return;
    const dirMode = fid!.place.file.mode;
    const kept = this.client.isLinux ? perm : perm & (~0o666 | (dirMode & 0o666));
    const place = this.model.make(fid!.place, name, "file", kept);
    this.#bind(number, place, access, rclose);
    this.identities.check(place.file, reply.qid);
  }

  async mkdir(): Promise<void> {
    const number = this.#ownFid();
    const name = this.#name();
    const perm = 0o700 + this.random.below(0o100);
    this.#say("mkdir", { number, name, perm });
    const { isLinux } = this.client;
    const { fid, problems } = isLinux ? this.#known(number) : this.#idle(number);
    if (fid) problems.push(...this.model.makeProblems(fid.place, name));
    const request: Promise<{ qid: Qid }> = isLinux
      ? this.client.rpc("Tmkdir", { dfid: number, name, mode: perm, gid: 0 })
      : this.client.createOn(number, name, { perm: Dm.DIR + perm, access: "r" });
    const reply = await this.#expect(request, problems);
    if (!reply) return;
    const kept = isLinux ? perm : perm & (~0o777 | (fid!.place.file.mode & 0o777));
    const place = this.model.make(fid!.place, name, "dir", kept);
    if (!isLinux) this.#bind(number, place, "r");
    this.identities.check(place.file, reply.qid);
  }

  async read(): Promise<void> {
    const number = this.#fid();
    const [offset, count] = [this.random.below(OFFSET_MAX), this.random.below(5000)];
    this.#say("read", { number, offset, count });
    const { fid, problems } = this.#known(number);
    if (!fid?.access || fid.access === "w") problems.push("EBADF");
    const isDir = fid?.place.file.kind === "dir";
    if (isDir) problems.push("EISDIR");
    // What 9P2000 reads from directories is for `list`.
    if (isDir && !this.client.isLinux && fid?.access) return;
    const data = await this.#expect(this.client.read(number, offset, count), problems);
    if (data) assert.deepEqual(data, this.model.read(fid!.place.file, offset, count));
  }

  async write(): Promise<void> {
    const number = this.#fid();
    const offset = this.random.below(OFFSET_MAX);
    const data = this.#data();
    this.#say("write", { number, offset, length: data.byteLength });
    const { fid, problems } = this.#known(number);
    if (!fid?.access || fid.access === "r") problems.push("EBADF");
    const count = await this.#expect(this.client.write(number, offset, data), problems);
    if (count === undefined) return;
    assert.equal(count, data.byteLength);
    this.model.write(fid!.place.file, offset, data);
    if (count === 0) this.identities.forget(fid!.place.file);
  }

  async clunk(): Promise<void> {
    const number = this.#ownFid();
    this.#say("clunk", { number });
    const { fid, problems } = this.#known(number);
    // What it was to remove is gone: the clunk may say so.
    const mayFail = fid?.isRemovedAtClunk && this.model.removeProblems(fid.place).length > 0;
    const request = this.client.clunk(number).catch((thrown) => {
      if (!mayFail || !(thrown instanceof Refused)) throw thrown;
    });
    await this.#expect(request, problems);
    this.fids.delete(number);
    if (fid) this.#closed(fid);
  }

  async remove(): Promise<void> {
    const number = this.#ownFid();
    this.#say("remove", { number });
    const { fid, problems } = this.#known(number);
    if (fid) problems.push(...this.model.removeProblems(fid.place));
    const isDone = await this.#expect(this.client.remove(number).then(() => true), problems);
    this.fids.delete(number);
    if (isDone) this.model.remove(fid!.place);
  }

  async stat(): Promise<void> {
    const number = this.#fid();
    this.#say("stat", { number });
    const { fid, problems } = this.#known(number);
    if (this.client.isLinux) {
      const attr = await this.#expect(this.client.getattr(number), problems);
      if (!attr) return;
      const { file } = fid!.place;
      this.identities.checkVersion(file, attr.qid);
      const type = { file: S.IFREG, dir: S.IFDIR, link: S.IFLNK }[file.kind];
      if (file.kind !== "link") assert.equal(attr.mode, type | file.mode, "mode");
      else assert.equal(attr.mode & S.IFMT, type, "type");
      if (file.kind === "file") assert.deepEqual([attr.size, attr.nlink], [file.data.byteLength, file.names]);
      return;
    }
    const stat = await this.#expect(this.client.stat(number), problems);
    if (!stat) return;
    const { file, name } = fid!.place;
    this.identities.checkVersion(file, stat.qid);
    assert.equal(stat.name, name);
    if (file.kind !== "link") assert.equal(stat.mode & 0o777, file.mode, "mode");
    assert.equal(stat.mode & Dm.DIR, file.kind === "dir" ? Dm.DIR | 0 : 0, "DMDIR");
    if (file.kind === "file") assert.equal(stat.length, file.data.byteLength);
    if (file.kind === "link" && this.client.dialect === "9P2000.u") assert.equal(stat.extension, file.target);
  }

  async chmod(): Promise<void> {
    const number = this.#ownFid();
    const mode = 0o600 + this.random.below(0o200);
    this.#say("chmod", { number, mode });
    const { fid, problems } = this.#known(number);
    if (fid?.place.file.kind === "link") return;
    const isDone = await this.#expect(this.client.chmod(number, mode).then(() => true), problems);
    if (isDone) this.#setMode(fid!.place.file, mode);
  }

  async truncate(): Promise<void> {
    const number = this.#fid();
    const size = 1 + this.random.below(OFFSET_MAX);
    this.#say("truncate", { number, size });
    const { fid, problems } = this.#known(number);
    if (fid && fid.place.file.kind !== "file") problems.push("EISDIR", "EINVAL", "ELOOP", "ENXIO");
    const isDone = await this.#expect(this.client.truncate(number, size).then(() => true), problems);
    if (isDone) this.model.truncate(fid!.place.file, size);
  }

  async rename(): Promise<void> {
    const number = this.#ownFid();
    const name = this.#name();
    const dfid = this.#fid();
    this.#say("rename", { number, name, dfid });
    const { fid, problems } = this.#known(number);
    if (this.client.isLinux) {
      const dir = this.#known(dfid);
      if (fid && dir.fid) problems.push(...this.model.renameProblems(fid.place, dir.fid.place, name));
      const request = this.client.rpc("Trename", { fid: number, dfid, name });
      if (await this.#expect(request, [...problems, ...dir.problems])) {
        this.model.rename(fid!.place, dir.fid!.place, name);
      }
      return;
    }
    // An empty name touches nothing, and neither does the one that it has.
    const isNothing = name === "" || name === fid?.place.name;
    if (fid && !isNothing) {
      problems.push(...this.model.renameProblems(fid.place, fid.place.parent ?? fid.place, name));
    }
    const isDone = await this.#expect(this.client.wstat(number, { name }).then(() => true), problems);
    if (isDone && !isNothing) this.model.rename(fid!.place, fid!.place.parent!, name);
  }

  /** Several changes in one Twstat: all or nothing. */
  async wstat(): Promise<void> {
    if (this.client.isLinux) return;
    const number = this.#ownFid();
    const [name, length] = [this.random.pick(NAMES), 1 + this.random.below(OFFSET_MAX)];
    const mode = 0o600 + this.random.below(0o200);
    this.#say("wstat", { number, name, length, mode });
    const { fid, problems } = this.#known(number);
    const file = fid?.place.file;
    if (file && file.kind !== "file") {
      problems.push("EISDIR", "EINVAL", "EPERM", "ELOOP", "ENXIO", "EOPNOTSUPP");
    }
    const isMove = fid !== undefined && name !== fid.place.name;
    if (isMove) {
      problems.push(...this.model.renameProblems(fid.place, fid.place.parent ?? fid.place, name));
      // What it would replace could not be brought back.
      if (fid.place.parent?.file.children.has(name)) problems.push("EEXIST");
    }
    const isDone = await this.#expect(
      this.client.wstat(number, { name, length, mode }).then(() => true),
      problems,
    );
    if (!isDone) return;
    if (isMove) this.model.rename(fid!.place, fid!.place.parent!, name);
    this.#setMode(file!, mode);
    this.model.truncate(file!, length);
  }

  async list(): Promise<void> {
    const number = this.#fid();
    this.#say("list", { number });
    const fid = this.fids.get(number);
    if (fid?.place.file.kind !== "dir") return;
    const listed = await this.client.list(number);
    const names = listed.map(({ name }) => name);
    assert.deepEqual(names.sort(), [...fid.place.file.children.keys()].sort());
    for (const { name, qid } of listed) this.identities.check(fid.place.file.children.get(name)!.file, qid);
  }

  async unlinkat(): Promise<void> {
    if (!this.client.isLinux) return;
    const number = this.#fid();
    const name = this.#name();
    const flags = this.random.pick([0, 0, AT_REMOVEDIR]);
    this.#say("unlinkat", { number, name, flags });
    const { fid, problems } = this.#known(number);
    const place = fid?.place.file.children.get(name);
    if (BAD_NAMES.includes(name)) problems.push("EINVAL");
    if (fid && fid.place.file.kind !== "dir") problems.push("ENOTDIR");
    else if (fid && !place) problems.push("ENOENT");
    if (place) {
      const isDir = place.file.kind === "dir";
      if (isDir && flags === 0) problems.push("EISDIR");
      if (!isDir && flags !== 0) problems.push("ENOTDIR");
      problems.push(...this.model.removeProblems(place));
    }
    const request = this.client.rpc("Tunlinkat", { dirfd: number, name, flags });
    if (await this.#expect(request, problems)) this.model.remove(place!);
  }

  async renameat(): Promise<void> {
    if (!this.client.isLinux) return;
    const [olddirfid, newdirfid] = [this.#fid(), this.#fid()];
    const [oldname, newname] = [this.#name(), this.#name()];
    this.#say("renameat", { olddirfid, oldname, newdirfid, newname });
    const [from, to] = [this.#known(olddirfid), this.#known(newdirfid)];
    const problems = [...from.problems, ...to.problems];
    const place = from.fid?.place.file.children.get(oldname);
    if (BAD_NAMES.includes(oldname) || BAD_NAMES.includes(newname)) problems.push("EINVAL");
    if (from.fid && from.fid.place.file.kind !== "dir") problems.push("ENOTDIR");
    else if (from.fid && !place) problems.push("ENOENT");
    if (place && to.fid) problems.push(...this.model.renameProblems(place, to.fid.place, newname));
    if (to.fid && to.fid.place.file.kind !== "dir") problems.push("ENOTDIR");
    const request = this.client.rpc("Trenameat", { olddirfid, oldname, newdirfid, newname });
    if (await this.#expect(request, problems)) this.model.rename(place!, to.fid!.place, newname);
  }

  async link(): Promise<void> {
    if (!this.client.isLinux) return;
    const [number, dfid] = [this.#fid(), this.#fid()];
    const name = this.#name();
    this.#say("link", { number, dfid, name });
    const [{ fid, problems }, dir] = [this.#known(number), this.#known(dfid)];
    problems.push(...dir.problems);
    if (dir.fid) problems.push(...this.model.makeProblems(dir.fid.place, name));
    if (fid?.place.file.kind === "dir") problems.push("EPERM");
    if (fid && fid.place.parent && fid.place.file.names === 0) problems.push("ENOENT");
    const request = this.client.rpc("Tlink", { dfid, fid: number, name });
    if (await this.#expect(request, problems)) this.model.link(fid!.place.file, dir.fid!.place, name);
  }

  async symlink(): Promise<void> {
    if (this.client.dialect === "9P2000") return;
    const number = this.#ownFid();
    const name = this.#name();
    const target = `to ${this.random.below(1000)}`;
    this.#say("symlink", { number, name, target });
    const { isLinux } = this.client;
    const { fid, problems } = isLinux ? this.#known(number) : this.#idle(number);
    if (fid) problems.push(...this.model.makeProblems(fid.place, name));
    const request: Promise<{ qid: Qid }> = isLinux
      ? this.client.rpc("Tsymlink", { fid: number, name, symtgt: target, gid: 0 })
      : this.client.createOn(number, name, { perm: Dm.SYMLINK + 0o777, access: "r", extension: target });
    const reply = await this.#expect(request, problems);
    if (!reply) return;
    const place = this.model.make(fid!.place, name, "link", 0o777, target);
    if (!isLinux) this.#bind(number, place);
    this.identities.check(place.file, reply.qid);
  }

  async readlink(): Promise<void> {
    if (!this.client.isLinux) return;
    const number = this.#fid();
    this.#say("readlink", { number });
    const { fid, problems } = this.#known(number);
    if (fid && fid.place.file.kind !== "link") problems.push("EINVAL");
    const reply = await this.#expect(this.client.rpc("Treadlink", { fid: number }), problems);
    if (reply) assert.equal(reply.target, fid!.place.file.target);
  }

  async setxattr(): Promise<void> {
    if (!this.client.isLinux) return;
    const number = this.#fid();
    const name = this.random.pick(XATTRS);
    const value = this.random.once(4) ? "" : "v".repeat(1 + this.random.below(50));
    this.#say("setxattr", { number, name, value });
    const fid = this.fids.get(number);
    if (!fid || fid.place.file.kind === "link") return;
    const clone = await this.client.walk(number);
    const flags = value === "" ? XATTR_REPLACE : 0;
    await this.client.rpc("Txattrcreate", { fid: clone, name, attrSize: value.length, flags });
    if (value !== "") await this.client.write(clone, 0, value);
    const { xattrs } = fid.place.file;
    const problems = value === "" && !xattrs.has(name) ? ["ENODATA"] : [];
    const isDone = await this.#expect(this.client.clunk(clone).then(() => true), problems);
    if (!isDone) return;
    fid.place.file.touches++;
    if (value === "") xattrs.delete(name);
    else xattrs.set(name, value);
  }

  async getxattr(): Promise<void> {
    if (!this.client.isLinux) return;
    const number = this.#fid();
    const name = this.random.pick(XATTRS);
    this.#say("getxattr", { number, name });
    const { fid, problems } = this.#known(number);
    if (fid?.place.file.kind === "link") return;
    const value = fid?.place.file.xattrs.get(name);
    if (fid && value === undefined) problems.push("ENODATA");
    const newfid = this.client.freeFid();
    const reply = await this.#expect(this.client.rpc("Txattrwalk", { fid: number, newfid, name }), problems);
    if (!reply) return;
    assert.equal(reply.size, value!.length);
    assert.equal(await this.client.readText(newfid), value);
    await this.client.clunk(newfid);
  }

  /** Compares the whole tree, by a walk over it. */
  async compareTree(): Promise<void> {
    this.doing = `${this.client.dialect} compareTree`;
    await this.#compare(this.model.root, await this.client.walk(this.client.root));
  }

  async #compare(place: Place, number: number): Promise<void> {
    const { file } = place;
    const info = await this.client.info(number);
    this.identities.checkVersion(file, info.qid);
    if (file.kind === "file") {
      assert.equal(info.size, file.data.byteLength);
      await this.client.open(number, "r");
      assert.deepEqual(await this.client.read(number, 0, OFFSET_MAX + DATA_MAX), file.data);
    }
    if (file.kind === "dir") {
      const names = await this.client.names(number);
      assert.deepEqual(names, [...file.children.keys()].sort());
      for (const name of names) {
        await this.#compare(file.children.get(name)!, await this.client.walk(number, name));
      }
    }
    await this.client.clunk(number);
  }
}
