/** `lux9 translator …` and `lux9 explain` against a real node, as people call them. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { join } from "node:path";
import { GALLERY, galleryFolder } from "../../translators/gallery/mod.ts";
import { TestNode } from "./node.ts";
import { skipUnless, WASMTIME } from "./skip.ts";

const LAUNCHER = fileURLToPath(new URL("../../lux9", import.meta.url));

interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** A command to the node with that home, run to its end with nothing on the standard input. */
async function lux9(home: string, ...args: readonly string[]): Promise<Ran> {
  const command = new Deno.Command(LAUNCHER, { args: [...args, "--home", home], stdin: "null" });
  const { code, stdout, stderr } = await command.output();
  return { code, out: new TextDecoder().decode(stdout), err: new TextDecoder().decode(stderr) };
}

/** Runs what must succeed, and gives what it printed. */
async function ok(home: string, ...args: readonly string[]): Promise<string> {
  const { code, out, err } = await lux9(home, ...args);
  assert.equal(code, 0, `${args.join(" ")}: ${err}`);
  return out;
}

/** Runs what must fail with that code, and gives its message. */
async function fails(code: number, home: string, ...args: readonly string[]): Promise<string> {
  const ran = await lux9(home, ...args);
  assert.equal(ran.code, code, `${args.join(" ")}: ${ran.out}${ran.err}`);
  return ran.err;
}

/** A folder with the module of `wc` and that manifest. */
async function folderWith(home: string, manifest: string): Promise<string> {
  const folder = await Deno.makeTempDir({ dir: home, prefix: "module-" });
  await Deno.copyFile(join(galleryFolder("wc"), "module.wasm"), join(folder, "module.wasm"));
  await Deno.writeTextFile(join(folder, "manifest.yaml"), manifest);
  return folder;
}

Deno.test("translators are installed, listed, inspected, replaced and removed", async () => {
  await using node = await TestNode.start();
  const { home } = node;
  assert.match(await ok(home, "translator", "ls"), /^None is installed/);
  assert.match(await ok(home, "translator", "install", "head", "wc"), /^head 1\.0\.0: .*\nwc 1\.0\.0: /);
  const listed = JSON.parse(await ok(home, "translator", "ls", "--json"));
  assert.deepEqual(listed.map(({ name, state }: Record<string, string>) => [name, state]), [
    ["head", "ready"],
    ["wc", "ready"],
  ]);
  // Nothing but the module and its manifest is left in the folder.
  const names = [...Deno.readDirSync(join(home, "translators", "wc"))].map(({ name }) => name).sort();
  assert.deepEqual(names, ["manifest.yaml", "module.wasm"]);

  const inspected = JSON.parse(await ok(home, "translator", "inspect", "--json", "wc"));
  assert.equal(inspected.hash, listed[1].hash);
  assert.equal(inspected.stats.runs, 0);
  assert.ok(inspected.imports.includes("wasi_snapshot_preview1.fd_read"));
  assert.match(await ok(home, "translator", "inspect", "jq"), /^state +not installed, comes with lux9$/m);
  assert.match(await ok(home, "translator", "inspect", galleryFolder("jq")), /^parameters +filter: string/m);

  // Another module under the same name, without a manifest: the old manifest does not stay.
  const alone = join(home, "alone.wasm");
  await Deno.copyFile(join(galleryFolder("sort"), "module.wasm"), alone);
  await ok(home, "translator", "install", alone, "--name", "wc");
  assert.match(await ok(home, "translator", "inspect", "wc"), /^version +0\.0\.0$/m);
  // Under another name the manifest goes along, with that name.
  await ok(home, "translator", "install", galleryFolder("wc"), "--name", "count");
  assert.match(await ok(home, "translator", "inspect", "count"), /^version +1\.0\.0$/m);

  await ok(home, "translator", "rm", "wc", "count");
  assert.match(await fails(1, home, "translator", "rm", "wc"), /No translator wc is installed/);
  assert.equal(await ok(home, "ls", "/translators"), "ctl\nhead/\n");
});

Deno.test("the whole gallery is installed at once", async () => {
  await using node = await TestNode.start();
  await ok(node.home, "translator", "install", "--all");
  const listed = JSON.parse(await ok(node.home, "translator", "ls", "--json"));
  assert.deepEqual(listed.map(({ name }: Record<string, string>) => name), [...GALLERY]);
});

Deno.test("what cannot be installed is refused before anything is sent", async () => {
  await using node = await TestNode.start();
  const { home } = node;
  const script = join(home, "script.wasm");
  await Deno.writeTextFile(script, "#!/bin/sh\n");
  const broken = await folderWith(home, "name: count\nlimits: {memory: much}\n");
  for (
    const [args, code, complaint] of [
      [["wc", script], 1, /script\.wasm is no WebAssembly/],
      [["wc", broken], 1, /manifest\.yaml:2:18: limits\.memory: /],
      [["wc", join(home, "none")], 1, /There is no module/],
      [["wc", "--name", "No Name"], 2, /no name of a translator/],
      [["wc", "head", "--name", "one"], 2, /for one module/],
    ] as const
  ) {
    assert.match(await fails(code, home, "translator", "install", ...args), complaint);
  }
  assert.equal(await ok(home, "ls", "/translators"), "ctl\n");
});

Deno.test("allow shows what is asked for, needs a yes, and is for this content", async () => {
  await using node = await TestNode.start();
  const { home } = node;
  const grants = async (): Promise<unknown> =>
    JSON.parse(await ok(home, "translator", "inspect", "--json", "count")).grants;
  const folder = await folderWith(home, "name: count\ncapabilities: [{read: /data}]\n");
  assert.match(await ok(home, "translator", "install", folder), /asks for more than its input/);
  assert.deepEqual(await grants(), []);
  const { code, out, err } = await lux9(home, "translator", "allow", "count");
  assert.equal(code, 2);
  assert.match(out, /to read \/data in the tree/);
  assert.match(err, /--yes/);
  assert.deepEqual(await grants(), []);
  assert.match(await ok(home, "translator", "allow", "count", "--yes"), /Granted\n$/);
  assert.deepEqual(await grants(), [{ read: "/data" }]);
  assert.match(await ok(home, "translator", "allow", "count", "--yes"), /granted already/);
  await ok(home, "translator", "revoke", "count");
  assert.deepEqual(await grants(), []);
  await ok(home, "translator", "allow", "count", "--yes");
  // Other content, even with the same manifest, has nothing.
  await Deno.copyFile(join(galleryFolder("head"), "module.wasm"), join(folder, "module.wasm"));
  await ok(home, "translator", "install", folder);
  assert.deepEqual(await grants(), []);
  await ok(home, "translator", "install", "wc");
  assert.match(await ok(home, "translator", "allow", "wc"), /nothing to allow/);
});

Deno.test("explain shows inputs, modules, the cache and the failure", async (t) => {
  if (!skipUnless(t.name, WASMTIME)) return;
  await using node = await TestNode.start();
  const { home } = node;
  await ok(home, "translator", "install", "csv2json", "jq");
  await Deno.writeTextFile(node.data("a.csv"), "n\n1\n2\n");
  await Deno.writeTextFile(node.data("a.json.fn"), "from: a.csv\npipe: csv2json,jq:length\n");
  const explained = async () => JSON.parse(await ok(home, "explain", "--json", "/data/a.json"));
  const first = await explained();
  assert.deepEqual(first.inputs.map(({ path, size }: Record<string, unknown>) => [path, size]), [
    ["/data/a.csv", 6],
  ]);
  assert.deepEqual(first.stages.map(({ name, from }: Record<string, string>) => [name, from]), [
    ["csv2json", "run"],
    ["jq", "run"],
  ]);
  assert.equal(first.size, 2);
  const second = await explained();
  assert.deepEqual(second.stages.map(({ from }: Record<string, string>) => from), ["cache", "cache"]);
  const text = await ok(home, "explain", "/data/a.json");
  assert.match(text, /^\/data\/a\.json: computed, 2 B, sha256 [0-9a-f]{12}$/m);
  assert.match(text, /^ {2}csv2json 1\.0\.0 +from the cache +[\d.]+ .?s +fuel not counted +memory /m);
  assert.match(text, /^ {6}filter=length /m);

  // A compute path leads to what a recipe makes as to any other file.
  assert.equal(await ok(home, "cat", "/x/jq:.+1/data/a.json"), "3\n");

  assert.match(await ok(home, "explain", "/data/a.csv"), /: a stored file/);
  assert.deepEqual(JSON.parse(await ok(home, "explain", "--json", "/data/a.csv")), {
    path: "/data/a.csv",
    computed: false,
  });
  const failed = await lux9(home, "explain", "/x/jq/data/a.csv.none");
  assert.equal(failed.code, 1);
  await Deno.writeTextFile(node.data("bad.json"), "{");
  const bad = await lux9(home, "explain", "/x/jq/data/bad.json");
  assert.equal(bad.code, 1);
  assert.match(bad.out, /computed, and it fails/);
  assert.match(bad.out, /The translator jq: .*not JSON/);
  // A stored file wins over a recipe, and both commands say so; after a failure, the failure is what why tells.
  await Deno.writeTextFile(node.data("a.json"), "stored");
  assert.equal(
    await ok(home, "why", "/data/a.json"),
    "/data/a.json: a stored file, which wins over what /data/a.json.fn makes: remove or rename it, and that appears\n",
  );
  assert.equal(await ok(home, "why", "/data/a.json"), await ok(home, "explain", "/data/a.json"));
  await Deno.remove(node.data("a.json"));
  assert.match(await fails(1, home, "why", "/data/a.json"), /No error on .* is known/);
  // What keeps it from being evaluated at all is said in the node's words.
  await Deno.writeTextFile(node.data("lost.json.fn"), "from: lost.csv\npipe: csv2json\n");
  assert.match(await fails(1, home, "explain", "/data/lost.json"), /lost\.csv: ENOENT/);
});

Deno.test("the demo has computed files that work at once, and is put there once", async (t) => {
  if (!skipUnless(t.name, WASMTIME)) return;
  await using node = await TestNode.start({ demo: true });
  const { home } = node;
  const readings = JSON.parse(await ok(home, "cat", "/data/sensors/today.json"));
  assert.deepEqual(readings[0], { time: "00:00", sensor: "attic", celsius: 15 });
  assert.match(await ok(home, "cat", "/data/notes/plan.html"), /<h1 id="plan">Plan<\/h1>/);
  await ok(home, "translator", "rm", "wc");
  assert.equal((await node.stop()).code, 0);
  await Deno.writeTextFile(join(home, "translators", "jq", "manifest.yaml"), "name: jq\n");
  await using again = await TestNode.start({ home, demo: true });
  assert.match(again.stdout, /^0 example files are new in \/data, 1 translators in/);
  assert.equal(await Deno.readTextFile(join(home, "translators", "jq", "manifest.yaml")), "name: jq\n");
});
