/** Commands as a person gives them, in folders that are gone afterwards. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";

export const LAUNCHER = fileURLToPath(new URL("../../lux9", import.meta.url));

export interface Said {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

export async function lux9(...args: string[]): Promise<Said> {
  const { code, stdout, stderr } = await new Deno.Command(LAUNCHER, { args, stdin: "null" }).output();
  return { code, out: new TextDecoder().decode(stdout), err: new TextDecoder().decode(stderr) };
}

/** It is to succeed. */
export async function ok(...args: string[]): Promise<string> {
  const { code, out, err } = await lux9(...args);
  assert.equal(code, 0, `lux9 ${args.join(" ")}: ${out}${err}`);
  return out;
}

/** Another program, as `mount`, which is to succeed. */
export async function run(program: string, ...args: string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command(program, { args }).output();
  if (!success) throw new Error(`${program} ${args.join(" ")}: ${new TextDecoder().decode(stderr)}`);
}

export async function inFolder(act: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "lux9-sync-" });
  try {
    await act(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
