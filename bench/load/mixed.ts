import { load9p } from "../load9p.ts";
import { slope } from "./slope.ts";
import { type Loaded, residentMegabytes, type Verdict } from "./verdict.ts";

const DIRECTORY = "mixed";
const FILE = `${DIRECTORY}/file`;
const FILE_BYTES = 8 << 20;
/** MB a minute. */
const GROWTH_MAX = 1;
/** The heap breathes by tens of megabytes, so a slope over less than this says nothing. */
const JUDGED_MINUTES_MIN = 2;
const SAMPLE_MS = 500;
/** The part of the run that fills caches and lets the heap find its size. */
const WARM_UP = 0.25;

/** One round on one tree: what load9p does and how often. Together ROUND operations. */
const ROUND: readonly { readonly args: readonly string[]; readonly count: number }[] = [
  { args: ["-o", "mk", "-f", DIRECTORY, "-s", "300", "-d", "8"], count: 20_000 },
  { args: ["-o", "stat", "-f", FILE, "-d", "16"], count: 100_000 },
  { args: ["-o", "read", "-f", FILE, "-s", "4096", "-d", "16"], count: 100_000 },
  { args: ["-o", "read", "-f", FILE, "-s", "65512", "-d", "4"], count: 5000 },
  { args: ["-o", "write", "-f", FILE, "-s", "4096", "-d", "8", "-z"], count: 50_000 },
  { args: ["-o", "wgc", "-f", FILE, "-d", "16"], count: 100_000 },
  { args: ["-o", "cat", "-f", `${DIRECTORY}/small`, "-d", "8"], count: 50_000 },
  { args: ["-o", "ls", "-f", DIRECTORY, "-d", "2"], count: 2000 },
];

/** Every kind of operation on both trees, on new connections all the time. */
export async function mixedOperations({ node, program }: Loaded, operations: number): Promise<Verdict> {
  for (const tree of ["mem", "host"] as const) {
    await load9p(program, node.place(tree), ["-o", "mkdir", "-f", DIRECTORY]);
    await load9p(program, node.place(tree), ["-o", "put", "-f", FILE, "-s", `${FILE_BYTES}`]);
    await load9p(program, node.place(tree), ["-o", "put", "-f", `${DIRECTORY}/small`, "-s", "2000"]);
  }
  const samples: { minutes: number; megabytes: number; done: number }[] = [];
  const began = performance.now();
  let done = 0;
  const timer = setInterval(() => {
    const minutes = (performance.now() - began) / 60_000;
    samples.push({ minutes, megabytes: residentMegabytes(node.pid), done });
  }, SAMPLE_MS);
  try {
    await Promise.all((["mem", "host"] as const).map(async (tree) => {
      while (done < operations) {
        for (const { args, count } of ROUND) {
          await load9p(program, node.place(tree), [...args, "-n", `${count}`]);
          done += count;
          if (done >= operations) break;
        }
      }
    }));
  } finally {
    clearInterval(timer);
  }
  const minutes = (performance.now() - began) / 60_000;
  const warm = samples.filter((sample) => sample.done >= operations * WARM_UP);
  const growth = slope(warm.map(({ minutes, megabytes }) => [minutes, megabytes]));
  const largest = Math.max(...samples.map(({ megabytes }) => megabytes));
  const isLong = minutes * (1 - WARM_UP) >= JUDGED_MINUTES_MIN;
  return {
    holds: !isLong || growth < GROWTH_MAX,
    says:
      `${done} mixed operations in ${minutes.toFixed(1)} minutes; resident memory ${
        largest.toFixed(0)
      } MB at most, ` +
      (isLong
        ? `growing by ${growth.toFixed(2)} MB a minute after the first ${WARM_UP * 100} %`
        : `too short a run to judge its growth`),
  };
}
