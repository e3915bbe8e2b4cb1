import { frame, type RawClient, ROOT_FID, text, Type, u16, u32, u64 } from "../../raw.ts";
import { type Figure, megabytes, say } from "./figure.ts";
import { type Retention, type StoreSize, VolumeNode } from "./volume_node.ts";

const WRONLY_TRUNC = 0o1001;
const FID = 1;
const utf8 = new TextEncoder();
/** What documents and journal may have, however often one file was edited. */
const LIVE_BYTES_MAX = 16 * 1024 * 1024;
/** The whole store without history: a segment of the log has up to 64 MiB, and the database's own log 16 MiB. */
const STORE_BYTES_MAX = 96 * 1024 * 1024;
/** Without history kept, nothing is to grow with the number of edits. */
const NOTHING: Retention = { everything: 0, hourly: 0, daily: 0 };

/** One file opened, cut, written and closed again and again: each of these is a version. */
export async function manyEdits(home: string, count: number): Promise<Figure[]> {
  const figures: Figure[] = [];
  let node = await VolumeNode.start(home);
  try {
    {
      await using tree = await node.tree();
      await tree.writeFile("/v/small", utf8.encode("0\n"));
    }
    const client = await node.raw();
    const curve: { edits: number; size: StoreSize }[] = [];
    const began = performance.now();
    for (let i = 1; i <= count; i++) {
      await edit(client, utf8.encode(`edit ${i} of a small file\n`));
      if (i % Math.ceil(count / 10) !== 0) continue;
      curve.push({ edits: i, size: node.size() });
      say(`${i} edits: ${sizeText(node.size())}`);
    }
    const rate = count / (performance.now() - began) * 1000;
    client.close();
    await node.applied();
    figures.push({
      what: `${count} edits of one file, one after the other`,
      measured: `${rate.toFixed(0)}/s`,
    });
    figures.push(node.memory("while it is edited"));
    for (const { edits, size } of curve) {
      figures.push({ what: `store after ${edits} edits`, measured: sizeText(size) });
    }
    const [half, whole] = [curve[Math.floor(curve.length / 2) - 1], curve[curve.length - 1]];
    const living = ({ documents, changes }: StoreSize) => documents + changes;
    figures.push({
      what: "documents and journal, at half of the edits and at the end",
      measured: `${megabytes(living(half.size))}, ${megabytes(living(whole.size))}`,
      target: `≤ ${megabytes(LIVE_BYTES_MAX)}`,
      met: living(whole.size) <= LIVE_BYTES_MAX,
    });
    const ms = async (act: () => Promise<unknown>) => {
      const began = performance.now();
      await act();
      return performance.now() - began;
    };
    figures.push({
      what: "lux9 history of the file",
      measured: `${(await ms(() => node.command(["history", "/v/small"]))).toFixed(0)} ms`,
    });
    await node.stop();
    node = await VolumeNode.start(home, NOTHING);
    figures.push(node.started(`after ${count} edits`));
    const collectMs = await ms(() => node.command(["volume", "gc", "v"]));
    figures.push(node.memory("while collecting"));
    const size = node.size();
    figures.push({
      what: "store once no history is kept (retention of 0 days), and how long collecting took",
      measured: `${sizeText(size)}; ${(collectMs / 1000).toFixed(1)} s`,
      target: `≤ ${megabytes(STORE_BYTES_MAX)} in all`,
      met: size.database + size.log + size.packs <= STORE_BYTES_MAX,
    });
  } finally {
    await node.stop();
  }
  return figures;
}

async function edit(client: RawClient, content: Uint8Array): Promise<void> {
  await client.ask(frame(Type.Twalk, 1, u32(ROOT_FID), u32(FID), u16(1), text("small")));
  await client.ask(frame(Type.Tlopen, 1, u32(FID), u32(WRONLY_TRUNC)));
  await client.ask(frame(Type.Twrite, 1, u32(FID), u64(0n), u32(content.byteLength), content));
  await client.ask(frame(Type.Tclunk, 1, u32(FID)));
}

function sizeText({ database, log, packs, documents, changes, records, past }: StoreSize): string {
  return `database ${megabytes(database)} (documents ${megabytes(documents)}, journal ${
    megabytes(changes)
  } in ${records} records, ${past} past rows), packs ${megabytes(packs)}, log ${megabytes(log)}`;
}
