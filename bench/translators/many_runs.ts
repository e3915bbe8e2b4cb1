/** Runs through a whole node, watched: ever new work, modules that fail, readers that give up. */
import { O, Tree } from "../../9p/mod.ts";
import { slope } from "../load/slope.ts";
import { residentMegabytes, type Verdict } from "../load/verdict.ts";
import { CAT, command } from "../../translators/engine/_testing.ts";

/** Reads in flight. */
const IN_FLIGHT = 8;
const SAMPLES = 40;
/** How long a reader waits for what never ends, ms. */
const PATIENCE_MS = 20;
/** The modules that it needs, by name. */
export const modules = (): Record<string, Uint8Array<ArrayBuffer>> => ({
  cat: command(CAT).bytes,
  fails: command("(call $proc_exit (i32.const 3))").bytes,
  traps: command("unreachable").bytes,
  endless: command("(loop $l (br $l))").bytes,
});

/**
 * MB that memory may grow by in another million runs, by the slope of the second half: the heap breathes by more, and the
 * smallest thing that every run left would be twice as much.
 */
const GROWTH_MAX = 25;
const DESCRIPTORS_MAX = 4;
/** Before that the cache fills, which keeps 100,000 results, and a slope says nothing. */
const LONG_RUNS = 500_000;

export interface ComputingNode {
  readonly pid: number;
  readonly address: string;
}

interface Sample {
  readonly runs: number;
  readonly megabytes: number;
  readonly descriptors: number;
}

/**
 * Reads `/x/cat:N/data/…` with another argument each time, so that each is a run of its own, of inputs that change. Every
 * 97th fails, every 499th traps or is kept out for that, every 1009th never ends and is given up by its reader.
 */
export async function manyRuns(node: ComputingNode, runs: number, say = console.error): Promise<Verdict> {
  const trees = await Promise.all(Array.from({ length: IN_FLIGHT }, () => Tree.dial(node.address)));
  const problems: string[] = [];
  const counts = { good: 0, failed: 0, keptOut: 0, givenUp: 0 };
  const samples: Sample[] = [];
  let started = 0;
  const wrong = (what: string) => problems.push(what);

  const look = () => {
    const sample = {
      runs: started,
      megabytes: residentMegabytes(node.pid),
      descriptors: descriptorsOf(node.pid),
    };
    samples.push(sample);
    say(`${sample.runs} runs  ${sample.megabytes.toFixed(1)} MB  ${sample.descriptors} descriptors`);
  };

  const reader = async (tree: Tree, k: number) => {
    const words = `${k} words and more\n`;
    await tree.writeFile(`/data/in${k}`, words);
    while (started < runs) {
      const i = started++;
      if (i % Math.ceil(runs / SAMPLES) === 0) look();
      if (i % 1009 === 1008) {
        counts.givenUp++;
        await giveUp(tree, `/x/endless:${i}/data/in${k}`, wrong);
      } else if (i % 97 === 96 || i % 499 === 498) {
        const code = await codeOf(tree, `/x/${i % 97 === 96 ? "fails" : "traps"}:${i}/data/in${k}`);
        if (code === "EIO") counts.failed++;
        else if (code === "EAGAIN") counts.keptOut++;
        else wrong(`run ${i} was to fail and gave ${code}`);
      } else {
        // The file changes as well, now and then: its old results are of no use any more.
        if (i % 256 === 0) await tree.writeFile(`/data/in${k}`, words);
        const text = await contents(tree, `/x/cat:${i}/data/in${k}`).catch((thrown) => String(thrown));
        if (text === words) counts.good++;
        else wrong(`run ${i} gave ${text}`);
      }
      if (problems.length > 100) return;
    }
  };

  const begun = performance.now();
  await Promise.all(trees.map(reader));
  const micros = (performance.now() - begun) * 1000 / runs;
  // What waits to be written and to be closed is, by then.
  await new Promise((wake) => setTimeout(wake, 2000));
  look();
  for (const tree of trees) await tree[Symbol.asyncDispose]();

  const half = samples.slice(samples.length >> 1);
  const perMillion = slope(half.map(({ runs, megabytes }) => [runs / 1e6, megabytes]));
  const isLong = runs >= LONG_RUNS;
  const more = samples[samples.length - 1].descriptors - samples[1].descriptors;
  const isFlat = !isLong || perMillion <= GROWTH_MAX;
  return {
    holds: problems.length === 0 && isFlat && more <= DESCRIPTORS_MAX,
    says:
      `${runs} runs through a node, ${
        micros.toFixed(0)
      } us each: ${counts.good} good, ${counts.failed} failed, ` +
      `${counts.keptOut} kept out, ${counts.givenUp} given up, ${problems.length} wrong${
        problems.length > 0 ? ` (${problems.slice(0, 3).join("; ")})` : ""
      }; resident ${half[0].megabytes.toFixed(0)} MB in the middle, ${
        samples[samples.length - 1].megabytes.toFixed(0)
      } MB at the end${
        isLong ? `, ${perMillion.toFixed(1)} MB a million runs in the second half` : ""
      }; ${more} descriptors more`,
  };
}

async function contents(tree: Tree, path: string): Promise<string> {
  await using file = await tree.open(path, O.RDONLY);
  const into = new Uint8Array(1000);
  return new TextDecoder().decode(into.subarray(0, await file.read(0, into)));
}

async function codeOf(tree: Tree, path: string): Promise<string> {
  try {
    await contents(tree, path);
    return "no error";
  } catch (thrown) {
    return (thrown as { code?: string }).code ?? String(thrown);
  }
}

/** Begins to read what never ends, and flushes the request. */
async function giveUp(tree: Tree, path: string, wrong: (what: string) => void): Promise<void> {
  try {
    await tree.readFile(path, 1000, AbortSignal.timeout(PATIENCE_MS));
    wrong(`${path} ended`);
  } catch (thrown) {
    const { code, name } = thrown as { code?: string; name?: string };
    if (code !== "EINTR" && name !== "TimeoutError") wrong(`${path} gave ${thrown}`);
  }
}

function descriptorsOf(pid: number): number {
  return [...Deno.readDirSync(`/proc/${pid}/fd`)].length;
}
