import { type NodeId, ROOT } from "./id.ts";
import type { EdgeRow, TreeIndex } from "./rows.ts";
import type { ShownNode, ShownTree } from "./shown_tree.ts";

/** The tree that an index shows, read from the root on: to be held against what `shownTree` says of the documents. */
export function indexTree(index: TreeIndex): Omit<ShownTree, "problems"> {
  const directories = new Map<NodeId, Map<string, EdgeRow>>();
  const nodes = new Map<NodeId, ShownNode>();
  const open: NodeId[] = [ROOT];
  const take = (id: NodeId) => {
    const row = index.node(id);
    if (!row) return;
    const { attributes, content, xattrs } = row;
    nodes.set(id, { id, attributes, content, xattrs });
  };
  take(ROOT);
  for (let directory = open.pop(); directory !== undefined; directory = open.pop()) {
    const names = new Map<string, EdgeRow>();
    directories.set(directory, names);
    for (const member of [directory, ...index.aliases(directory)]) {
      for (const row of index.inside(member)) {
        if (!row.shown) continue;
        if (names.has(row.shown.name)) {
          throw new Error(`Two edges are shown as ${row.shown.name} in ${directory}`);
        }
        if (row.shown.parent !== directory) {
          throw new Error(`${row.name} is in ${directory} and shown elsewhere`);
        }
        names.set(row.shown.name, row);
        take(row.node);
        if (row.directory) open.push(row.node);
      }
    }
  }
  return { directories, nodes };
}
