import { Buffer } from "node:buffer";
import type { DatabaseSync, StatementSync } from "node:sqlite";
import { S, type Timestamp } from "../../9p/mod.ts";
import { automerge } from "../automerge/mod.ts";
import { type NodeRow, StoredDocuments, treeRecords, unpackNode } from "../store/mod.ts";
import {
  type Content,
  type DocId,
  isOnlyIn,
  type Merger,
  type NodeId,
  ROOT,
  type ShownNode,
  shownTree,
  type Version,
} from "../tree/mod.ts";
import { FLAGS_XATTR, flagsOf } from "./attributes.ts";
import { fileId } from "./file_id.ts";
import { mergedText } from "./merged_text.ts";

type Stored = Pick<Content, "size" | "descriptor">;

const ROOT_INO = 1;
const NOTHING = new Uint8Array(0);

/**
 * Holds what the documents show against what the index has. Of a file whose records are in one document, as those of nearly all are, only the name stays in memory: the tree's rows tell
 * which these are, and a document that tells of one after all is a problem.
 */
export class DocumentsCheck {
  readonly #sql: Record<keyof typeof SQL, StatementSync>;
  readonly #unsettled: ReadonlySet<number>;
  readonly #withXattrs: ReadonlySet<number>;
  /** Of the node that was looked up last. */
  #found: Found | undefined;

  constructor(
    readonly db: DatabaseSync,
    readonly bytesOf: (content: Stored) => Uint8Array,
    readonly problem: (text: string) => void,
  ) {
    this.#sql = Object.fromEntries(
      Object.entries(SQL).map(([name, text]) => [name, db.prepare(text)]),
    ) as Record<keyof typeof SQL, StatementSync>;
    const numbers = (sql: "unsettled" | "withXattrs") =>
      new Set((this.#sql[sql].all() as { ino: number }[]).map(({ ino }) => ino));
    this.#unsettled = numbers("unsettled");
    // Most files have none.
    this.#withXattrs = numbers("withXattrs");
  }

  run(): void {
    const documents = new StoredDocuments(this.db, automerge);
    try {
      const shown = shownTree(documents.all(), this.#merger(), {
        isWhole: (node, doc) => this.#isWhole(node, doc),
        take: (node) => this.#compare(node, undefined, this.#found?.row),
      });
      for (const { doc, key, reason } of shown.problems) {
        this.problem(`Document ${doc}, key ${key}: ${reason}`);
      }
      let names = 0;
      const directories = new Map<number, NodeId | undefined>();
      for (const edge of this.#sql.edges.iterate() as Iterable<EdgeData>) {
        const { parent, name, ino, id } = edge;
        names++;
        if (!directories.has(parent)) directories.set(parent, this.#idOf(parent));
        const dir = directories.get(parent);
        const entry = dir && shown.directories.get(dir)?.get(name);
        const what = `Name ${JSON.stringify(name)} in directory ${parent}`;
        if (entry === undefined) this.problem(`${what}: the documents do not have it`);
        else if (fileId(entry.node, entry.version) !== id) {
          this.problem(`${what}: in the documents it is ${fileId(entry.node, entry.version)}`);
        } else if (shown.nodes.has(entry.node)) {
          this.#compare(shown.nodes.get(entry.node)!, entry.version, this.#rowOf(ino));
        }
      }
      this.#compare(shown.nodes.get(ROOT), undefined, this.#rowOf(ROOT_INO));
      const inDocuments = shown.directories.values().reduce((sum, { size }) => sum + size, 0);
      if (inDocuments === names) return;
      this.problem(`The documents show ${inDocuments} names and the index has ${names}`);
      for (const [dir, entries] of shown.directories) {
        for (const [name, { node, version }] of entries) {
          if (this.#sql.hasName.get(dir, name) !== undefined) continue;
          this.problem(
            `The index does not have name ${JSON.stringify(name)} of ${fileId(node, version)} in ${dir}`,
          );
        }
      }
    } finally {
      documents.free();
    }
  }

  #isWhole(node: NodeId, doc: DocId): boolean {
    const found = this.#sql.node.get(node) as { tree: Uint8Array } & FileData | undefined;
    if (found === undefined) return false;
    this.#found = { node, row: rowIn(found) };
    try {
      return isOnlyIn(treeRecords(node, found.tree), doc);
    } catch {
      return false;
    }
  }

  /** What texts are merged into is nowhere but in the index, so that is made again. */
  #merger(): Merger {
    return (request) => {
      const merged = mergedText(request, this.bytesOf);
      if (merged === undefined) return "unmergeable";
      const found = this.#found?.node === request.node ? this.#found.row : this.#rowOfNode(request.node);
      const { size, content } = found ?? { size: 0, content: null };
      const descriptor = content ?? NOTHING;
      const isSame = size === merged.byteLength &&
        Buffer.compare(merged, this.bytesOf({ size, descriptor })) === 0;
      return { size: merged.byteLength, descriptor: isSame ? descriptor : NOTHING };
    };
  }

  #idOf(ino: number): NodeId | undefined {
    return (this.#sql.file.get(ino) as { id: NodeId } | undefined)?.id;
  }

  #rowOf(ino: number): NodeRow | undefined {
    return rowIn(this.#sql.file.get(ino) as FileData | undefined);
  }

  #rowOfNode(node: NodeId): NodeRow | undefined {
    return rowIn(this.#sql.fileOf.get(node) as FileData | undefined);
  }

  #compare(node: ShownNode | undefined, version: Version | undefined, row: NodeRow | undefined): void {
    if (row === undefined || node?.attributes === undefined) return;
    const { ino } = row;
    const { mode, uid, gid, target, mtime, atime } = node.attributes;
    const tell = (what: string, shown: unknown, indexed: unknown) =>
      this.problem(`File ${ino} has ${what} ${shown} in the documents and ${indexed} in the index`);
    const differs = (what: string, shown: unknown, indexed: unknown) => {
      if (shown !== indexed) tell(what, shown, indexed);
    };
    // Of a large volume most of the time would go into texts that are the same.
    const differsTime = (what: string, shown: Timestamp, indexed: Timestamp) => {
      if (shown.sec === indexed.sec && shown.nsec === indexed.nsec) return;
      tell(what, `${shown.sec}.${shown.nsec}`, `${indexed.sec}.${indexed.nsec}`);
    };
    differs("mode", mode, row.mode & 0o7777);
    differs("owner", uid, row.uid);
    differs("group", gid, row.gid);
    differs("target", target, row.target);
    differs("flags", flagsOf(node.xattrs), row.flags);
    differsTime("time of access", atime, row.atime);
    const xattrs = [...node.xattrs].filter(([name]) => name !== FLAGS_XATTR);
    const indexed = this.#xattrsOf(ino);
    if (xattrs.length + indexed.length > 0) differs("attributes", textOf(xattrs), textOf(indexed));
    // An operation on a file that is still written to is in the documents once the file is settled.
    if (this.#unsettled.has(ino)) return;
    differsTime("time", version?.mtime ?? mtime, row.mtime);
    differsTime("time of the last change", node.attributes.ctime, row.ctime);
    if ((row.mode & S.IFMT) !== S.IFREG) return;
    const content = version ?? node.content;
    differs("size", content?.size ?? 0, row.size);
    const descriptors = [content?.descriptor ?? NOTHING, row.content ?? NOTHING];
    if (Buffer.compare(descriptors[0], descriptors[1]) !== 0) {
      tell("contents", descriptors[0].join(), descriptors[1].join());
    }
  }

  #xattrsOf(ino: number): [string, Uint8Array][] {
    if (!this.#withXattrs.has(ino)) return [];
    const rows = this.#sql.xattrs.all(ino) as { name: string; value: Uint8Array }[];
    return rows.map(({ name, value }) => [name, value]);
  }
}

/** A node of the tree, and its file. */
interface Found {
  readonly node: NodeId;
  readonly row: NodeRow | undefined;
}

/** Null where the node of the tree is no file. */
interface FileData {
  readonly ino: number | null;
  readonly data: Uint8Array | null;
}

interface EdgeData {
  readonly parent: number;
  readonly name: string;
  readonly ino: number;
  readonly id: string | null;
}

/** Undefined also for one that is damaged, as a tree's row is none of use: whoever checks the rows tells of them. */
function rowIn(found: FileData | undefined): NodeRow | undefined {
  if (found === undefined || found.ino === null) return undefined;
  try {
    return unpackNode(found.ino, found.data!);
  } catch {
    return undefined;
  }
}

/** Of attributes, in the order of their names. */
function textOf(xattrs: readonly (readonly [string, Uint8Array])[]): string {
  return xattrs.map(([name, value]) => `${JSON.stringify(name)}=${[...value]}`).sort().join();
}

const SQL = {
  unsettled: "SELECT ino FROM unsettled",
  withXattrs: "SELECT DISTINCT ino FROM xattr",
  xattrs: "SELECT name, value FROM xattr WHERE ino = ?",
  node:
    "SELECT tree_node.data AS tree, node.ino, node.data FROM tree_node LEFT JOIN node ON node.id = tree_node.id " +
    "WHERE tree_node.id = ?",
  file: "SELECT ino, id, data FROM node WHERE ino = ?",
  fileOf: "SELECT ino, data FROM node WHERE id = ?",
  edges: "SELECT edge.parent, edge.name, edge.ino, node.id FROM edge LEFT JOIN node ON node.ino = edge.ino",
  hasName: "SELECT 1 FROM edge JOIN node ON node.ino = edge.parent WHERE node.id = ? AND edge.name = ?",
} as const;
