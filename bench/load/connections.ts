import { frame, RawClient, ROOT_FID, Type, u32, u64 } from "../raw.ts";
import { type Loaded, residentMegabytes, type Verdict } from "./verdict.ts";

const ROUNDS = 20;
/** getattr's mask for everything basic. */
const ALL = 0x7ffn;

/** Holds them all open at once, and each is answered again and again. */
export async function manyConnections({ node }: Loaded, count: number): Promise<Verdict> {
  const before = residentMegabytes(node.pid);
  const clients: RawClient[] = [];
  try {
    for (let i = 0; i < count; i++) {
      clients.push(await RawClient.attach(node.port, i % 2 === 0 ? "/mem" : "/bench"));
    }
    let slowestMs = 0;
    for (let round = 0; round < ROUNDS; round++) {
      await Promise.all(clients.map(async (client) => {
        const asked = performance.now();
        await client.ask(frame(Type.Tgetattr, 1, u32(ROOT_FID), u64(ALL)));
        slowestMs = Math.max(slowestMs, performance.now() - asked);
      }));
    }
    const grown = residentMegabytes(node.pid) - before;
    return {
      holds: true,
      says: `${count} connections at once, each answered ${ROUNDS} times; the slowest answer took ` +
        `${slowestMs.toFixed(0)} ms with all asking together, the node grew by ${grown.toFixed(0)} MB`,
    };
  } finally {
    for (const client of clients) client.close();
  }
}
