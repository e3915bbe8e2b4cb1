/**
 * A volume under a load, for strace to look at: `recorded.ts FOLDER MARKS STATES SEED MS [STATES-BEFORE]`. What the clients ask for
 * and what is answered goes as lines into the file MARKS, between the system calls of the store; what their folders are
 * like after each change, into STATES at the end. It ends in order or by SIGKILL; another one may go on in the same folder.
 */
import { Random } from "../fuzz/random.ts";
import { linesOf, type State } from "./record.ts";
import { clientName, CLIENTS, SMALL } from "./volume_load.ts";
import { startVolumeNode } from "./volume_node.ts";
import { CrashWorker, doneBy } from "./worker.ts";

/** What a recorded process leaves. */
export interface Recorded {
  /** All lines that there are in states. */
  readonly lines: readonly string[];
  /** By client and state, as numbers of lines; the first of each client is what it found. */
  readonly states: readonly (readonly (readonly number[])[])[];
  /** By client, how many states there were before. */
  readonly from: readonly number[];
  readonly troubles: readonly string[];
  readonly done: Readonly<Record<string, number>>;
}

/** After how many operations the database is made durable: some find it as it was long ago. */
const CHECKPOINTS = [30, 100, 50_000];
/** How often contents are moved together. */
const COLLECT_MS = 400;

async function record([folder, marksPath, statesPath, seed, ms, before]: string[]): Promise<void> {
  const from = fromOf(before);
  const random = new Random(Number(seed));
  const marks = Deno.openSync(marksPath, { append: true });
  const mark = (line: string) => void marks.writeSync(new TextEncoder().encode(`${line}\n`));
  const checkpointOperations = random.pick(CHECKPOINTS);
  const node = await startVolumeNode(folder, { ...SMALL, checkpointOperations });
  const workers: CrashWorker[] = [];
  const states: State[][] = [];
  for (let i = 0; i < CLIENTS; i++) {
    const worker = new CrashWorker(node.address, "data", clientName(i), new Random(random.below(2 ** 31)));
    await worker.connect();
    await worker.adopt();
    const known: State[] = [];
    worker.witness = {
      begins(after) {
        const first = from[i] + known.length;
        mark(`begins ${i} ${first} ${first + after.length - 1}`);
        known.push(...after);
      },
      answered: () => mark(`answered ${i} ${from[i] + known.length - 1}`),
      syncs: () => mark(`syncs ${i}`),
      synced: () => mark(`synced ${i}`),
    };
    worker.witness.begins([worker.state]);
    worker.witness.answered();
    workers.push(worker);
    states.push(known);
  }
  const running = workers.map((worker) => worker.run());
  const collecting = setInterval(() => node.store.collect().catch(() => {}), COLLECT_MS);
  await Promise.race([Promise.all(running), new Promise((wake) => setTimeout(wake, Number(ms)))]);
  clearInterval(collecting);
  const isKilled = random.once(2);
  if (!isKilled) {
    await node.close();
    await Promise.all(running);
  }
  // From here on the clients do nothing; the state Worker goes on until the kill.
  const numbers = new Map<string, number>();
  const numberOf = (line: string) => {
    if (!numbers.has(line)) numbers.set(line, numbers.size);
    return numbers.get(line)!;
  };
  const recorded: Recorded = {
    from,
    states: states.map((known) => known.map((state) => linesOf(state).map(numberOf))),
    lines: [...numbers.keys()],
    troubles: node.troubles,
    done: Object.fromEntries(doneBy(workers)),
  };
  Deno.writeTextFileSync(statesPath, JSON.stringify(recorded));
  if (isKilled) Deno.kill(Deno.pid, "SIGKILL");
  Deno.exit(0);
}

/** How many states there were, after what another one left. */
function fromOf(path: string | undefined): number[] {
  if (path === undefined) return Array.from({ length: CLIENTS }, () => 0);
  const { from, states } = JSON.parse(Deno.readTextFileSync(path)) as Recorded;
  return from.map((from, client) => from + states[client].length);
}

if (import.meta.main) await record(Deno.args);
