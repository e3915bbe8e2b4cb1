import assert from "node:assert/strict";
import { join } from "node:path";
import { matches, sessionsOf } from "./session.ts";

const ROOT = new URL("../..", import.meta.url).pathname;

Deno.test("README: every command of its sessions prints what it shows", async () => {
  const home = await Deno.makeTempDir({ prefix: "lux9-readme-" });
  const env = { HOME: home, XDG_DATA_HOME: "" };
  const node = new Deno.Command("./lux9", { args: ["up", "--demo"], cwd: ROOT, env, stdout: "piped" })
    .spawn();
  try {
    await said(node.stdout, "serves your tree");
    for (const steps of sessionsOf(await Deno.readTextFile(join(ROOT, "README.md")))) {
      if (steps.some(({ command }) => command.includes("lux9 mount")) && !(await has9pfuse())) {
        console.log("SKIP README: the mounted session: 9pfuse is not on PATH, or /dev/fuse cannot be used");
        continue;
      }
      for (const { command, expected, line } of steps) {
        const shell = new Deno.Command("sh", { args: ["-c", `${command} 2>&1`], cwd: ROOT, env });
        const actual = new TextDecoder().decode((await shell.output()).stdout);
        assert.ok(
          matches(expected, actual),
          `README.md:${line}: ${command}\nshown:\n${expected}\nprinted:\n${actual}`,
        );
      }
    }
  } finally {
    await new Deno.Command("umount", { args: [join(home, "tree")], stderr: "null" }).output();
    node.kill("SIGTERM");
    assert.equal((await node.status).code, 0);
    await Deno.remove(home, { recursive: true });
  }
});

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

async function has9pfuse(): Promise<boolean> {
  try {
    const file = await Deno.open("/dev/fuse", { read: true, write: true });
    file.close();
  } catch {
    return false;
  }
  return (Deno.env.get("PATH") ?? "").split(":").some((folder) => {
    try {
      return Deno.statSync(join(folder, "9pfuse")).isFile;
    } catch {
      return false;
    }
  });
}
