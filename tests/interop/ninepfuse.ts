/** Mounting through 9pfuse, where this machine has it, and leaving nothing behind. */
import { mustRun, run, which } from "./command.ts";
import { guard } from "./guard.ts";

export interface FuseMount extends AsyncDisposable {
  directory: string;
}

const MOUNT_MS_MAX = 10_000;
const UNMOUNT_MS_MAX = 10_000;

/** Why nothing can be mounted through 9pfuse here, or undefined. */
export function ninepfuseMissing(): string | undefined {
  if (which("9pfuse") === undefined) return "needs 9pfuse of plan9port on PATH";
  if (unmounter() === undefined) return "needs fusermount of the package fuse";
  try {
    Deno.openSync("/dev/fuse", { read: true, write: true }).close();
  } catch {
    return "needs /dev/fuse";
  }
  return undefined;
}

/** Mounts a dial string (`unix!PATH` or `tcp!HOST!PORT`) on a new folder; disposing unmounts and checks. */
export async function mountFuse(address: string, aname = ""): Promise<FuseMount> {
  const directory = await Deno.makeTempDir({ prefix: "lux9-9pfuse-" });
  // A dead mount would be left behind, on which every later `ls` hangs.
  const guarded = guard('"$1" -u -z "$2"; rmdir "$2"; rm -f "$2.log"', unmounter() ?? "umount", directory);
  const dispose = async () => {
    try {
      await unmount(directory);
    } finally {
      await guarded[Symbol.asyncDispose]();
    }
  };
  try {
    const words = [...(aname === "" ? [] : ["-a", aname]), address, directory];
    // It goes to the background, where it would keep a pipe open: what it says goes to a file.
    await mustRun("sh", [
      "-c",
      '9pfuse "$@" >"$0" 2>&1 || { cat "$0"; exit 1; }',
      logPath(directory),
      ...words,
    ], {
      timeoutMs: MOUNT_MS_MAX,
    });
    await until(() => isMounted(directory), MOUNT_MS_MAX, `9pfuse did not mount ${address}`);
    return { directory, [Symbol.asyncDispose]: dispose };
  } catch (error) {
    await dispose();
    throw error;
  }
}

function logPath(directory: string): string {
  return `${directory}.log`;
}

async function unmount(directory: string): Promise<void> {
  const program = unmounter();
  if (program !== undefined && isMounted(directory)) {
    const { code } = await run(program, ["-u", directory], { timeoutMs: UNMOUNT_MS_MAX });
    // Still in use: off it goes all the same, and the check below says so.
    if (code !== 0) await run(program, ["-u", "-z", directory], { timeoutMs: UNMOUNT_MS_MAX });
  }
  if (isMounted(directory)) throw new Error(`${directory} is still mounted`);
  await until(() => processes(directory).length === 0, UNMOUNT_MS_MAX, `9pfuse of ${directory} goes on`)
    .finally(() => processes(directory).forEach((pid) => Deno.kill(pid, "SIGKILL")));
  await Deno.remove(directory);
  await Deno.remove(logPath(directory)).catch(() => undefined);
}

function unmounter(): string | undefined {
  return which("fusermount3") ?? which("fusermount");
}

function isMounted(directory: string): boolean {
  return Deno.readTextFileSync("/proc/self/mountinfo").split("\n")
    .some((line) => line.split(" ")[4] === directory);
}

/** The 9pfuse processes of this folder: the folder is the last word of their command lines. */
function processes(directory: string): number[] {
  const found: number[] = [];
  for (const { name } of Deno.readDirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const words = Deno.readTextFileSync(`/proc/${name}/cmdline`).split("\0");
      if (words[0].endsWith("9pfuse") && words.includes(directory)) found.push(Number(name));
    } catch {
      // It ended meanwhile.
    }
  }
  return found;
}

async function until(holds: () => boolean, msMax: number, otherwise: string): Promise<void> {
  const deadline = performance.now() + msMax;
  while (!holds()) {
    if (performance.now() > deadline) throw new Error(otherwise);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
