import { Errno, errnoOf, namesOf, pathOf, Qt, type Tree } from "../9p/mod.ts";

/** Whether there is a directory, following links. */
export async function isDirectory(tree: Tree, path: string): Promise<boolean> {
  try {
    const { qid } = await tree.stat(path, { follow: true });
    return (qid.type & Qt.DIR) !== 0;
  } catch (thrown) {
    if (errnoOf(thrown) === Errno.ENOENT) return false;
    throw thrown;
  }
}

/** The path without `.`, `..` and doubled slashes. */
export function cleanPath(path: string): string {
  return pathOf(namesOf(path));
}

/** The last name of a path, `root` for the root. */
export function baseName(path: string): string {
  return namesOf(path).at(-1) ?? "root";
}

/** Removes a file, or a directory with all that is in it. Links are removed, not followed. */
export async function removeTree(tree: Tree, path: string): Promise<void> {
  const { qid } = await tree.stat(path);
  if (qid.type & Qt.DIR) {
    // Listed to the end first: not every server keeps its place in a directory that shrinks.
    const names: string[] = [];
    for await (const { name } of tree.list(path)) names.push(name);
    for (const name of names) await removeTree(tree, `${path}/${name}`);
  }
  await tree.remove(path);
}
