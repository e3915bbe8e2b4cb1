import { deepStrictEqual as assertEquals } from "node:assert/strict";
import { LoroDoc, type LoroTree, type TreeID } from "loro-crdt";
import { Copy } from "./_fixture.ts";
import type { NodeId } from "./id.ts";
import { indexTree } from "./index_tree.ts";
import { randomFrom } from "./simulation.ts";

/**
 * Loro's movable tree is an implementation of Kleppmann's moves that has nothing in common with this one: it orders all moves by time and skips those that make a cycle.
 * With one move on each side between two meetings both must show the same, cycles too: the later of the two moves is not done. After a cycle they go apart: here the
 * skipped move is done once a further one makes room for it, and there it is forgotten.
 * https://martin.kleppmann.com/papers/move-op.pdf
 */
class Twins {
  readonly copy: Copy;
  readonly loro = new LoroDoc();
  readonly tree: LoroTree = this.loro.getTree("t");

  constructor(copy: Copy, number: number) {
    this.copy = copy;
    this.loro.setPeerId(BigInt(number));
  }

  pull(other: Twins): void {
    this.copy.pull(other.copy);
    this.loro.import(other.loro.export({ mode: "update" }));
  }
}

const DIRECTORIES = 8;

Deno.test("moves of directories come out as in Loro's movable tree", () => {
  let cycles = 0;
  for (let seed = 1; seed <= 50; seed++) {
    const random = randomFrom(seed);
    const a = new Twins(Copy.first(1), 1);
    const root = a.tree.createNode();
    const nodes: [NodeId, TreeID][] = [[a.copy.root, root.id]];
    for (let i = 0; i < DIRECTORIES; i++) nodes.push([a.copy.mkdir(`/${i}`), root.createNode().id]);
    a.loro.commit();
    const b = new Twins(new Copy(2), 2);
    b.pull(a);
    for (let round = 0; round < 12 && a.copy.index.displaced().length === 0; round++) {
      // Each side moves one of its own, into whatever is not below it.
      for (const [side, twins] of [a, b].entries()) {
        move(twins, nodes, 1 + side + 2 * random(DIRECTORIES / 2), random(nodes.length));
      }
      a.pull(b);
      b.pull(a);
      assertEquals(parents(a, nodes), lorosParents(a, nodes), `seed ${seed}, round ${round}`);
      assertEquals(parents(b, nodes), lorosParents(b, nodes), `seed ${seed}, round ${round}`);
    }
    cycles += a.copy.index.displaced().length;
  }
  assertEquals(cycles >= 4, true, `${cycles} cycles`);
});

function move(twins: Twins, nodes: [NodeId, TreeID][], i: number, to: number): void {
  const where = parents(twins, nodes);
  for (let up = to; up !== 0; up = where[up]) if (up === i) return;
  if (where[i] === to) return;
  twins.copy.mv(pathOf(where, i), pathOf(where, to) + "/" + (i - 1));
  twins.tree.move(nodes[i][1], nodes[to][1]);
  twins.loro.commit();
}

function pathOf(parents: readonly number[], i: number): string {
  return i === 0 ? "" : `${pathOf(parents, parents[i])}/${i - 1}`;
}

/** Of each directory, the number of the one that it is in; of the root 0. */
function parents({ copy }: Twins, nodes: [NodeId, TreeID][]): number[] {
  const { directories } = indexTree(copy.index);
  const at = new Map(nodes.map(([id], i) => [id, i]));
  const found = nodes.map(() => 0);
  for (const [parent, names] of directories) {
    for (const { node } of names.values()) found[at.get(node) as number] = at.get(parent) as number;
  }
  return found;
}

function lorosParents({ tree }: Twins, nodes: [NodeId, TreeID][]): number[] {
  const at = new Map(nodes.map(([, id], i) => [id, i]));
  return nodes.map(([, id]) => at.get(tree.getNodeByID(id)?.parent()?.id as TreeID) ?? 0);
}
