/** Runs the flows, the same scripts everywhere: on a folder of this machine, or in the guest on its mounts. */
import { type CommandResult, mustRun, run } from "../command.ts";
import { guest, type GuestMount } from "../guest/mod.ts";
import { guard } from "../guard.ts";
import { abilities, type Way } from "./abilities.ts";
import { writeSourceTar } from "./source.ts";

export interface FlowsSize {
  /** The long form has flows that the short one leaves out. */
  length: "short" | "long";
  /** How many real files are copied in and out, and how many are made where many are made. */
  files: number;
  /** The other copying flows take every so many-th of the real files. */
  sampleEvery: number;
  bigMiB: number;
}

export const SHORT: FlowsSize = { length: "short", files: 120, sampleEvery: 8, bigMiB: 4 };
export const LONG: FlowsSize = { length: "long", files: 5000, sampleEvery: 50, bigMiB: 64 };

export interface FlowsRun {
  way: Way;
  size: FlowsSize;
  /** The names of flows, with blanks between them, to run them alone. */
  only?: string;
  /** The flows of computed files instead of the others: the path in the tree of the data, as `writeData` leaves it. */
  computed?: { data: string };
  timeoutMs: number;
  onLine?: (line: string) => void;
}

export interface FlowsResult {
  passed: number;
  failed: number;
  /** What the failed flows did last; how it ended, where the run broke off. */
  failures: string;
}

/** Of the output of a run that broke off, so many characters are shown. */
const BROKE_OFF_SHOWN = 3000;

const SCRIPTS = [
  "all.sh",
  "lib.sh",
  "copying.sh",
  "git.sh",
  "files.sh",
  "posix.sh",
  "two_clients.sh",
  "computed.sh",
];

/** On a folder of this machine, which may be a mount; `other` is the same folder through a second one. */
export async function flowsHere(
  request: FlowsRun & { folder: string; other?: string; root?: string },
): Promise<FlowsResult> {
  const scratch = await Deno.makeTempDir({ prefix: "lux9-flows-" });
  await using _guarded = guard('rm -rf "$1"', scratch);
  const work = `flows-${crypto.randomUUID().slice(0, 8)}`;
  const folder = `${request.folder}/${work}`;
  try {
    await writeSourceTar(`${scratch}/source.tar`, request.size.files);
    await Deno.mkdir(`${scratch}/source`);
    await mustRun("tar", ["-C", `${scratch}/source`, "-xf", `${scratch}/source.tar`]);
    await Deno.writeTextFile(`${scratch}/.gitconfig`, GIT_CONFIGURATION);
    await Deno.mkdir(folder);
    const result = await run("sh", [scriptPath("all.sh")], {
      env: {
        ...environment(request),
        HOME: scratch,
        DIR: folder,
        ROOT: request.root ?? "",
        OTHER: request.other === undefined ? "" : `${request.other}/${work}`,
        SOURCE: `${scratch}/source`,
        SCRATCH: `${scratch}/work`,
      },
      timeoutMs: request.timeoutMs,
    });
    return judged(result.stdout + result.stderr, result);
  } finally {
    await Deno.remove(folder, { recursive: true }).catch(() => undefined);
    await Deno.remove(scratch, { recursive: true });
  }
}

/** In the guest. With two mounts, of the same tree, flows of two clients run as well. */
export async function flowsInGuest(
  request: FlowsRun & {
    mounts: GuestMount[];
    /** The folder inside the tree to work in, such as `/data`; it must exist. */
    folder: string;
    /** Some flows again, in another folder of the tree. */
    again?: { folder: string; only: string };
  },
): Promise<FlowsResult> {
  const work = `flows-${crypto.randomUUID().slice(0, 8)}`;
  const inEachMount = (folder: string) =>
    request.mounts.map((mount) => `${mount.directory ?? "/mnt"}${folder}/${work}`);
  const [first, second] = inEachMount(request.folder);
  const [again, otherAgain] = request.again === undefined ? [] : inEachMount(request.again.folder);
  const tar = await Deno.makeTempFile({ prefix: "lux9-source-" });
  await writeSourceTar(tar, request.size.files);
  const extraFiles: Record<string, Uint8Array> = { "guest/source.tar": await Deno.readFile(tar) };
  await Deno.remove(tar);
  for (const name of SCRIPTS) extraFiles[`guest/flows/${name}`] = await Deno.readFile(scriptPath(name));
  const result = await guest({
    mounts: request.mounts,
    script: GUEST_SCRIPT,
    environment: {
      ...environment(request),
      DIR: first,
      ROOT: request.mounts[0].directory ?? "/mnt",
      OTHER: second ?? "",
      AGAIN: again ?? "",
      OTHER_AGAIN: otherAgain ?? "",
      ONLY_AGAIN: request.again?.only ?? "",
      SOURCE: "/tmp/source",
      SCRATCH: "/tmp/scratch",
    },
    extraFiles,
    memoryMiB: 2048,
    processors: 2,
    timeoutMs: request.timeoutMs,
    onLine: request.onLine,
  });
  return judged(result.output, { code: result.exitCode });
}

const GIT_CONFIGURATION =
  "[user]\n\tname = Flows\n\temail = flows@example.org\n[init]\n\tdefaultBranch = main\n";

const GUEST_SCRIPT = `
mkdir /tmp/source && tar -C /tmp/source -xf /guest/source.tar && rm /guest/source.tar
mkdir "$DIR" $AGAIN || exit 1
sh /guest/flows/all.sh
code=$?
rmdir "$DIR" $AGAIN || exit 1
exit $code
`;

function environment(request: FlowsRun): Record<string, string> {
  return {
    CAN: abilities(request.way),
    LENGTH: request.size.length,
    COUNT: `${request.size.files}`,
    BIG_MIB: `${request.size.bigMiB}`,
    SAMPLE_EVERY: `${request.size.sampleEvery}`,
    ONLY: request.only ?? "",
    ...(request.computed && { FLOWS: "computed", DATA: request.computed.data }),
  };
}

function scriptPath(name: string): string {
  return new URL(name, import.meta.url).pathname;
}

/** A run that broke off is one failure more, whatever had passed. */
export function judged(output: string, { code }: Pick<CommandResult, "code">): FlowsResult {
  const passed = [...output.matchAll(/^ok \S+ \(\d+ ms\)$/gm)].length;
  const failures = [...output.matchAll(/^FAIL \S+ \(\d+ ms\)\n(?: {4}.*\n)*/gm)].map(([text]) => text);
  const complete = output.includes(`flows: ${passed} passed, ${failures.length} failed`);
  const brokeOff = !complete || (code !== 0 && failures.length === 0);
  if (brokeOff) failures.push(`It broke off with code ${code}:\n${output.slice(-BROKE_OFF_SHOWN)}`);
  return { passed, failed: failures.length, failures: failures.join("") };
}
