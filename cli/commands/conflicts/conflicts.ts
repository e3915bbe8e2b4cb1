import { Errno, NineError, type Tree } from "../../../9p/mod.ts";
import type { Conflict } from "../../../state/worker/mod.ts";
import { conflictsOf } from "../../sync/conflicts.ts";
import { nodeEnd } from "../../sync/end.ts";
import { volumesOf } from "../../volume_status.ts";

/** A conflict file with its paths in the node's tree. */
export interface ShownConflict extends Conflict {
  readonly volume: string;
}

/** All conflict files of a node, by the first place at which each volume is mounted. */
export async function conflictsIn(tree: Tree, only?: string): Promise<ShownConflict[]> {
  const { signal } = new AbortController();
  const found: ShownConflict[] = [];
  for (const { name: volume, at: [place] } of await volumesOf(tree)) {
    if (only !== undefined && volume !== only || place === undefined) continue;
    const at = place.replace(/\/$/, "");
    for (
      const each of await conflictsOf(
        { name: volume, end: (name) => nodeEnd(tree, name) },
        volume,
        signal,
        true,
      )
    ) {
      found.push({ ...each, path: at + each.path, of: at + each.of, volume });
    }
  }
  return found;
}

/** Whether there is still something that a conflict file lost against: it may have been moved away or removed. */
export async function isThere(tree: Tree, path: string): Promise<boolean> {
  try {
    await tree.stat(path, { follow: false });
    return true;
  } catch (thrown) {
    if (thrown instanceof NineError && thrown.errno === Errno.ENOENT) return false;
    throw thrown;
  }
}

/** ENOENT where the path is that of no conflict file. */
export async function conflictAt(tree: Tree, path: string): Promise<ShownConflict> {
  const found = (await conflictsIn(tree)).find((each) => each.path === path);
  if (found !== undefined) return found;
  throw new NineError("ENOENT", `${path} is no conflict file: lux9 conflicts ls lists them`);
}
