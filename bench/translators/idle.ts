import { residentMegabytes } from "../load/verdict.ts";
import { median } from "../report.ts";
import { startLux9 } from "../subjects.ts";
import { load9p } from "../load9p.ts";

/** What a node costs of which nobody asks anything computed, and what it holds after the first time. */
export interface Idle {
  readonly firstAnswerMs: number;
  readonly idleMegabytes: number;
  /** Whether the library is mapped into the process. */
  readonly isLoadedAtFirst: boolean;
  readonly computedMegabytes: number;
  readonly isLoadedThen: boolean;
}

const SETTLE_MS = 1000;

/** Starts a node several times, each time on a home with nothing but the module in it. */
export async function measureIdle(
  program: string,
  folder: string,
  freshHome: () => Promise<string>,
  starts: number,
): Promise<Idle> {
  const seen: Idle[] = [];
  for (let i = 0; i < starts; i++) {
    const node = await startLux9(folder, await freshHome());
    try {
      const settle = () => new Promise((wake) => setTimeout(wake, SETTLE_MS));
      await settle();
      const [idleMegabytes, isLoadedAtFirst] = [residentMegabytes(node.pid), isLoaded(node.pid)];
      const place = { address: `tcp!127.0.0.1!${node.port}`, aname: "/" };
      await load9p(program, place, ["-o", "peek", "-n", "1"], undefined, ["x/small/bench/block"]);
      await settle();
      seen.push({
        firstAnswerMs: node.firstAnswerMs,
        idleMegabytes,
        isLoadedAtFirst,
        computedMegabytes: residentMegabytes(node.pid),
        isLoadedThen: isLoaded(node.pid),
      });
    } finally {
      await node.stop();
    }
  }
  return {
    firstAnswerMs: median(seen.map(({ firstAnswerMs }) => firstAnswerMs)),
    idleMegabytes: median(seen.map(({ idleMegabytes }) => idleMegabytes)),
    isLoadedAtFirst: seen.some(({ isLoadedAtFirst }) => isLoadedAtFirst),
    computedMegabytes: median(seen.map(({ computedMegabytes }) => computedMegabytes)),
    isLoadedThen: seen.every(({ isLoadedThen }) => isLoadedThen),
  };
}

/** The launcher is a shell that becomes the node, so the id is the node's. */
function isLoaded(pid: number): boolean {
  return Deno.readTextFileSync(`/proc/${pid}/maps`).includes("libwasmtime");
}
