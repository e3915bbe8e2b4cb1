import { O, type Tree } from "../../../9p/mod.ts";
import { type Figure, quantile, say } from "./figure.ts";
import { listing, lookups } from "./lookups.ts";
import { VolumeNode } from "./volume_node.ts";

const FILES = 1000;
/** Twice as long with a hundred times as many is flat. */
const GROWTH_MAX = 2;
const utf8 = new TextEncoder();

/** A snapshot after each of so many changes of a tree of a thousand files. */
export async function manySnapshots(home: string, count: number): Promise<Figure[]> {
  const figures: Figure[] = [];
  let node = await VolumeNode.start(home);
  try {
    const tenth = Math.max(1, Math.floor(count / 10));
    {
      await using tree = await node.tree();
      for (let i = 0; i < FILES; i++) await tree.writeFile(`/v/f${i}`, utf8.encode(`file ${i}\n`));
      const samples: number[] = [];
      for (let i = 0; i < count; i++) {
        await tree.writeFile(`/v/f${i % FILES}`, utf8.encode(`changed before snapshot ${i}\n`));
        const began = performance.now();
        await control(tree, `snapshot create v s${i}`);
        samples.push(performance.now() - began);
        if ((i + 1) % tenth === 0) say(`${i + 1} snapshots: ${samples.at(-1)?.toFixed(0)} ms`);
      }
      const [first, last] = [samples.slice(0, tenth), samples.slice(-tenth)].map((part) =>
        quantile(part, 0.5)
      );
      figures.push({
        what: `making a snapshot, of the first and of the last tenth of ${count}`,
        measured: `${first.toFixed(0)} ms, ${last.toFixed(0)} ms, at most ${
          Math.max(...samples).toFixed(0)
        } ms`,
        target: `≤ ${GROWTH_MAX} times the first`,
        met: last <= GROWTH_MAX * first,
      });
    }
    figures.push(node.memory(`while ${count} snapshots are made`));
    await node.stop();
    node = await VolumeNode.start(home);
    figures.push(node.started(`with ${count} snapshots`));
    const past = await node.raw("/snap/v");
    const { names, ms } = await listing(past, []);
    if (names < count) throw new Error(`/snap/v shows ${names} of ${count} snapshots`);
    figures.push({ what: `listing /snap/v of ${count}`, measured: `${ms.toFixed(1)} ms` });
    const at: string[] = [];
    for (const i of [0, Math.floor(count / 2), count - 1]) {
      const { p50Us, p99Us } = await lookups(past, () => [`s${i}`, `f${Math.floor(Math.random() * FILES)}`]);
      const { ms } = await listing(past, [`s${i}`]);
      at.push(
        `${p50Us.toFixed(0)} µs, ${p99Us.toFixed(0)} µs, listed in ${ms.toFixed(0)} ms in number ${i + 1}`,
      );
    }
    past.close();
    const now = await node.raw();
    const { p50Us } = await lookups(now, () => [`f${Math.floor(Math.random() * FILES)}`]);
    now.close();
    figures.push({
      what: "lookup in a snapshot, p50 and p99, and its listing",
      measured: `${at.join("; ")} (today's tree: ${p50Us.toFixed(0)} µs)`,
    });
    await check(node, count);
    const began = performance.now();
    await node.command(["volume", "gc", "v"]);
    figures.push({ what: "collecting", measured: `${((performance.now() - began) / 1000).toFixed(1)} s` });
    await check(node, count);
    figures.push(node.memory("after looking at them and collecting"));
  } finally {
    await node.stop();
  }
  return figures;
}

/** Each snapshot has the change before it and not the one after. */
async function check(node: VolumeNode, count: number): Promise<void> {
  await using tree = await node.tree();
  for (let i = 0; i < count; i += Math.ceil(count / 50)) {
    const text = async (file: number) =>
      new TextDecoder().decode(await tree.readFile(`/snap/v/s${i}/f${file % FILES}`));
    if (await text(i) !== `changed before snapshot ${i}\n`) {
      throw new Error(`Snapshot s${i} is not as it was`);
    }
    if (await text(i + 1) === `changed before snapshot ${i + 1}\n`) {
      throw new Error(`Snapshot s${i} has what came later`);
    }
  }
}

async function control(tree: Tree, line: string): Promise<void> {
  await using file = await tree.open("/ctl", O.WRONLY);
  await file.write(0, utf8.encode(`${line}\n`));
}
