import { conflictNames, decide } from "./contention.ts";
import { LOST, settle } from "./cycles.ts";
import type { TreeDocument } from "./document.ts";
import { type Candidate, type Facts, FactsReader, type Problem, touchesOf } from "./facts.ts";
import { type DocId, type NodeId, ROOT } from "./id.ts";
import { edgeKey, type Key, type KeyParts, parseKey, TOUCHED_KEY } from "./key.ts";
import { baseOf } from "./content.ts";
import { directoryOf } from "./placement.ts";
import type { EdgeRow, NodeRow } from "./rows.ts";
import type { Touch } from "./small_records.ts";
import {
  afterMerge,
  compareTouches,
  type Merger,
  type Place,
  shownAttributes,
  type Standing,
  standingOf,
} from "./standing.ts";

/** A node in the shown tree. */
export type ShownNode = Pick<NodeRow, "id" | "attributes" | "content" | "xattrs">;

export interface ShownTree {
  /** For each shown directory its names, each with what it stands for: a node, or a losing version of one. */
  readonly directories: ReadonlyMap<NodeId, ReadonlyMap<string, Pick<EdgeRow, "node" | "version">>>;
  /** What is reachable from the root. */
  readonly nodes: ReadonlyMap<NodeId, ShownNode>;
  /** Everything that was set aside, in no order. */
  readonly problems: readonly Problem[];
}

/** Takes nodes as soon as they are known, so that of most of a large tree only the names are in memory. */
export interface Early {
  /** Whether that document has all records of a node. Where another one turns out to tell of it, that is a problem. */
  isWhole(node: NodeId, doc: DocId): boolean;
  /** A node that is no directory, has a name and lost nothing. It is in the tree if a directory has it; it is not among `nodes`. */
  take(node: ShownNode): void;
}

/**
 * The tree that documents show, from nothing: what `View` keeps up to date. It reads everything and takes no short cut, so that tests and `verify` can
 * hold one against the other.
 */
export function shownTree(documents: Iterable<TreeDocument>, merge: Merger, early?: Early): ShownTree {
  const problems: Problem[] = [];
  const readers = new Map<NodeId, FactsReader>();
  const touched = new Map<NodeId, Touch>();
  const tree = new Tree(touched, merge);
  for (const document of documents) {
    const { id: doc } = document;
    const begun: NodeId[] = [];
    for (const key of document.keys()) {
      const parts = parseKey(key);
      if (parts && tree.isWhole(parts.node)) {
        problems.push({ doc, key, reason: "It is of a node that the index has in another document only" });
      } else if (parts) {
        let reader = readers.get(parts.node);
        if (!reader) {
          readers.set(parts.node, reader = new FactsReader(parts.node, problems));
          if (early) begun.push(parts.node);
        }
        reader.add(doc, parts, document.get(key));
      } else if (key !== TOUCHED_KEY) {
        problems.push({ doc, key, reason: "A key is none that this program sets" });
      }
      if (parts?.kind === "edge" || key === TOUCHED_KEY) touch(touched, document, key, parts);
    }
    for (const node of begun) {
      if (!early!.isWhole(node, doc)) continue;
      tree.addWhole(readers.get(node)!.facts(), doc, early!);
      readers.delete(node);
    }
  }
  for (const [node, reader] of readers) {
    tree.add(reader.facts());
    readers.delete(node);
  }
  const shown = tree.show();
  return { ...shown, problems: [...problems, ...tree.unreachable()] };
}

function touch(
  touched: Map<NodeId, Touch>,
  document: TreeDocument,
  key: Key,
  parts: KeyParts | undefined,
): void {
  const directory = directoryOf(document.id);
  for (const each of touchesOf(document, key, parts?.node)) {
    const newest = touched.get(directory);
    if (!newest || compareTouches(each, newest) > 0) touched.set(directory, each);
  }
}

class Tree {
  readonly #facts = new Map<NodeId, Facts>();
  /** Nodes whose records are all in one document, as somebody knows, and the document. */
  readonly #whole = new Map<NodeId, DocId>();
  readonly #touched: ReadonlyMap<NodeId, Touch>;
  readonly #merge: Merger;
  /** Rows by the directory that they are in by their own edges. */
  readonly #rows = new Map<NodeId, EdgeRow[]>();
  readonly #standings = new Map<NodeId, Standing>();
  readonly #directories = new Map<NodeId, Map<string, EdgeRow>>();
  readonly #nodes = new Map<NodeId, ShownNode>();
  /** Directories that are in the tree, also as part of another. */
  readonly #reached = new Set<NodeId>();

  constructor(touched: ReadonlyMap<NodeId, Touch>, merge: Merger) {
    this.#touched = touched;
    this.#merge = merge;
  }

  add(facts: Facts): void {
    this.#facts.set(facts.node, facts);
  }

  isWhole(node: NodeId): boolean {
    return this.#whole.has(node);
  }

  /** A node of which no other document tells. Of one that lost nothing only the names stay here. */
  addWhole(facts: Facts, doc: DocId, early: Early): void {
    const { node, attributes, xattrs } = facts;
    this.#whole.set(node, doc);
    if (!attributes || attributes.kind === "directory") return this.add(facts);
    const standing = this.#merged(facts, standingOf(facts));
    if (standing.losers.length > 0) return this.add(facts);
    const alive = standing.places.filter((place) => place.alive);
    // The index may have one that somebody holds.
    if (alive.length === 0) return;
    for (const place of alive) this.#add(rowOf(node, place));
    const shown = shownAttributes(facts, standing, undefined);
    early.take({ id: node, attributes: shown, content: standing.content, xattrs });
  }

  show(): Omit<ShownTree, "problems"> {
    this.#stand();
    this.#node(ROOT);
    this.#list(ROOT, [ROOT]);
    return { directories: this.#directories, nodes: this.#nodes };
  }

  /** Edges that are alive in a directory that is not in the tree: it is not here yet, or somebody made them up. */
  *unreachable(): Iterable<Problem> {
    for (const [parent, rows] of this.#rows) {
      for (const { node, slot, alive } of rows) {
        if (!alive || this.#reached.has(parent)) continue;
        const doc = this.#whole.get(node) ??
          this.#standings.get(node)?.places.find((place) => place.slot === slot)?.edge.doc;
        if (doc) {
          yield { doc, key: edgeKey(node, slot), reason: "It is in a directory that is not in the tree" };
        }
      }
    }
  }

  #stand(): void {
    const candidates = (node: NodeId): readonly Candidate[] => this.#facts.get(node)?.places.get("") ?? [];
    const directories = [...this.#facts.keys()].filter((node) => candidates(node)[0]?.directory);
    const parentOf = (node: NodeId) => {
      const first = candidates(node)[0];
      return first?.directory ? first.parent : undefined;
    };
    const positions = settle(directories, { parentOf, candidates });
    for (const [node, facts] of this.#facts) {
      const position = positions.get(node);
      const held = position === undefined
        ? undefined
        : position === LOST
        ? { ...candidates(node)[0], parent: ROOT }
        : candidates(node)[position];
      const standing = this.#merged(facts, standingOf(facts, held));
      this.#standings.set(node, standing);
      const displaced = position !== undefined && position !== 0;
      for (const place of standing.places) {
        const alive = place.alive || displaced && facts.attributes !== undefined;
        this.#add({ ...rowOf(node, place), displaced, alive });
      }
      const { beside } = standing;
      if (!beside) continue;
      for (const version of standing.losers) {
        this.#add({ ...rowOf(node, beside), version, displaced, alive: true, conflict: true });
      }
    }
  }

  #add(row: EdgeRow): void {
    const rows = this.#rows.get(row.parent);
    if (rows) rows.push(row);
    else this.#rows.set(row.parent, [row]);
  }

  #merged(facts: Facts, standing: Standing): Standing {
    const { sides } = standing;
    if (sides.length === 0) return standing;
    const base = baseOf(sides);
    const merged = base === "nothing" ? "unmergeable" : this.#merge({ node: facts.node, base, sides });
    return afterMerge(standing, merged);
  }

  #isAlive(row: EdgeRow): boolean {
    return row.alive || row.directory && this.#facts.get(row.node)?.attributes !== undefined &&
        (this.#rows.get(row.node) ?? []).some((inside) => this.#isAlive(inside));
  }

  /** Lists a shown directory, of which `members` are all the directories that are one with it. */
  #list(shownIn: NodeId, members: readonly NodeId[]): void {
    const rows = members.flatMap((member) => this.#rows.get(member) ?? []).filter((row) =>
      this.#isAlive(row)
    );
    const names = new Map<string, EdgeRow>();
    this.#directories.set(shownIn, names);
    for (const member of members) this.#reached.add(member);
    const inside: EdgeRow[][] = [];
    const losers = rows.filter((row) => row.version);
    for (const [name, rivals] of Map.groupBy(rows.filter((row) => !row.version), (row) => row.name)) {
      const verdict = decide(rivals);
      names.set(name, verdict.winner ?? verdict.directories[0]);
      losers.push(...verdict.losers);
      if (verdict.directories.length > 0) inside.push([...verdict.directories]);
    }
    const own = new Set(names.keys());
    for (const [row, name] of conflictNames(losers, (name) => own.has(name))) names.set(name, row);
    for (const { node } of names.values()) this.#node(node);
    for (const rows of inside) this.#list(rows[0].node, rows.map(({ node }) => node));
  }

  #node(node: NodeId): void {
    const facts = this.#facts.get(node);
    const standing = this.#standings.get(node);
    if (!facts || !standing) return;
    const touched = facts.attributes?.kind === "directory" ? this.#touched.get(node) : undefined;
    this.#nodes.set(node, {
      id: node,
      attributes: shownAttributes(facts, standing, touched),
      content: standing.content,
      xattrs: facts.xattrs,
    });
  }
}

function rowOf(node: NodeId, { slot, edge, alive }: Place): EdgeRow {
  return {
    node,
    slot,
    version: undefined,
    parent: edge.parent,
    name: edge.name,
    counter: edge.counter,
    author: edge.stamp.author,
    directory: edge.directory,
    removed: edge.removed !== undefined,
    displaced: false,
    alive,
    shown: undefined,
    conflict: false,
  };
}
