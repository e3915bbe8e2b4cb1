import { S } from "../../9p/mod.ts";
import type { IndexWriter, SqliteTreeIndex } from "../store/mod.ts";
import { type EdgeRow, lostName, type NodeId, ROOT, versionId } from "../tree/mod.ts";

/** A file that is shown under a conflict name. Paths are from the root of the volume on. */
export interface Conflict {
  readonly path: string;
  /** What it lost against. */
  readonly of: string;
  /** It lost its contents, or its name. */
  readonly lost: "contents" | "name";
  /** The incarnation of the copy that wrote it. */
  readonly by: string;
  /** When it was written, seconds since 1970. */
  readonly sec: number;
  readonly size: number;
}

/** With more of them, nobody is told of each that comes and goes. */
const TOLD_MAX = 1000;
const DEPTH_MAX = 10_000;
const ROOT_INO = 1;

/** The conflict files of a volume. */
export class Conflicts {
  readonly #index: IndexWriter;
  readonly #tree: SqliteTreeIndex;
  /** Those that there were, by what tells them apart. */
  #known: Map<string, Pick<Conflict, "path" | "of">> | undefined;

  constructor(index: IndexWriter, tree: SqliteTreeIndex) {
    this.#index = index;
    this.#tree = tree;
  }

  all(): Conflict[] {
    return this.#tree.allConflicts().flatMap((row) => this.#conflictOf(row) ?? [])
      .sort((a, b) => a.path < b.path ? -1 : 1);
  }

  /**
   * The same, and files that have a conflict name for their own: those that lost a name which changed hands since, or were written to. That name alone tells of them, so
   * it takes a look at each that there is.
   */
  withNamed(): Conflict[] {
    const known = this.all();
    const paths = new Set(known.map(({ path }) => path));
    const named = Array.from(this.#index.named("*.conflict-*"), (edge) => this.#namedAt(edge) ?? []).flat();
    return [...known, ...named.filter(({ path }) => !paths.has(path))].sort((a, b) =>
      a.path < b.path ? -1 : 1
    );
  }

  /** Those that came and went since the last time it was asked; none the first time. */
  changes(): {
    readonly came: Pick<Conflict, "path" | "of">[];
    readonly went: Pick<Conflict, "path" | "of">[];
  } {
    const before = this.#known;
    const count = this.#tree.countConflicts();
    const nothing = { came: [], went: [] };
    if (count === 0 && before?.size === 0 || count > TOLD_MAX) return nothing;
    const now = new Map<string, Pick<Conflict, "path" | "of">>();
    for (const row of this.#tree.allConflicts()) {
      const conflict = this.#conflictOf(row);
      if (conflict) {
        now.set(`${row.node} ${row.slot} ${row.version ? versionId(row.version.stamp) : ""}`, conflict);
      }
    }
    this.#known = now;
    if (before === undefined) return nothing;
    return {
      came: [...now].flatMap(([key, conflict]) => before.has(key) ? [] : [conflict]),
      went: [...before].flatMap(([key, conflict]) => now.has(key) ? [] : [conflict]),
    };
  }

  #conflictOf(row: EdgeRow): Conflict | undefined {
    const { shown, version, node } = row;
    const folder = shown && this.#pathOf(shown.parent);
    if (shown === undefined || folder === undefined) return undefined;
    const { content, attributes } = this.#tree.node(node) ?? {};
    const held = version ?? content;
    return {
      path: `${folder}/${shown.name}`,
      of: `${folder}/${row.name}`,
      lost: version ? "contents" : "name",
      by: version?.stamp.author ?? row.author,
      sec: (held?.mtime ?? attributes?.mtime)?.sec ?? 0,
      size: held?.size ?? 0,
    };
  }

  /** Undefined for another name, for what is no file, and for what is nowhere. */
  #namedAt({ parent, name, ino }: { readonly parent: number; readonly name: string; readonly ino: number }):
    | Conflict
    | undefined {
    const lost = lostName(name);
    if (lost === undefined) return undefined;
    const [row, id, folder] = [this.#index.node(ino), this.#index.id(ino), this.#pathTo(parent)];
    if (row === undefined || id === undefined || folder === undefined) return undefined;
    if ((row.mode & S.IFMT) === S.IFDIR) return undefined;
    const node = id as NodeId;
    const held = this.#tree.node(node)?.content;
    return {
      path: `${folder}/${name}`,
      of: `${folder}/${lost}`,
      lost: "name",
      by: held?.stamp.author ?? this.#tree.edges(node)[0]?.author ?? "",
      sec: row.mtime.sec,
      size: row.size,
    };
  }

  /** Undefined for a directory that no path leads to. */
  #pathOf(node: NodeId): string | undefined {
    return this.#pathTo(node === ROOT ? ROOT_INO : this.#index.inoOf(node));
  }

  #pathTo(directory: number | undefined): string | undefined {
    let at = directory;
    const names: string[] = [];
    for (let depth = 0; at !== ROOT_INO; depth++) {
      const edge = at === undefined || depth > DEPTH_MAX ? undefined : this.#index.edgeTo(at);
      if (edge === undefined) return undefined;
      names.unshift(edge.name);
      at = edge.parent;
    }
    return names.map((name) => `/${name}`).join("");
  }
}
