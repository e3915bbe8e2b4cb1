import { deepStrictEqual as assertEquals } from "node:assert/strict";
import { hash } from "node:crypto";
import type { Kind } from "./attributes.ts";
import type { Content } from "./content.ts";
import { MemoryDocuments } from "./documents.ts";
import { type Author, authorOf, type DocId, type NodeId, nodeId, ROOT } from "./id.ts";
import { MemoryIndex } from "./memory_index.ts";
import { automerge, mergeText } from "../automerge/mod.ts";
import { isOnlyIn } from "./records.ts";
import { type ShownNode, type ShownTree, shownTree } from "./shown_tree.ts";
import { indexTree } from "./index_tree.ts";
import type { Merger, MergeRequest } from "./standing.ts";
import { unpackPuts } from "./puts.ts";
import { reroot } from "./reroot.ts";
import type { Dot } from "./dot.ts";
import type { Changes } from "./open_batch.ts";
import { type Batch, TreeWriter } from "./writer.ts";

const utf8 = new TextEncoder();
/** As it takes as long as all the rest. */
const EARLY_EVERY = 5;
let timesShown = 0;
/** Contents by their descriptors: what a chunk store is to a node. */
const stored = new Map<string, Uint8Array>();

/** A record, as it travels. */
export interface Made extends Dot {
  /** Of each author the last record that its writer had seen. */
  readonly seen: ReadonlyMap<Author, number>;
  readonly changes: Changes;
}

/** Where a copy goes on that was there before. */
export interface Start {
  readonly number: number;
  readonly clock: number;
  readonly lastNode: number;
}

/** A copy of a volume in memory, worked on by paths as a shell does: what tests of the tree are written with. */
export class Copy {
  readonly author: Author;
  readonly actor: string;
  readonly documents: MemoryDocuments;
  readonly index = new MemoryIndex();
  readonly writer: TreeWriter;
  /** Every record that is in here, in the order in which it came. */
  readonly log: Made[] = [];
  /** How many of each author's records are here. */
  readonly vector = new Map<Author, number>();
  /** What each other copy had when it was last heard of, all of whose records from before then are here. */
  readonly acknowledged = new Map<Author, ReadonlyMap<Author, number>>();
  readonly root = ROOT;
  /** While this is set, operations stay one open batch, and paths lead where they led before it. */
  batching = false;
  #lastNode = 0;
  #shared = 0;
  #sec = 1_700_000_000;

  constructor(number: number, start: Start = { number: 0, clock: 0, lastNode: 0 }) {
    const bytes = new Uint8Array(8);
    bytes[7] = number;
    this.author = authorOf(bytes);
    this.actor = `a${number.toString(16).padStart(7, "0")}`;
    this.documents = new MemoryDocuments(automerge, this.actor);
    this.writer = new TreeWriter({
      documents: this.documents,
      index: this.index,
      merge: (request) => this.merge(request),
      author: this.author,
      clock: start.clock,
      number: start.number,
      newNode: () => this.newNode(),
      // Somebody pulled, and so it may be elsewhere.
      shared: () => this.#shared,
    });
    this.#lastNode = start.lastNode;
  }

  /** The first copy of a volume, with a root. */
  static first(number = 1): Copy {
    const copy = new Copy(number);
    copy.createRoot();
    return copy;
  }

  createRoot(): void {
    this.writer.createRoot(this.#attributes("directory", 0o755));
    this.commit();
  }

  newNode(): NodeId {
    return nodeId(this.author, ++this.#lastNode);
  }

  /** Ends a batch; what it changed waits in `made`. */
  commit(): Batch | undefined {
    if (this.batching) return undefined;
    const batch = this.writer.commit();
    for (const changes of batch.records) this.keep(changes);
    return batch;
  }

  /** Notes a record of its own. */
  keep(changes: Changes): void {
    const { author } = this;
    const number = (this.vector.get(author) ?? 0) + 1;
    this.log.push({ author, number, seen: new Map(this.vector), changes });
    this.vector.set(author, number);
  }

  /** Takes over what the other has, or the first `max` records of it, as two copies that meet. Returns how many there were. */
  pull(other: Copy, max = Infinity): number {
    other.share();
    const news = other.log.filter(({ author, number }) => number > (this.vector.get(author) ?? 0))
      .slice(0, max);
    this.writer.receive(news.map(({ author, number, seen, changes }) => ({
      author,
      number,
      hasSeen: (dot) => dot.number <= (seen.get(dot.author) ?? 0),
      changes: new Map([...changes].map(([doc, puts]) => [doc, unpackPuts(puts)])),
    })));
    for (const made of news) {
      this.log.push(made);
      this.vector.set(made.author, made.number);
    }
    if (news.length < max) this.acknowledged.set(other.author, new Map(other.vector));
    return news.length;
  }

  /** What was written so far may be on other copies from now on. */
  share(): void {
    this.#shared = this.writer.clock;
  }

  /** The number of the last node that it made. */
  get lastNode(): number {
    return this.#lastNode;
  }

  /** Merges by `mergeText`, as the state Worker does. */
  merge(request: MergeRequest): ReturnType<Merger> {
    return mergeStored(request);
  }

  /** Lets go of what is dead in all documents of which those copies have everything. */
  trim(others: readonly Copy[]): void {
    const isStable = (id: DocId) =>
      others.every((other) => {
        const has = this.acknowledged.get(other.author);
        return this.log.every(({ author, number, changes }) =>
          !changes.has(id) || number <= (has?.get(author) ?? 0)
        );
      });
    for (const { id } of [...this.documents.all()]) this.writer.trim(id, isStable);
    this.commit();
  }

  /** Lets go of what documents had before. */
  reroot(): void {
    for (const old of [...this.documents.all()]) {
      this.documents.put(reroot(automerge, old, this.actor));
      old.free();
    }
  }

  mkdir(path: string): NodeId {
    return this.#make(path, "directory", 0o755);
  }

  symlink(target: string, path: string): NodeId {
    return this.#make(path, "symlink", 0o777, undefined, target);
  }

  /** Writes a file, which is made where it is not there. */
  write(path: string, text: string, mergeable = false): NodeId {
    const content = this.content(text, mergeable);
    const there = this.find(path);
    if (!there) return this.#make(path, "file", 0o644, content);
    this.writer.content(there.node, content);
    this.commit();
    return there.node;
  }

  append(path: string, text: string): void {
    this.write(path, this.read(path) + text, this.isText(path));
  }

  rm(path: string): void {
    const { parent, name, node } = this.at(path);
    this.writer.unlink({ node, parent, name }, this.now());
    this.commit();
  }

  /** Moves a file or a directory, over whatever has the new name. */
  mv(from: string, to: string): void {
    const source = this.at(from);
    const there = this.find(to);
    const target = this.place(to);
    if (there) this.writer.unlink({ ...target, node: there.node }, this.now());
    this.writer.rename(source, target, this.now());
    this.commit();
  }

  ln(from: string, to: string): void {
    this.writer.link({ node: this.at(from).node, ...this.place(to) }, this.now());
    this.commit();
  }

  chmod(path: string, mode: number): void {
    this.writer.setattr(this.at(path).node, { mode }, this.now());
    this.commit();
  }

  chown(path: string, uid: string): void {
    this.writer.setattr(this.at(path).node, { uid }, this.now());
    this.commit();
  }

  touch(path: string): void {
    const time = this.now();
    this.writer.setattr(this.at(path).node, { atime: time, mtime: time }, time);
    this.commit();
  }

  setfattr(path: string, name: string, value: string | undefined): void {
    this.writer.setxattr(
      this.at(path).node,
      name,
      value === undefined ? undefined : utf8.encode(value),
      this.now(),
    );
    this.commit();
  }

  read(path: string): string {
    const row = this.find(path);
    if (!row) throw new Error(`${path} is not there`);
    return textOf(row.version ?? this.index.node(row.node)?.content);
  }

  isText(path: string): boolean {
    const row = this.find(path);
    return row !== undefined && (this.index.node(row.node)?.content?.text ?? false);
  }

  /** What a path leads to; undefined where there is nothing. */
  find(path: string): { readonly node: NodeId; readonly version: Content | undefined } | undefined {
    let found: { node: NodeId; version: Content | undefined } = { node: ROOT, version: undefined };
    for (const name of path.split("/").filter((word) => word !== "")) {
      const row = this.#list(found.node).find((each) => each.shown?.name === name);
      if (!row) return undefined;
      found = row;
    }
    return found;
  }

  at(path: string): { node: NodeId; parent: NodeId; name: string } {
    const found = this.find(path);
    if (!found) throw new Error(`${path} is not there`);
    return { ...this.place(path), node: found.node };
  }

  place(path: string): { parent: NodeId; name: string } {
    const words = path.split("/");
    const name = words.pop() as string;
    const parent = this.find(words.join("/"));
    if (!parent) throw new Error(`${words.join("/")} is not there`);
    return { parent: parent.node, name };
  }

  #list(directory: NodeId) {
    return [directory, ...this.index.aliases(directory)].flatMap((node) => [...this.index.inside(node)]);
  }

  /** The tree by the index, one line a name: `path`, or `path = content`. */
  tree(): string[] {
    return linesOf(indexTree(this.index));
  }

  /** The tree by the documents alone. Every now and then it is held against the same with nodes that are taken as soon as they are known. */
  shown(): ShownTree {
    const merge: Merger = (request) => this.merge(request);
    const shown = shownTree(this.documents.all(), merge);
    if (timesShown++ % EARLY_EVERY > 0) return shown;
    const taken = new Map<NodeId, ShownNode>();
    const early = shownTree(this.documents.all(), merge, {
      isWhole: (node, doc) => isOnlyIn(this.index.node(node)?.records ?? "", doc),
      take: (node) => void taken.set(node.id, node),
    });
    const nodes = new Map([...taken, ...early.nodes]);
    assertEquals(linesOf({ ...early, nodes }, true), linesOf(shown, true));
    assertEquals(problemsOf(early), problemsOf(shown));
    return shown;
  }

  now(): { sec: number; nsec: number } {
    return { sec: this.#sec++, nsec: 0 };
  }

  content(text: string, mergeable: boolean): Content {
    return store(utf8.encode(text), mergeable, this.now());
  }

  #make(path: string, kind: Kind, mode: number, content?: Content, target = ""): NodeId {
    const node = this.newNode();
    this.writer.create({ node, ...this.place(path) }, this.#attributes(kind, mode, target), content);
    this.commit();
    return node;
  }

  #attributes(kind: Kind, mode: number, target = "") {
    const time = this.now();
    return { kind, mode, uid: "alice", gid: "alice", atime: time, mtime: time, ctime: time, target, rdev: 0 };
  }
}

function problemsOf({ problems }: ShownTree): string[] {
  return problems.map(({ doc, key, reason }) => `${doc} ${key} ${reason}`).sort();
}

/** A tree as lines, sorted by path. */
export function linesOf({ directories, nodes }: Omit<ShownTree, "problems">, attributes = false): string[] {
  const lines: string[] = [];
  const walk = (directory: NodeId, path: string) => {
    for (const [name, { node, version }] of directories.get(directory) ?? []) {
      const shown = nodes.get(node);
      const content = version ?? shown?.content;
      let line = path + name;
      if (directories.has(node) && !version) line += "/";
      else if (shown?.attributes?.kind === "symlink") line += ` -> ${shown.attributes.target}`;
      else line += content ? ` = ${textOf(content)}` : "";
      if (attributes) {
        line += ` ${
          JSON.stringify([shown?.attributes, content?.stamp, [...shown?.xattrs ?? []].map(String)])
        }`;
      }
      lines.push(line);
      if (directories.has(node) && !version) walk(node, line.slice(0, path.length + name.length) + "/");
    }
  };
  walk(ROOT, "");
  if (attributes) lines.push(JSON.stringify(nodes.get(ROOT)?.attributes));
  return lines.sort();
}

export function store(bytes: Uint8Array, text: boolean, mtime: Content["mtime"]): Content {
  const descriptor = hash("sha256", bytes, "hex").slice(0, 32);
  keepBytes(descriptor, bytes);
  return { size: bytes.length, descriptor: utf8.encode(descriptor), mtime, text };
}

/** What a descriptor stands for, for tests that look at trees. */
export function keepBytes(descriptor: string, bytes: Uint8Array): void {
  stored.set(descriptor, bytes);
}

export function textOf(content: Content | undefined): string {
  return content ? new TextDecoder().decode(bytesOf(content)) : "";
}

function bytesOf(content: Pick<Content, "descriptor">): Uint8Array {
  return stored.get(new TextDecoder().decode(content.descriptor)) ?? new Uint8Array();
}

export function mergeStored({ base, sides }: MergeRequest): ReturnType<Merger> {
  const merged = mergeText(base ? bytesOf(base) : new Uint8Array(), sides.map(bytesOf));
  return merged ? store(merged, true, sides[0].mtime) : "unmergeable";
}
