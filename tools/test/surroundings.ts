/** What the suite must leave as it found it: processes, mounts, named network namespaces, temporary files. */

const MARK = "LUX9_TEST_RUN";
/** How long what is ending anyway may take. */
const GRACE_MS = 3000;

export class Surroundings {
  readonly #run = crypto.randomUUID().slice(0, 8);
  #jobs = 0;

  private constructor(
    /** The jobs' temporary folder. Short: a unix socket's path fits 107 bytes. */
    readonly temporary: string,
    readonly mounts: ReadonlySet<string>,
    readonly namespaces: ReadonlySet<string>,
  ) {}

  static async before(): Promise<Surroundings> {
    const temporary = await Deno.makeTempDir({ prefix: "lux9-test-" });
    // Tests that become another user pass through it.
    await Deno.chmod(temporary, 0o755);
    return new Surroundings(temporary, await mountPoints(), await networkNamespaces());
  }

  forJob(): { mark: { name: string; value: string }; temporary: string } {
    return { mark: { name: MARK, value: `${this.#run}-${this.#jobs++}` }, temporary: this.temporary };
  }

  /** What was left behind, a sentence each. Processes are ended, and mounts in the temporary folder let go. */
  async after(): Promise<string[]> {
    const problems: string[] = [];
    for (const { pid, command } of await this.#lastingProcesses()) {
      problems.push(`process ${pid} still runs: ${command}`);
      try {
        Deno.kill(pid, "SIGKILL");
      } catch {
        // It has ended meanwhile.
      }
    }
    for (const mount of added(this.mounts, await mountPoints()).reverse()) {
      problems.push(`${mount} is still mounted`);
      if (mount.startsWith(this.temporary + "/")) {
        await new Deno.Command("umount", { args: ["-l", mount], stdout: "null", stderr: "null" }).output();
      }
    }
    for (const name of added(this.namespaces, await networkNamespaces())) {
      problems.push(`the network namespace ${name} still exists`);
    }
    const stillMounted = [...await mountPoints()].some((mount) => mount.startsWith(this.temporary + "/"));
    // Removing would go through the mount, into what it shows.
    if (!stillMounted) await Deno.remove(this.temporary, { recursive: true });
    return problems;
  }

  async #lastingProcesses(): Promise<Process[]> {
    const until = Date.now() + GRACE_MS;
    for (;;) {
      const found = await processesWith(MARK, this.#run);
      if (found.length === 0 || Date.now() > until) return found;
      await new Promise((done) => setTimeout(done, 100));
    }
  }
}

export interface Process {
  readonly pid: number;
  readonly command: string;
}

/** The processes whose environment, when they started, had the variable with a value that begins so. */
export async function processesWith(name: string, value: string): Promise<Process[]> {
  const wanted = new RegExp(`(?:^|\0)${name}=${value}(?:-|\0|$)`);
  const found: Process[] = [];
  for await (const entry of Deno.readDir("/proc")) {
    const pid = Number(entry.name);
    if (!Number.isInteger(pid) || pid === Deno.pid) continue;
    // A process that has ended, or another user's, has no environment to read.
    const environment = await Deno.readTextFile(`/proc/${pid}/environ`).catch(() => "");
    if (!wanted.test(environment)) continue;
    const command = await Deno.readTextFile(`/proc/${pid}/cmdline`).catch(() => "");
    found.push({ pid, command: command.replaceAll("\0", " ").trim() });
  }
  return found;
}

async function mountPoints(): Promise<Set<string>> {
  const lines = (await Deno.readTextFile("/proc/self/mountinfo")).trimEnd().split("\n");
  // Spaces and the like are written as octal.
  const plain = (path: string) =>
    path.replace(/\\([0-7]{3})/g, (_, code) => String.fromCharCode(parseInt(code, 8)));
  const points = lines.map((line) => plain(line.split(" ")[4]));
  // Where `ip netns` keeps its names: those are looked at by themselves, and the folder's own mount stays.
  return new Set(points.filter((point) => !point.startsWith("/run/netns")));
}

/** Those that `ip netns` knows. One without a name lives no longer than its processes. */
async function networkNamespaces(): Promise<Set<string>> {
  const names = new Set<string>();
  try {
    for await (const entry of Deno.readDir("/run/netns")) names.add(entry.name);
  } catch (thrown) {
    if (!(thrown instanceof Deno.errors.NotFound)) throw thrown;
  }
  return names;
}

function added(before: ReadonlySet<string>, now: ReadonlySet<string>): string[] {
  return [...now].filter((name) => !before.has(name));
}
