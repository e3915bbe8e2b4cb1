/**
 * pjdfstest, the POSIX suite, run in the guest twice: on a local ext4 disk and on the 9P mount. What counts is a
 * test that passes on the disk and fails on the mount: its cause is the protocol, Linux's client or the server.
 */
import { guest, type GuestMount } from "../guest/mod.ts";
import { which } from "../command.ts";
import { cargoMissing, judgeProgram } from "./cargo.ts";
import { cannotPass, costlyTests } from "./expected.ts";

export interface PjdfstestRun {
  /** Where it is mounted is the suite's affair. */
  mount: Omit<GuestMount, "directory">;
  /** The folder inside the tree to work in, such as `/data`. */
  folder: string;
  /** Only tests with one of these in their name, such as `rename`. */
  patterns?: string[];
  timeoutMs: number;
  onLine?: (line: string) => void;
}

export interface PjdfstestResult {
  /** Tests that pass on the local disk: those by which the mount is judged. */
  judged: number;
  passed: number;
  failures: PjdfstestFailure[];
  /** Failed or skipped on the local disk too, hence not judged. */
  notJudged: string[];
}

export interface PjdfstestFailure {
  test: string;
  /** What the test said. */
  said: string;
  /** Why no 9P server can pass it with this client, or undefined: then the server is to blame. */
  cannot: string | undefined;
}

type Outcome = { state: "ok" | "failed" | "skipped"; said: string };

/** The suite waits so long where times must differ; a kernel's clock for files ticks every 4 ms. */
const CONFIGURATION = `
[features]
posix_fallocate = {}
rename_ctime = {}
utime_now = {}
utimensat = {}
[settings]
naptime = 0.02
[dummy_auth]
entries = [["bin", "bin"], ["daemon", "daemon"]]
`;

const LOCAL_BEGINS = "--- local";
const MOUNT_BEGINS = "--- mount";

export function pjdfstestMissing(): string | undefined {
  return cargoMissing() ?? (which("mke2fs") === undefined ? "needs the package e2fsprogs" : undefined);
}

export async function pjdfstest(request: PjdfstestRun): Promise<PjdfstestResult> {
  const program = await judgeProgram("pjdfstest");
  const mount = { ...request.mount, directory: mountDirectory(request.folder) };
  const directory = `${mount.directory}${request.folder}`;
  const { output } = await guest({
    mounts: [mount],
    diskMiB: 512,
    extraPrograms: [program],
    extraFiles: { "guest/pjdfstest.toml": CONFIGURATION },
    // The mount is asked only for what the disk has passed; names are then given whole, with the crate's own path.
    script: `
export NO_COLOR=1
pjdfstest() { ${program} -c /guest/pjdfstest.toml -s /tmp "$@"; }
echo "${LOCAL_BEGINS}"
pjdfstest -p /disk ${(request.patterns ?? []).join(" ")} | tee /tmp/local
sed -n 's/^\\([a-z][^ ]*\\)  *ok$/\\1/p' /tmp/local >/tmp/passed
${costlyTests().map((test) => `sed -i '/^${test}$/d' /tmp/passed`).join("\n")}
echo "${MOUNT_BEGINS}"
pjdfstest -p "${directory}" --exact $(sed 's/^/pjdfstest::tests::/' /tmp/passed)
exit 0
`,
    timeoutMs: request.timeoutMs,
    onLine: request.onLine,
  });
  const [local, onMount] = output.slice(output.indexOf(LOCAL_BEGINS)).split(MOUNT_BEGINS);
  if (onMount === undefined || !onMount.includes("Summary:")) {
    throw new Error(`pjdfstest broke off:\n${output.slice(-4000)}`);
  }
  return compare(outcomes(local), outcomes(onMount));
}

/**
 * The suite fills paths up to PATH_MAX with names of 127 bytes, and fails on a slip of its own where nothing is left
 * over, so the mount is at a place where something is.
 */
function mountDirectory(folder: string): string {
  const PATH_BYTES_MAX = 4095;
  const NAME_BYTES = 127;
  // It works two temporary folders down.
  const below = "/.tmp123456/.tmp123456".length;
  const directories = ["/mnt", "/mnt-1"];
  const fits = (directory: string) =>
    (PATH_BYTES_MAX - directory.length - folder.length - below) % NAME_BYTES > 1;
  return directories.find(fits) ?? directories[0];
}

function compare(local: Map<string, Outcome>, mount: Map<string, Outcome>): PjdfstestResult {
  const result: PjdfstestResult = { judged: 0, passed: 0, failures: [], notJudged: [] };
  for (const [test, { state }] of local) {
    if (state !== "ok") {
      result.notJudged.push(test);
      continue;
    }
    result.judged++;
    const outcome = mount.get(test);
    if (outcome?.state === "ok") result.passed++;
    else {
      const said = outcome === undefined ? "not run" : `${outcome.state}: ${outcome.said}`;
      result.failures.push({ test, said, cannot: cannotPass(test) });
    }
  }
  return result;
}

/** A test is a line `name   ok|FAILED|skipped`; indented lines after it say why. */
function outcomes(text: string): Map<string, Outcome> {
  const found = new Map<string, Outcome>();
  let last: Outcome | undefined;
  for (const line of text.split("\n")) {
    const match = /^([a-z]\S*::\S+)\s+(ok|FAILED|skipped)$/.exec(line);
    if (match !== null) {
      last = { state: match[2] === "FAILED" ? "failed" : match[2] as "ok" | "skipped", said: "" };
      found.set(match[1], last);
    } else if (last !== undefined && line.trim() !== "") {
      last.said = `${last.said} ${line.trim()}`.trim();
    }
  }
  return found;
}
