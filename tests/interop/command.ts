/** Running other programs from a test: one call that waits, with a time limit, and says what came out. */

export interface CommandResult {
  code: number;
  stdout: string;
  stderr: string;
}

export interface CommandOptions {
  cwd?: string;
  env?: Record<string, string>;
  /** The program is killed after this time and its code is then 124, as with timeout(1). */
  timeoutMs?: number;
}

const TIMED_OUT = 124;
const TIMEOUT_MS_DEFAULT = 60_000;

/** Runs a program to its end. A program that cannot be started is an error; a non-zero code is not. */
export async function run(
  program: string,
  args: string[],
  options: CommandOptions = {},
): Promise<CommandResult> {
  const child = new Deno.Command(program, {
    args,
    cwd: options.cwd,
    env: options.env,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const output = child.output();
  const timeoutMs = options.timeoutMs ?? TIMEOUT_MS_DEFAULT;
  let timedOut = false;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      timedOut = true;
      try {
        child.kill("SIGKILL");
      } catch {
        // It has ended, but a process that it left behind still holds its output open.
        reject(new Error(`${program} left a process behind that keeps its output open`));
      }
    }, timeoutMs);
  });
  try {
    const { code, stdout, stderr } = await Promise.race([output, late]);
    const decoder = new TextDecoder();
    return {
      code: timedOut ? TIMED_OUT : code,
      stdout: decoder.decode(stdout),
      stderr: decoder.decode(stderr) + (timedOut ? `\n${program} was killed after ${timeoutMs} ms` : ""),
    };
  } finally {
    clearTimeout(timer);
  }
}

/** Runs a program that must succeed and gives its standard output. */
export async function mustRun(
  program: string,
  args: string[],
  options: CommandOptions = {},
): Promise<string> {
  const result = await run(program, args, options);
  if (result.code === 0) return result.stdout;
  throw new Error(
    `${program} ${args.join(" ")} ended with code ${result.code}\n${result.stdout}${result.stderr}`,
  );
}

/** Where a program is, looking through PATH and the folders for administrators, or undefined. */
export function which(program: string): string | undefined {
  const folders = [...(Deno.env.get("PATH") ?? "").split(":"), "/usr/local/sbin", "/usr/sbin", "/sbin"];
  for (const folder of folders) {
    const path = `${folder}/${program}`;
    try {
      const info = Deno.statSync(path);
      if (info.isFile && ((info.mode ?? 0) & 0o111) !== 0) return path;
    } catch {
      // Not in this folder.
    }
  }
  return undefined;
}
