import { fileURLToPath } from "node:url";

const LAUNCHER = fileURLToPath(new URL("../../lux9", import.meta.url));

export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** What a command prints, and its code. The first word may be two: `snapshot ls`. `input` is its standard input. */
export async function lux9(home: string, words: readonly string[], input?: Uint8Array): Promise<Ran> {
  const { stdout, ...ran } = await lux9Bytes(home, words, input);
  return { ...ran, out: new TextDecoder().decode(stdout) };
}

export async function lux9Bytes(
  home: string,
  [command, ...rest]: readonly string[],
  input?: Uint8Array,
): Promise<{ code: number; stdout: Uint8Array; err: string }> {
  const args = [...command.split(" "), "--home", home, ...rest];
  const child = new Deno.Command(LAUNCHER, {
    args,
    stdin: input ? "piped" : "null",
    stdout: "piped",
    stderr: "piped",
  })
    .spawn();
  // Whoever ends early does not read the rest.
  if (input) new Blob([input.slice()]).stream().pipeTo(child.stdin).catch(() => {});
  const { code, stdout, stderr } = await child.output();
  return { code, stdout, err: new TextDecoder().decode(stderr) };
}
