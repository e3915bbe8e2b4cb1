import { join } from "node:path";
import { buildLoad9p, load9p } from "../../load9p.ts";
import { type Figure, say } from "./figure.ts";
import { listing, lookAtAll, lookups } from "./lookups.ts";
import { VolumeNode } from "./volume_node.ts";

const GROWTH_MAX = 2;
const LISTINGS = 5;

/** Directories of 1,000, 10,000 and so on up to `count` files, made by 64 clients at once. */
export async function largeDirectory(home: string, count: number): Promise<Figure[]> {
  const figures: Figure[] = [];
  const program = await buildLoad9p(join(home, "../.."));
  let node = await VolumeNode.start(home);
  const flat: { size: number; p50Us: number; p99Us: number; listUs: number }[] = [];
  const sizes = [1000, 10_000].filter((size) => size < count);
  try {
    for (const size of [...sizes, count]) {
      const place = node.node.place("host");
      const name = `d${size}`;
      await load9p(program, place, ["-o", "mkdir", "-f", name]);
      const began = performance.now();
      await load9p(program, place, ["-o", "fill", "-f", name, "-n", `${size}`, "-s", "1", "-d", "64"]);
      const rate = size / (performance.now() - began) * 1000;
      await node.applied();
      const client = await node.raw();
      const lists: number[] = [];
      for (let i = 0; i < LISTINGS; i++) {
        const { names, ms } = await listing(client, [name]);
        if (names < size) throw new Error(`${name} has ${size} names and shows ${names}`);
        lists.push(ms * 1000 / names);
      }
      const random = () => [name, fileOf(Math.floor(Math.random() * size))];
      const found = await lookups(client, random);
      client.close();
      flat.push({ size, ...found, listUs: Math.min(...lists) });
      const { listUs } = flat[flat.length - 1];
      say(`${size} in one: made at ${rate.toFixed(0)}/s, listed in ${listUs.toFixed(2)} us a name`);
      if (size === count) {
        figures.push({
          what: `files made in one directory, up to ${size}`,
          measured: `${rate.toFixed(0)}/s`,
        });
      }
    }
    figures.push(node.memory(`with a directory of ${count}, while it was made`));
    await node.stop();
    node = await VolumeNode.start(home);
    figures.push(node.started(`with a directory of ${count}`));
    const client = await node.raw();
    await lookAtAll(client, count, (i) => [`d${count}`, fileOf(i)]);
    client.close();
    figures.push(node.memory("after looking at all of them"));
  } finally {
    await node.stop();
  }
  const at = (show: (one: typeof flat[number]) => string) =>
    flat.map((one) => `${show(one)} at ${one.size}`).join(", ");
  const [first, last] = [flat[0], flat[flat.length - 1]];
  figures.push({
    what: "listing, a name",
    measured: at(({ listUs }) => `${listUs.toFixed(2)} µs`),
    target: `≤ ${GROWTH_MAX} times the first`,
    met: last.listUs <= GROWTH_MAX * first.listUs,
  }, {
    what: "lookup in it, p50 and p99",
    measured: at(({ p50Us, p99Us }) => `${p50Us.toFixed(0)} µs, ${p99Us.toFixed(0)} µs`),
    target: `p50 ≤ ${GROWTH_MAX} times the first`,
    met: last.p50Us <= GROWTH_MAX * first.p50Us,
  });
  return figures;
}

function fileOf(i: number): string {
  return `f${String(i).padStart(6, "0")}`;
}
