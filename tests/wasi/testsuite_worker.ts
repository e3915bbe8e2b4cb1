/** Runs one test of the suite and says what was not as it should be. */
/// <reference lib="deno.worker" />
import { Principals } from "../../9p/mod.ts";
import { host } from "../../servers/host/mod.ts";
import { mem } from "../../servers/mem/mod.ts";
import { call, preopen, runModule } from "../../translators/wasi/fixture.ts";
import type { Preopen } from "../../translators/wasi/mod.ts";
import { loadTree } from "./load_tree.ts";

export interface Case {
  readonly name: string;
  readonly module: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** A folder whose copy the guest gets as its root. */
  readonly root: string | undefined;
  readonly code: number;
  readonly stdout: string | undefined;
  readonly stderr: string | undefined;
}

export interface Task extends Case {
  readonly server: "mem" | "host";
}

export interface Answer {
  readonly problem: string | undefined;
}

self.onmessage = ({ data }: MessageEvent<Task>) => {
  const answer: Answer = { problem: problemOf(data) };
  self.postMessage(answer);
};

function problemOf(task: Task): string | undefined {
  const temporary = Deno.makeTempDirSync({ prefix: "lux9_wasi_" });
  try {
    return judged(task, task.root === undefined ? [] : [rootOf(task, task.root, temporary)]);
  } catch (thrown) {
    return thrown instanceof Error ? thrown.stack ?? thrown.message : String(thrown);
  } finally {
    Deno.removeSync(temporary, { recursive: true });
  }
}

function rootOf({ server }: Task, folder: string, temporary: string): Preopen {
  const served = server === "mem" ? mem() : host(temporary, { principals: new Principals() });
  const given = preopen(served);
  loadTree(served, given.root, folder, call);
  return given;
}

function judged(task: Task, preopens: readonly Preopen[]): string | undefined {
  const module = new WebAssembly.Module(Deno.readFileSync(task.module));
  const env = Object.entries(task.env);
  const { code, trap, stdout, stderr } = runModule(module, {
    args: [task.module, ...task.args],
    env,
    preopens,
  });
  if (trap) return `trapped, ${trap.message}: ${stderr.text.trim()}`;
  if (code !== task.code) return `ended with ${code} instead of ${task.code}: ${stderr.text.trim()}`;
  if (task.stdout !== undefined && stdout.text !== task.stdout) {
    return `wrote ${JSON.stringify(stdout.text)} instead of ${JSON.stringify(task.stdout)}`;
  }
  if (task.stderr !== undefined && stderr.text !== task.stderr) {
    return `complained ${JSON.stringify(stderr.text)} instead of ${JSON.stringify(task.stderr)}`;
  }
}
