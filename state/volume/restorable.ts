import { NineError, S } from "../../9p/mod.ts";
import type { IndexReader, SnapshotRow } from "../store/mod.ts";

const ROOT_INO = 1;

/** ENOENT for what was not there, ENOTDIR where something else is in the way now. */
export function checkRestorable(
  index: IndexReader,
  path: readonly string[],
  { name, seq }: SnapshotRow,
): void {
  let [then, now]: [number, number | undefined] = [ROOT_INO, ROOT_INO];
  for (const [i, part] of path.entries()) {
    const edge = index.past.edge(then, part, seq);
    const upTo = `/${path.slice(0, i + 1).join("/")}`;
    if (edge === undefined) throw new NineError("ENOENT", `${upTo} was not there in snapshot ${name}`);
    then = edge.ino;
    now = now && index.edge(now, part)?.ino;
    if (i === path.length - 1 || now === undefined) continue;
    if ((index.node(now)!.mode & S.IFMT) === S.IFDIR) continue;
    throw new NineError("ENOTDIR", `${upTo} is no directory now: move it away, or restore it as a whole`);
  }
}
