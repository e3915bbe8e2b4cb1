/**
 * Two homes, mounted, on both of which real programs work: a git repository and a folder of notes are changed on both sides, and exchanged by `lux9 sync`, round after
 * round. In the end, and now and then, `git fsck` and `diff -r` judge.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { mustRun, run } from "../command.ts";
import { mountFuse } from "../ninepfuse.ts";
import { startNode } from "../server.ts";
import { fileURLToPath } from "node:url";

const LAUNCHER = fileURLToPath(new URL("../../../lux9", import.meta.url));
const STEP_MS_MAX = 60_000;
/** Of a repository of a thousand commits each object is read, on both sides. */
const JUDGING_MS_MAX = 600_000;
/** 9pfuse tells the kernel to trust a name for a second: until then git may read a branch as it was before an exchange, and find it moved when it locks it. */
const NAMES_TRUSTED_MS = 1_100;
/** Judging takes longer than a round. */
const JUDGED_EVERY = 25;
const NOTES = ["todo.md", "plan.md", "log.md"];
/** What the last of them is called for a while. */
const MOVED = "moved.md";
const GIT_ENV = {
  GIT_AUTHOR_NAME: "a",
  GIT_AUTHOR_EMAIL: "a@example.org",
  GIT_COMMITTER_NAME: "a",
  GIT_COMMITTER_EMAIL: "a@example.org",
  GIT_CONFIG_GLOBAL: "/dev/null",
  GIT_CONFIG_NOSYSTEM: "1",
};

export interface RoundsResult {
  readonly rounds: number;
  readonly commits: number;
  readonly lines: number;
  readonly conflicts: number;
}

/** Throws where git or diff finds something, where a line that was written is nowhere, or where an exchange fails. */
export async function exchangeRounds(
  rounds: number,
  onRound: (round: number) => void = () => {},
): Promise<RoundsResult> {
  const folder = await Deno.makeTempDir({ prefix: "lux9-copies-" });
  const homes = ["a", "b"].map((name) => join(folder, name));
  try {
    for (const home of homes) await Deno.mkdir(home);
    {
      await using node = await startNode({ home: homes[0], volumeAt: "/data" });
      await using mount = await mountFuse(node.address);
      await begin(`${mount.directory}/data`);
    }
    await mustRun(LAUNCHER, ["volume", "clone", homes[0], "test", "--home", homes[1]], {
      timeoutMs: STEP_MS_MAX,
    });
    await using a = await startNode({ home: homes[0], volumeAt: "/data" });
    await using b = await startNode({ home: homes[1], volumeAt: "/data" });
    await using mountA = await mountFuse(a.address);
    await using mountB = await mountFuse(b.address);
    const sides = [mountA, mountB].map(({ directory }) => `${directory}/data`);
    const work = new Work(sides);
    for (let round = 1; round <= rounds; round++) {
      await work.change(round);
      await mustRun(LAUNCHER, ["sync", homes[round % 2], "--home", homes[(round + 1) % 2]], {
        timeoutMs: STEP_MS_MAX,
      });
      await new Promise((wake) => setTimeout(wake, NAMES_TRUSTED_MS));
      if (round % JUDGED_EVERY === 0 || round === rounds) await work.judge();
      onRound(round);
    }
    for (const home of homes) {
      await mustRun(LAUNCHER, ["sync", homes[0], "--home", home === homes[0] ? homes[1] : home]);
    }
    return { rounds, ...await work.result() };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function begin(data: string): Promise<void> {
  await Deno.mkdir(`${data}/notes`);
  for (const name of NOTES) {
    await Deno.writeTextFile(
      `${data}/notes/${name}`,
      Array.from({ length: 40 }, (_, i) => `line ${i}\n`).join(""),
    );
  }
  await git(data, "init", "-q", "-b", "main", "repo");
  await Deno.writeTextFile(`${data}/repo/a.txt`, "of a\n");
  await Deno.writeTextFile(`${data}/repo/b.txt`, "of b\n");
  await git(`${data}/repo`, "add", "-A");
  await git(`${data}/repo`, "commit", "-qm", "begin");
}

async function git(cwd: string, ...args: string[]): Promise<string> {
  return await mustRun("git", args, { cwd, env: GIT_ENV, timeoutMs: STEP_MS_MAX });
}

class Work {
  readonly #sides: readonly string[];
  readonly #written: string[] = [];
  #commits = 0;

  constructor(sides: readonly string[]) {
    this.#sides = sides;
  }

  /** Both sides write notes, often the same; one commits, and now and then both do, on branches of their own or on the same one. */
  async change(round: number): Promise<void> {
    for (const [i, side] of this.#sides.entries()) {
      const name = round % 3 === 0 ? NOTES[0] : NOTES[1 + i];
      const line = `r${round}s${i}`;
      const path = [name, MOVED].map((each) => `${side}/notes/${each}`).find((each) => existsSync(each))!;
      const lines = (await Deno.readTextFile(path)).split("\n");
      // One side writes near the beginning, the other near the end.
      lines.splice(i === 0 ? 3 : lines.length - 4, 0, line);
      await Deno.writeTextFile(path, lines.join("\n"));
      this.#written.push(line);
      if (round % 7 === i) await Deno.writeTextFile(`${side}/notes/${round}-${i}.md`, `${line}\n`);
      if (round % 11 === 5 && i === 0) {
        await Deno.rename(`${side}/notes/${NOTES[2]}`, `${side}/notes/${MOVED}`);
      }
      if (round % 11 === 6 && i === 0) {
        await Deno.rename(`${side}/notes/${MOVED}`, `${side}/notes/${NOTES[2]}`);
      }
    }
    const committing = round % 10 === 0 ? [0, 1] : [round % 2];
    for (const i of committing) {
      const repo = `${this.#sides[i]}/repo`;
      await Deno.writeTextFile(`${repo}/${i === 0 ? "a" : "b"}.txt`, `round ${round}\n`, { append: true });
      await git(repo, "add", "-A");
      await git(repo, "commit", "-qm", `round ${round} of ${i}`);
      this.#commits++;
    }
  }

  async judge(): Promise<void> {
    const [a, b] = this.#sides;
    const { code, stdout, stderr } = await run("diff", ["-r", "--no-dereference", a, b], {
      timeoutMs: JUDGING_MS_MAX,
    });
    if (code !== 0) throw new Error(`diff -r finds:\n${stdout}${stderr}`);
    for (const side of this.#sides) {
      await mustRun("git", ["fsck", "--full", "--strict"], {
        ...{ cwd: `${side}/repo`, env: GIT_ENV, timeoutMs: JUDGING_MS_MAX },
      });
    }
    const text = await mustRun("sh", ["-c", 'cat "$1"/notes/*', "sh", a], { timeoutMs: JUDGING_MS_MAX });
    const words = new Set(text.split(/\s+/));
    for (const line of this.#written) {
      if (!words.has(line)) throw new Error(`${line} is nowhere in the notes`);
    }
  }

  async result(): Promise<Omit<RoundsResult, "rounds">> {
    const found = await mustRun("find", [this.#sides[0], "-name", "*.conflict-*"]);
    const conflicts = found.split("\n").filter(Boolean).length;
    return { commits: this.#commits, lines: this.#written.length, conflicts };
  }
}
