/** Runs the sessions of a page against a node with the demo, and compares what they print with what the page shows. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { skipUnless } from "../scenarios/skip.ts";
import { matches, sessionsOf, type Step } from "./session.ts";

export const ROOT = new URL("../..", import.meta.url).pathname;

/** What a session cannot do without, by what its commands look like. */
export interface Need {
  readonly pattern: RegExp;
  /** What is missing here; undefined where nothing is. */
  missing(): Promise<string | undefined> | string | undefined;
}

export interface PageOptions {
  /** From the repository's folder. */
  readonly page: string;
  /** Where the first command runs; a later one runs where the one before it was in the end. */
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  readonly needs: readonly Need[];
}

/** Each session is a step of the test. */
export async function checkPage(t: Deno.TestContext, { page, cwd, env, needs }: PageOptions): Promise<void> {
  await using _node = await demoNode(env);
  const place = await Deno.makeTempFile({ prefix: "lux9-docs-cwd-" });
  let folder = cwd;
  const run = async (command: string): Promise<string> => {
    const shell = new Deno.Command("sh", {
      args: ["-c", `exec 2>&1\n${command}\npwd >"$LUX9_DOCS_PLACE"`],
      cwd: folder,
      env: { ...env, LUX9_DOCS_PLACE: place },
      stdin: "null",
    });
    const printed = new TextDecoder().decode((await shell.output()).stdout);
    folder = (await Deno.readTextFile(place)).trim();
    return printed;
  };
  for (const steps of sessionsOf(await Deno.readTextFile(join(ROOT, page)))) {
    await t.step(`${page}: the session at line ${steps[0].line}`, async ({ name }) => {
      const reason = await missingFor(steps, needs);
      if (!skipUnless(name, { isThere: () => reason === undefined, reason: reason ?? "" })) return;
      for (const { command, expected, line } of steps) {
        const printed = await run(command);
        assert.ok(
          matches(expected, printed),
          `${page}:${line}: ${command}\nshown:\n${expected}\nprinted:\n${printed}`,
        );
      }
    });
  }
  await Deno.remove(place);
}

async function missingFor(steps: readonly Step[], needs: readonly Need[]): Promise<string | undefined> {
  for (const { pattern, missing } of needs) {
    const reason = steps.some(({ command }) => pattern.test(command)) ? await missing() : undefined;
    if (reason !== undefined) return reason;
  }
}

/** `lux9 up --demo`, until it is let go. */
async function demoNode(env: Readonly<Record<string, string>>): Promise<AsyncDisposable> {
  const node = new Deno.Command("./lux9", { args: ["up", "--demo"], cwd: ROOT, env, stdout: "piped" })
    .spawn();
  await said(node.stdout, "serves your tree");
  return {
    async [Symbol.asyncDispose]() {
      node.kill("SIGTERM");
      assert.equal((await node.status).code, 0);
    },
  };
}

/** Waits for words on a stream, and lets the rest of it go. */
async function said(stream: ReadableStream<Uint8Array>, words: string): Promise<void> {
  let text = "";
  const reader = stream.getReader();
  while (!text.includes(words)) {
    const { value, done } = await reader.read();
    if (done) throw new Error(`The node ended before it said ${JSON.stringify(words)}: ${text}`);
    text += new TextDecoder().decode(value);
  }
  (async () => {
    while (!(await reader.read()).done);
  })();
}
