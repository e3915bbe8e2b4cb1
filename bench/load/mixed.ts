import { load9p } from "../load9p.ts";
import { slope } from "./slope.ts";
import { type Loaded, residentMegabytes, type Verdict } from "./verdict.ts";

const DIRECTORY = "mixed";
const FILE = `${DIRECTORY}/file`;
const FILE_BYTES = 8 << 20;
/** MB a minute. */
const GROWTH_MAX = 1;
const SAMPLE_MS = 500;
/** Until then caches fill, code is compiled and the heap finds its size. */
const WARM_UP_MINUTES = 2;
/** The heap breathes by tens of megabytes, so what is judged is the largest value of each so many minutes. */
const PEAK_MINUTES = 0.5;
/** A slope over fewer peaks says nothing. */
const PEAKS_MIN = 10;

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

interface Sample {
  readonly minutes: number;
  readonly megabytes: number;
}

/**
 * Every kind of operation on both trees, on new connections all the time, until there were so many and so many minutes
 * have passed. Keeps what memory was when.
 */
export async function mixedOperations(
  { node, program }: Loaded,
  operations: number,
  minutesMin: number,
  samplesFile: string,
): Promise<Verdict> {
  for (const tree of ["mem", "host"] as const) {
    await load9p(program, node.place(tree), ["-o", "mkdir", "-f", DIRECTORY]);
    await load9p(program, node.place(tree), ["-o", "put", "-f", FILE, "-s", `${FILE_BYTES}`]);
    await load9p(program, node.place(tree), ["-o", "put", "-f", `${DIRECTORY}/small`, "-s", "2000"]);
  }
  const samples: Sample[] = [];
  const began = performance.now();
  const minutes = () => (performance.now() - began) / 60_000;
  let done = 0;
  const isOver = () => done >= operations && minutes() >= minutesMin;
  const timer = setInterval(() => {
    samples.push({ minutes: minutes(), megabytes: residentMegabytes(node.pid) });
  }, SAMPLE_MS);
  try {
    await Promise.all((["mem", "host"] as const).map(async (tree) => {
      while (!isOver()) {
        for (const { args, count } of ROUND) {
          await load9p(program, node.place(tree), [...args, "-n", `${count}`]);
          done += count;
          if (isOver()) break;
        }
      }
    }));
  } finally {
    clearInterval(timer);
  }
  await Deno.writeTextFile(samplesFile, JSON.stringify(samples) + "\n");
  const points = peaks(samples.filter((sample) => sample.minutes >= WARM_UP_MINUTES));
  const growth = slope(points);
  const isLong = points.length >= PEAKS_MIN;
  const largest = Math.max(...samples.map(({ megabytes }) => megabytes));
  const judgement = isLong
    ? `its peaks growing by ${growth.toFixed(2)} MB a minute after the first ${WARM_UP_MINUTES} minutes`
    : "too short a run to judge its growth";
  return {
    holds: !isLong || growth < GROWTH_MAX,
    says: `${done} mixed operations in ${minutes().toFixed(1)} minutes; resident memory ` +
      `${largest.toFixed(0)} MB at most, ${judgement}`,
  };
}

/** The largest value of each stretch of PEAK_MINUTES. */
function peaks(samples: readonly Sample[]): [number, number][] {
  const largest = new Map<number, number>();
  for (const { minutes, megabytes } of samples) {
    const stretch = Math.floor(minutes / PEAK_MINUTES);
    largest.set(stretch, Math.max(megabytes, largest.get(stretch) ?? 0));
  }
  return [...largest].map(([stretch, megabytes]) => [stretch * PEAK_MINUTES, megabytes]);
}
