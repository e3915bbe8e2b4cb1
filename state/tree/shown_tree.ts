import { conflictNames, decide } from "./contention.ts";
import { LOST, settle } from "./cycles.ts";
import type { TreeDocument } from "./document.ts";
import { type Candidate, type Facts, FactsReader, type Problem, touchesOf } from "./facts.ts";
import { type NodeId, ROOT } from "./id.ts";
import { edgeKey, type Key, type KeyParts, parseKey, TOUCHED_KEY } from "./key.ts";
import { baseOf } from "./content.ts";
import { directoryOf } from "./placement.ts";
import type { EdgeRow, NodeRow } from "./rows.ts";
import type { Touch } from "./small_records.ts";
import {
  afterMerge,
  compareTouches,
  type Merger,
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

/**
 * The tree that documents show, from nothing: what `View` keeps up to date. It reads everything and takes no short cut, so that tests and `verify` can
 * hold one against the other.
 */
export function shownTree(documents: Iterable<TreeDocument>, merge: Merger): ShownTree {
  const problems: Problem[] = [];
  const readers = new Map<NodeId, FactsReader>();
  const touched = new Map<NodeId, Touch>();
  for (const document of documents) {
    for (const key of document.keys()) {
      const parts = parseKey(key);
      if (parts) {
        let reader = readers.get(parts.node);
        if (!reader) readers.set(parts.node, reader = new FactsReader(parts.node, problems));
        reader.add(document.id, parts, document.get(key));
      } else if (key !== TOUCHED_KEY) {
        problems.push({ doc: document.id, key, reason: "A key is none that this program sets" });
      }
      if (parts?.kind === "edge" || key === TOUCHED_KEY) touch(touched, document, key, parts);
    }
  }
  const facts = new Map([...readers].map(([node, reader]) => [node, reader.facts()]));
  const tree = new Tree(facts, touched, merge);
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
  readonly #facts: ReadonlyMap<NodeId, Facts>;
  readonly #touched: ReadonlyMap<NodeId, Touch>;
  readonly #merge: Merger;
  /** Rows by the directory that they are in by their own edges. */
  readonly #rows = new Map<NodeId, EdgeRow[]>();
  readonly #standings = new Map<NodeId, Standing>();
  readonly #directories = new Map<NodeId, Map<string, EdgeRow>>();
  readonly #nodes = new Map<NodeId, ShownNode>();
  /** Directories that are in the tree, also as part of another. */
  readonly #reached = new Set<NodeId>();

  constructor(
    facts: ReadonlyMap<NodeId, Facts>,
    touched: ReadonlyMap<NodeId, Touch>,
    merge: Merger,
  ) {
    this.#facts = facts;
    this.#touched = touched;
    this.#merge = merge;
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
        const doc = this.#standings.get(node)?.places.find((place) => place.slot === slot)?.edge.doc;
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
      const row = (
        version: EdgeRow["version"],
        { slot, edge, alive }: Standing["places"][number],
      ): EdgeRow => ({
        node,
        slot,
        version,
        parent: edge.parent,
        name: edge.name,
        counter: edge.counter,
        author: edge.stamp.author,
        directory: edge.directory,
        removed: edge.removed !== undefined,
        displaced,
        alive: version !== undefined || alive || displaced && facts.attributes !== undefined,
        shown: undefined,
        conflict: version !== undefined,
      });
      for (const place of standing.places) this.#add(row(undefined, place));
      const { beside } = standing;
      if (beside) { for (const version of standing.losers) this.#add(row(version, beside)); }
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
