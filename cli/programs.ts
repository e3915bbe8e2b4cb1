import { join } from "node:path";

/** Where a program is on PATH, undefined where it is not. */
export function findProgram(name: string): string | undefined {
  for (const folder of [...(Deno.env.get("PATH") ?? "").split(":"), "/sbin", "/usr/sbin"]) {
    if (folder === "") continue;
    const path = join(folder, name);
    try {
      const info = Deno.statSync(path);
      if (info.isFile && ((info.mode ?? 0) & 0o111) !== 0) return path;
    } catch { /* Not in this folder. */ }
  }
  return undefined;
}

export interface Outcome {
  readonly code: number;
  /** What it wrote to both outputs, without blanks around. */
  readonly text: string;
}

/** Runs a program to its end. */
export async function run(program: string, args: readonly string[]): Promise<Outcome> {
  const { code, stdout, stderr } = await new Deno.Command(program, { args: [...args], stdin: "null" })
    .output();
  const decoder = new TextDecoder();
  return { code, text: `${decoder.decode(stdout)}${decoder.decode(stderr)}`.trim() };
}

/**
 * Runs a program that goes on in the background after its exit. Its output goes through a file: a pipe would stay open
 * as long as the background part lives.
 */
export async function runDaemon(program: string, args: readonly string[]): Promise<Outcome> {
  const output = await Deno.makeTempFile({ prefix: "lux9-" });
  try {
    const script = 'output=$1; shift; exec "$@" >"$output" 2>&1 </dev/null';
    const command = new Deno.Command("/bin/sh", {
      args: ["-c", script, "sh", output, program, ...args],
      stdin: "null",
      stdout: "null",
      stderr: "null",
    });
    const { code } = await command.spawn().status;
    return { code, text: (await Deno.readTextFile(output)).trim() };
  } finally {
    await Deno.remove(output);
  }
}

/** Whether the kernel has v9fs now or could load it, and why not. */
export async function kernelHas9p(): Promise<{ readonly has: boolean; readonly why: string }> {
  if (/\t9p$/m.test(Deno.readTextFileSync("/proc/filesystems"))) {
    return { has: true, why: "9p is in the kernel" };
  }
  const modprobe = findProgram("modprobe");
  if (!modprobe) return { has: false, why: "the kernel has no 9p, and there is no modprobe to load it" };
  // What it would load: busybox has this, and no dry run.
  const { code } = await run(modprobe, ["-D", "9p"]);
  return code === 0
    ? { has: true, why: "the 9p module can be loaded" }
    : { has: false, why: "the kernel has no 9p module (Debian's cloud kernels lack it)" };
}
