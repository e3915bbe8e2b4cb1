import { type TarEntry, TarWriter } from "../../../cli/tar/mod.ts";
import { VolumeStore } from "../../../state/volume/mod.ts";
import { type Figure, megabytes, quantile, say } from "./figure.ts";
import { listing, lookAtAll, lookups } from "./lookups.ts";
import { VolumeNode } from "./volume_node.ts";

const IN_FOLDER = 1000;
/** What is beyond may be made without 9P, which takes a third of the time. */
const IMPORTED_MAX = 100_000;
const SIZES = [1000, 100_000, 1_000_000];
/** Twice as long with a thousand times as many files is flat. */
const GROWTH_MAX = 2;
const LISTINGS = 20;
/** Bytes of an archive that are handed over at once. */
const PIECE_BYTES = 1 << 20;
const utf8 = new TextEncoder();

/** A tree of small files, a thousand in a folder, made by `lux9 volume import`. */
export async function manyFiles(home: string, count: number, by: string): Promise<Figure[]> {
  const figures: Figure[] = [];
  let node = await VolumeNode.start(home);
  const sizes = [...SIZES.filter((size) => size < count), count];
  const flat: { size: number; p50Us: number; p99Us: number; listMs: number }[] = [];
  try {
    for (const [i, size] of sizes.entries()) {
      const from = sizes[i - 1] ?? 0;
      const began = performance.now();
      const isImported = by === "import" || size <= IMPORTED_MAX;
      if (isImported) await node.command(["volume", "import", "v", "--over"], archive(from, size));
      else {
        await node.stop();
        await fill(node.folder, from, size);
        node = await VolumeNode.start(home);
      }
      const imported = performance.now();
      await node.applied();
      const done = performance.now();
      const rate = (size - from) / (imported - began) * 1000;
      const behindS = (done - imported) / 1000;
      if (isImported) figures.push(node.memory(`while files are imported, up to ${size}`));
      say(`${size} files: made at ${rate.toFixed(0)}/s, in the index ${behindS.toFixed(1)} s later`);
      if (size >= IMPORTED_MAX || size === count) {
        figures.push({
          what: isImported
            ? `import of ${size - from} files by lux9 volume import`
            : `${size - from} files more, put into the store without 9P`,
          measured: `${rate.toFixed(0)} files/s; all in the index ${behindS.toFixed(1)} s later`,
        });
      }
      flat.push({ size, ...await ask(node, size) });
      const { p50Us, p99Us, listMs } = flat[flat.length - 1];
      say(`${size} files: lookup ${p50Us.toFixed(0)} us, p99 ${p99Us.toFixed(0)} us, listing ${listMs} ms`);
    }
    figures.push(
      node.memory(by === "import" ? `while ${count} files are imported` : "after the last lookups"),
    );
    const { database, packs, log, changes, documents } = node.size();
    figures.push({
      what: `${count} files of 64 to 460 bytes on disk`,
      measured: `database ${megabytes(database)} (documents ${megabytes(documents)}, journal ${
        megabytes(changes)
      }), packs ${megabytes(packs)}, log ${megabytes(log)}`,
    });
    await node.stop();
    node = await VolumeNode.start(home);
    figures.push(node.started(`with ${count} files`), node.memory("after the start"));
    const client = await node.raw();
    const perSecond = await lookAtAll(client, count, pathOf);
    for (let i = 0; i < count / IN_FOLDER; i++) await listing(client, [folderOf(i * IN_FOLDER)]);
    client.close();
    figures.push({
      what: "looking at all of them (walk, getattr, clunk), and all listings",
      measured: `${perSecond.toFixed(0)} files/s`,
    });
    figures.push(node.memory("after looking at all files and listings"));
    const began = performance.now();
    await node.command(["volume", "gc", "v"]);
    figures.push({ what: "collecting", measured: `${((performance.now() - began) / 1000).toFixed(1)} s` });
    figures.push(node.memory("while collecting"));
  } finally {
    await node.stop();
  }
  figures.push(...flatness(flat));
  return figures;
}

async function ask(node: VolumeNode, count: number) {
  const client = await node.raw();
  const random = () => pathOf(Math.floor(Math.random() * count));
  // What was not looked at for long is read from the disk once.
  await lookups(client, random);
  const found = await lookups(client, random);
  const lists: number[] = [];
  for (let i = 0; i < LISTINGS; i++) lists.push((await listing(client, [random()[0]])).ms);
  client.close();
  return { ...found, listMs: Number(quantile(lists, 0.5).toFixed(2)) };
}

function flatness(flat: readonly { size: number; p50Us: number; p99Us: number; listMs: number }[]): Figure[] {
  const at = (show: (one: typeof flat[number]) => string) =>
    flat.map((one) => `${show(one)} at ${one.size}`).join(", ");
  const [first, last] = [flat[0], flat[flat.length - 1]];
  return [
    {
      what: "lookup (walk and getattr, one at a time), p50 and p99",
      measured: at(({ p50Us, p99Us }) => `${p50Us.toFixed(0)} µs, ${p99Us.toFixed(0)} µs`),
      target: `p50 ≤ ${GROWTH_MAX} times the first`,
      met: last.p50Us <= GROWTH_MAX * first.p50Us,
    },
    {
      what: "listing of a folder of 1,000",
      measured: at(({ listMs }) => `${listMs.toFixed(1)} ms`),
      target: `≤ ${GROWTH_MAX} times the first`,
      met: last.listMs <= GROWTH_MAX * first.listMs,
    },
  ];
}

function folderOf(i: number): string {
  return `d${String(Math.floor(i / IN_FOLDER)).padStart(4, "0")}`;
}

function pathOf(i: number): readonly string[] {
  return [folderOf(i), `file${String(i).padStart(7, "0")}.txt`];
}

/** Makes files `from` to `to` in a volume that no node has open. */
async function fill(folder: string, from: number, to: number): Promise<void> {
  const store = await VolumeStore.open(folder);
  const common = () => ({ by: "root", time: { sec: Math.floor(Date.now() / 1000), nsec: 0 } });
  const create = (parent: number, name: string, mode: number) => {
    const ino = store.nextIno();
    store.append({
      ...{ kind: "create", ...common(), ino, parent, eid: store.nextEid(), name, mode },
      ...{ uid: "root", gid: "root", flags: 0, rdev: 0, target: "" },
    });
    return ino;
  };
  let parent = 0;
  for (let i = from; i < to; i++) {
    if (i % IN_FOLDER === 0) {
      await store.behind();
      parent = create(1, folderOf(i), 0o040755);
    }
    const ino = create(parent, pathOf(i)[1], 0o100644);
    store.append({ kind: "write", ...common(), ino, offset: 0, bytes: contentOf(i) });
    store.append({ kind: "settle", ...common(), ino });
  }
  await store.caughtUp();
  await store.close();
}

function contentOf(i: number): Uint8Array {
  return utf8.encode(`This is file ${i}.\n`.repeat(4 + i % 20).slice(0, 64 + i * 37 % 400));
}

/** Files `from` to `to` as an archive, each with a text that no other has. */
async function* archive(from: number, to: number): AsyncGenerator<Uint8Array> {
  let pieces: Uint8Array[] = [];
  let bytes = 0;
  const writer = new TarWriter((piece) => {
    pieces.push(piece.slice());
    bytes += piece.byteLength;
  });
  const taken = () => {
    const whole = new Uint8Array(bytes);
    let at = 0;
    for (const piece of pieces) {
      whole.set(piece, at);
      at += piece.byteLength;
    }
    [pieces, bytes] = [[], 0];
    return whole;
  };
  for (let i = from; i < to; i++) {
    if (i % IN_FOLDER === 0) await writer.entry(entry("directory", `${folderOf(i)}/`, 0));
    const content = contentOf(i);
    await writer.entry(entry("file", pathOf(i).join("/"), content.byteLength));
    await writer.content(content);
    if (bytes > PIECE_BYTES) yield taken();
  }
  await writer.finish();
  yield taken();
}

function entry(kind: "file" | "directory", path: string, size: number): TarEntry {
  return {
    ...{
      kind,
      path,
      size,
      mode: kind === "file" ? 0o644 : 0o755,
      uid: 0,
      gid: 0,
      uname: "root",
      gname: "root",
    },
    ...{ mtime: { sec: 1_700_000_000, nsec: 0 }, target: "", major: 0, minor: 0, xattrs: new Map() },
  };
}
