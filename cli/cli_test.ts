import assert from "node:assert/strict";
import { served } from "../9p/client/_served.ts";
import { formatAddress, Tree } from "../9p/mod.ts";
import { mem } from "../servers/mem/mod.ts";
import { COMMANDS } from "./commands.ts";

const MAIN = new URL("./main.ts", import.meta.url).pathname;

interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

async function lux9(args: readonly string[], input = ""): Promise<Ran> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "-A", "--no-prompt", "--no-check", MAIN, ...args],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(input)).catch(() => {});
  await writer.close().catch(() => {});
  const { code, stdout, stderr } = await child.output();
  return { code, out: new TextDecoder().decode(stdout), err: new TextDecoder().decode(stderr) };
}

interface Node extends AsyncDisposable {
  readonly tree: Tree;
  readonly folder: string;
  /** Runs a command that must succeed, and returns its output. */
  run(command: string, args: readonly string[], input?: string): Promise<string>;
  /** Runs one that must fail with that code, and returns its message. */
  fail(code: number, command: string, args: readonly string[]): Promise<string>;
}

async function node(): Promise<Node> {
  const stack = new AsyncDisposableStack();
  const there = stack.use(await served(mem()));
  const tree = stack.use(await Tree.dial(there.address));
  const folder = await Deno.makeTempDir();
  stack.defer(() => Deno.remove(folder, { recursive: true }));
  const addr = ["--addr", formatAddress(there.address)];
  return {
    tree,
    folder,
    async run(command, args, input) {
      const { code, out, err } = await lux9([command, ...addr, ...args], input);
      assert.equal(code, 0, `${command} ${args.join(" ")}: ${err}`);
      return out;
    },
    async fail(code, command, args) {
      const ran = await lux9([command, ...addr, ...args]);
      assert.equal(ran.code, code, `${command} ${args.join(" ")}: ${ran.err}`);
      return ran.err;
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

const text = async (tree: Tree, path: string) => new TextDecoder().decode(await tree.readFile(path));

Deno.test("lux9 help lists every command and the exit codes, and each command has examples", async () => {
  const { code, out } = await lux9(["--help"]);
  assert.equal(code, 0);
  for (const { name, summary } of COMMANDS) {
    assert.match(out, new RegExp(`^  ${name} .*${summary.slice(0, 12)}`, "m"));
  }
  assert.match(out, /3 the node cannot be reached/);
  const { buildProgram } = await import("./program.ts");
  const program = await buildProgram(() => true);
  const all = program.commands.flatMap((command) => [command, ...command.commands]);
  assert.ok(all.some((command) => command.name() === "install"));
  for (const command of all) {
    let shown = "";
    command.configureOutput({ writeOut: (text) => shown += text }).outputHelp();
    assert.match(shown, /Examples:\n {2}\S/, `${command.name()} has no examples`);
  }
});

Deno.test("lux9 exits with 2 for a wrong command line and with 3 for a node that is not there", async () => {
  assert.equal((await lux9(["nonsense"])).code, 2);
  assert.equal((await lux9(["ls", "--nonsense"])).code, 2);
  assert.equal((await lux9(["ls", "-a", "no address!"])).code, 2);
  assert.equal((await lux9(["translator"])).code, 2);
  assert.equal((await lux9(["translator", "nonsense"])).code, 2);
  assert.equal((await lux9(["translator", "new", "x", "--lang", "cobol"])).code, 2);
  const away = await lux9(["ls", "-a", "unix!/nowhere/9p"]);
  assert.equal(away.code, 3);
  assert.match(away.err, /no such socket: start the server/);
});

Deno.test("lux9 puts, gets, prints and lists files", async () => {
  await using one = await node();
  const { tree, folder, run, fail } = one;
  await Deno.mkdir(`${folder}/in/sub`, { recursive: true });
  await Deno.writeTextFile(`${folder}/in/sub/file`, "hello\n");
  await run("put", [`${folder}/in/sub/file`, "/"]);
  assert.equal(await text(tree, "/file"), "hello\n");
  await run("put", ["-", "/piped"], "from stdin");
  assert.equal(await run("cat", ["/piped", "/file"]), "from stdinhello\n");
  assert.match(await fail(2, "put", [`${folder}/in`, "/"]), /by -r/);
  await run("put", ["-r", `${folder}/in`, "/"]);
  await run("get", ["-r", "/in", `${folder}/out`]);
  assert.equal(await Deno.readTextFile(`${folder}/out/sub/file`), "hello\n");
  assert.equal(await run("get", ["/file", "-"]), "hello\n");
  await run("get", ["/file", folder]);
  assert.equal(await Deno.readTextFile(`${folder}/file`), "hello\n");
  assert.equal(await run("ls", ["/"]), "file\nin/\npiped\n");
  assert.match(await run("ls", ["-l", "/file"]), /^-rw-r--r--\s+1 .* 6 .*\/file$/m);
  const listed = JSON.parse(await run("ls", ["--json", "/"]));
  assert.deepEqual(listed.map(({ path, type }: { path: string; type: string }) => [path, type]), [
    ["/file", "file"],
    ["/in", "directory"],
    ["/piped", "file"],
  ]);
  assert.equal(JSON.parse(await run("stat", ["--json", "/file"]))[0].size, 6);
  assert.match(await fail(1, "cat", ["/none", "/file"]), /\/none: No such file/);
});

Deno.test("lux9 copies, moves, makes and removes in the tree", async () => {
  await using one = await node();
  const { tree, run, fail } = one;
  await run("mkdir", ["-p", "/a/b/c"]);
  assert.match(await fail(1, "mkdir", ["/a"]), /\/a: File exists/);
  await tree.writeFile("/a/b/c/file", "x");
  await run("cp", ["-r", "/a", "/copy"]);
  assert.equal(await text(tree, "/copy/b/c/file"), "x");
  await run("mv", ["/copy/b/c/file", "/copy"]);
  assert.equal(await text(tree, "/copy/file"), "x");
  assert.match(await fail(1, "rm", ["/copy"]), /by -r/);
  await run("rm", ["-r", "/copy", "/a"]);
  await run("rm", ["-f", "/none"]);
  assert.equal(await run("ls", ["/"]), "");
});

Deno.test("lux9 ls shows no control characters", async () => {
  await using one = await node();
  await one.tree.writeFile("/evil\x1b[2J\nname", "");
  assert.equal(await one.run("ls", ["/"]), "evil\\u001b[2J\\nname\n");
});

Deno.test("lux9 tail prints the last lines, and follows a file that grows", async () => {
  await using one = await node();
  const { tree, run } = one;
  await tree.writeFile("/log", Array.from({ length: 50_000 }, (_, i) => `line ${i}\n`).join(""));
  assert.equal(await run("tail", ["-n", "2", "--no-follow", "/log"]), "line 49998\nline 49999\n");
  const all = await run("tail", ["-n", "100000", "--no-follow", "/log"]);
  assert.equal(all.split("\n").length, 50_001);
});

Deno.test("lux9 bind, import and unmount write lines to /ctl", async () => {
  await using one = await node();
  const { tree, run } = one;
  await tree.writeFile("/ctl", "");
  const line = async (command: string, args: readonly string[]) => {
    await tree.writeFile("/ctl", "");
    await run(command, args);
    return await text(tree, "/ctl");
  };
  assert.equal(await line("bind", ["-b", "-c", "/it's", "/new place"]), "bind -b -c '/it''s' '/new place'\n");
  assert.equal(await line("bind", ["-a", "/x", "/y"]), "bind -a /x /y\n");
  assert.equal(await line("import", ["host:564", "/n"]), "import tcp!host!564 /n\n");
  assert.equal(await line("unmount", ["/n"]), "unmount /n\n");
});

Deno.test("lux9 why shows the reasons for a path and what is below it", async () => {
  await using one = await node();
  const { tree, run, fail } = one;
  await tree.mkdir("/log");
  const error = (path: string, reason: string) =>
    JSON.stringify({
      time: "2026-01-01T00:00:00Z",
      user: "me",
      request: "Twalk",
      path,
      code: "ENOENT",
      reason,
    });
  const lines = [error("/a/b", "first"), error("/ab", "other"), "no json", error("/a", "second\x1b")];
  await tree.writeFile("/log/errors", lines.join("\n"));
  const out = await run("why", ["/a"]);
  assert.match(out, /\/a\/b\n {4}first\n.*\/a\n {4}second\\u001b\n$/);
  assert.doesNotMatch(out, /other/);
  assert.equal(JSON.parse(await run("why", ["--json", "/ab"])).length, 1);
  assert.match(await fail(1, "why", ["/none"]), /No error on \/none is known/);
});

Deno.test("lux9 trace passes messages on, prints them and sums them up", async () => {
  await using there = await served(mem());
  const tracing = new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "-A", "--no-prompt", "--no-check", MAIN, "trace", formatAddress(there.address)],
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const errors = tracing.stderr.pipeThrough(new TextDecoderStream()).getReader();
  const { value = "" } = await errors.read();
  const address = /Listening on (\S+) /.exec(value)![1];
  {
    await using tree = await Tree.dial(address);
    await tree.writeFile("/file\n", "hello");
    await assert.rejects(tree.stat("/none"));
  }
  const out = await new Response(tracing.stdout).text();
  await errors.cancel();
  assert.equal((await tracing.status).code, 0);
  assert.match(out, /-> Tversion tag=~0 msize=\d+ version="9P2000.L"/);
  assert.match(out, /<- Rlerror tag=\d+ ecode=2 \(ENOENT\) {2}[\d.]+ (µs|ms)/);
  assert.match(out, /-> Tlcreate .*"file\\n"/);
  assert.match(out, /-> Twrite tag=\d+ fid=\d+ offset=0 data=5 bytes/);
  assert.match(out, /^request +count +errors +p50 +p99 +max$/m);
  assert.match(out, /^Twrite +1 +0 /m);
});

Deno.test("lux9 completions make bash complete commands, options and choices", async () => {
  const { out } = await lux9(["completions", "bash"]);
  const complete = async (...words: string[]) => {
    const list = words.map((word) => `'${word}'`).join(" ");
    const script = `${out}\nCOMP_WORDS=(${list}); COMP_CWORD=${
      words.length - 1
    }; _lux9; echo "\${COMPREPLY[@]}"; complete -p lux9`;
    const { stdout } = await new Deno.Command("bash", { args: ["-c", script] }).output();
    const lines = new TextDecoder().decode(stdout).split("\n");
    assert.equal(lines[1], "complete -o default -F _lux9 lux9");
    return lines[0];
  };
  assert.equal(await complete("lux9", "sta"), "status stat");
  assert.equal(await complete("lux9", "ls", "--j"), "--json");
  assert.equal(await complete("lux9", "completions", "z"), "zsh");
  assert.equal(await complete("lux9", "ls", "--addr", ""), "");
  assert.equal(await complete("lux9", "translator", "in"), "install inspect");
  assert.equal(await complete("lux9", "translator", "ls", "--g"), "--gallery");
  assert.equal(await complete("lux9", "translator", "new", "x", "--lang", ""), "rust go c");
  assert.equal(await complete("lux9", "translator", "new", "x", "--dir", ""), "");
  for (const shell of ["zsh", "fish"]) assert.match((await lux9(["completions", shell])).out, /lux9/);
});

Deno.test("lux9 doctor and version say how things are", async () => {
  const home = await Deno.makeTempDir();
  try {
    const { out } = await lux9(["doctor", "--json", "--home", home]);
    const checks = JSON.parse(out) as { name: string; state: string; advice?: string }[];
    assert.equal(checks.find(({ name }) => name === "deno")?.state, "ok");
    const node = checks.find(({ name }) => name === "node");
    assert.deepEqual([node?.state, node?.advice], ["warn", "Start one by: lux9 up"]);
    for (const name of ["wasmtime", ...["Rust", "Go", "C"].map((title) => `translators in ${title}`)]) {
      const check = checks.find((check) => check.name === name);
      assert.ok(
        check?.state === "ok" || (check?.state === "warn" && check.advice),
        `${name}: ${check?.state}`,
      );
    }
    assert.equal(JSON.parse((await lux9(["version", "--json"])).out).deno, Deno.version.deno);
  } finally {
    await Deno.remove(home, { recursive: true });
  }
});
