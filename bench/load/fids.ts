import { frame, RawClient, Type, u32, u64, walk } from "../raw.ts";
import { type Loaded, residentMegabytes, type Verdict } from "./verdict.ts";

const ALL = 0x7ffn;

/** Makes them on one connection, asks through each, and lets them go; then makes as many again, and just hangs up. */
export async function manyFids({ node }: Loaded, count: number): Promise<Verdict> {
  const client = await RawClient.attach(node.port, "/mem");
  const before = residentMegabytes(node.pid);
  const began = performance.now();
  const fid = (i: number) => 1 + i;
  await client.askAll(count, (i) => walk(i % 500, fid(i), []));
  const held = residentMegabytes(node.pid) - before;
  await client.askAll(count, (i) => frame(Type.Tgetattr, i % 500, u32(fid(i)), u64(ALL)));
  await client.askAll(count, (i) => frame(Type.Tclunk, i % 500, u32(fid(i))));
  await client.askAll(count, (i) => walk(i % 500, fid(i), []));
  client.close();
  // Another client is served at once while those are let go.
  const other = await RawClient.attach(node.port, "/mem");
  other.close();
  const seconds = (performance.now() - began) / 1000;
  return {
    holds: true,
    says: `${count} fids made, asked through and let go, and made again and dropped by hanging up, in ` +
      `${seconds.toFixed(1)} s; holding them took ${held.toFixed(0)} MB`,
  };
}
