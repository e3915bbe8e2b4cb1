import type { Candidate } from "./facts.ts";
import { type NodeId, ROOT } from "./id.ts";
import { compareStamps, compareText } from "./stamp.ts";

/** Where a directory is: the number of the edge that holds among its candidates, or LOST where all of them lead into cycles: then it is in the root. */
export type Position = number;
export const LOST: Position = -1;

export interface Positions {
  /** Where a directory that is not among the moved ones is: the parent by its first candidate. Undefined for what is no directory, or not known. */
  parentOf(node: NodeId): NodeId | undefined;
  /** The edges of a directory, the one that holds first; read where a cycle has to be broken. */
  candidates(node: NodeId): readonly Candidate[];
}

/**
 * Moves that were made apart may put a directory into itself. As in Evan Wallace's mutable tree, a directory keeps the edges of all the places that it had,
 * and one in a cycle falls back to a lower one. https://madebyevan.com/algos/crdt-mutable-tree-hierarchy/
 *
 * Of the edges in a cycle the newest is given up: it is the later of moves that did not know of each other, or was made after one of them, so what stood there
 * before is never torn apart. Cycles have no node in common and each is broken by what is in it alone, so the order of looking at them does not matter.
 *
 * `moved`: all directories whose first candidate may be another than before, and all that were displaced before; every other one is at its first candidate.
 * Returns the positions of these and of whatever else had to give way.
 */
export function settle(moved: Iterable<NodeId>, { parentOf, candidates }: Positions): Map<NodeId, Position> {
  const positions = new Map<NodeId, Position>();
  for (const node of moved) positions.set(node, 0);
  const parent = (node: NodeId): NodeId | undefined => {
    const position = positions.get(node);
    if (position === undefined) return parentOf(node);
    return position === LOST ? ROOT : candidates(node)[position]?.parent;
  };
  const settled = new Set<NodeId>([ROOT]);
  for (const start of [...positions.keys()]) {
    for (let cycle = cycleFrom(start, parent, settled); cycle; cycle = cycleFrom(start, parent, settled)) {
      giveWay(cycle, positions, candidates);
    }
  }
  return positions;
}

/** The cycle that the way up from a node ends in; undefined where it ends at the root or at a directory that is nowhere. */
function cycleFrom(
  start: NodeId,
  parent: (node: NodeId) => NodeId | undefined,
  settled: Set<NodeId>,
): NodeId[] | undefined {
  const way: NodeId[] = [];
  const seen = new Set<NodeId>();
  for (let node: NodeId | undefined = start; node !== undefined && !settled.has(node); node = parent(node)) {
    if (seen.has(node)) return way.slice(way.indexOf(node));
    seen.add(node);
    way.push(node);
  }
  for (const node of way) settled.add(node);
}

function giveWay(
  cycle: readonly NodeId[],
  positions: Map<NodeId, Position>,
  candidates: (node: NodeId) => readonly Candidate[],
): void {
  const at = (node: NodeId) => positions.get(node) ?? 0;
  const newestFirst = [...cycle].sort((a, b) =>
    compareStamps(candidates(b)[at(b)].stamp, candidates(a)[at(a)].stamp) || compareText(b, a)
  );
  const fallsBack = newestFirst.find((node) => at(node) + 1 < candidates(node).length);
  if (fallsBack === undefined) positions.set(newestFirst[0], LOST);
  else positions.set(fallsBack, at(fallsBack) + 1);
}
