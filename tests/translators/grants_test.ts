/** What a module may see beyond its input: nothing, unless the owner of this node has granted it to this content. */
import { deepStrictEqual, match, rejects, strictEqual } from "node:assert/strict";
import { Tree } from "../../9p/mod.ts";
import { computingNode, text, whyNot } from "./computing_node.ts";
import { put, READS_SECRET, wasmOfText } from "./modules.ts";

const REQUEST = "capabilities: [{read: /data/d}]";
const ALICE = 4001;

function test(name: string, body: () => Promise<void>): void {
  const reason = whyNot();
  if (reason) console.log(`SKIP ${name}: ${reason}`);
  Deno.test({ name, ignore: reason !== undefined, fn: body });
}

const asked = () =>
  computingNode([], {
    prepare: (home) => put(home, "peek", wasmOfText(READS_SECRET), REQUEST),
    listen: ["tcp!127.0.0.1!PORT,users=trust"],
    yaml: `users: {alice: {uid: ${ALICE}}}\n`,
  });

test("a module has no files until the owner allows it, and none again when it changes", async () => {
  await using node = await asked();
  const { tree } = node;
  await tree.mkdir("/data/d");
  await tree.writeFile("/data/d/secret", "of the owner");
  await tree.writeFile("/data/t", "x");
  await rejects(text(tree, "/x/peek/data/t"), { code: "EIO" });
  match((await node.node.errors()).at(-1)!.reason, /code 7/);

  const status = JSON.parse(await text(tree, "/translators/peek/status.json"));
  deepStrictEqual([status.requests, status.grants], [[{ read: "/data/d" }], []]);
  await tree.writeFile("/translators/ctl", `allow peek ${status.hash}\n`);
  strictEqual(await text(tree, "/x/peek/data/t"), "of the owner");
  // What it reads beyond its input is seen anew each time.
  await tree.writeFile("/data/d/secret", "changed");
  strictEqual(await text(tree, "/x/peek/data/t"), "changed");

  await put(node.node.home, "peek", wasmOfText(READS_SECRET.replace("1024", "512")), REQUEST);
  await rejects(text(tree, "/x/peek/data/t"), { code: "EIO" });
  await rejects(tree.writeFile("/translators/ctl", `allow peek ${status.hash}\n`), { code: "ESTALE" });
  await put(node.node.home, "peek", wasmOfText(READS_SECRET), REQUEST);
  strictEqual(await text(tree, "/x/peek/data/t"), "changed");
  await tree.writeFile("/translators/ctl", "revoke peek\n");
  await rejects(text(tree, "/x/peek/data/t"), { code: "EIO" });
});

test("a granted folder is read as whoever asks, not as the owner", async () => {
  await using node = await asked();
  const { tree } = node;
  await tree.mkdir("/data/d");
  await tree.writeFile("/data/d/secret", "of the owner");
  await tree.setattr("/data/d/secret", { mode: 0o600 });
  await tree.writeFile("/data/t", "x");
  await tree.writeFile("/translators/ctl", "allow peek\n");
  strictEqual(await text(tree, "/x/peek/data/t"), "of the owner");
  await using alice = await Tree.dial(node.node.address(), { nUname: ALICE });
  await rejects(text(alice, "/x/peek/data/t"), { code: "EIO" });
  await rejects(alice.writeFile("/translators/ctl", "allow peek\n"), { code: "EACCES" });
});

test("a granted folder has no computed files, for which a run would wait while it holds a Worker", async () => {
  await using node = await computingNode(["sort"], {
    prepare: (home) => put(home, "peek", wasmOfText(READS_SECRET), `${REQUEST}\nlimits: {time: 3s}`),
  });
  const { tree } = node;
  await tree.mkdir("/data/d");
  await tree.writeFile("/data/t", "b\na\n");
  await tree.writeFile("/data/d/secret.fn", "from: ../t\npipe: sort\n");
  await tree.writeFile("/translators/ctl", "allow peek\n");
  await rejects(text(tree, "/x/peek/data/t"), { code: "EIO" });
  match((await node.node.errors()).at(-1)!.reason, /code 7/);
  // Nor when its result is there, lest it be there at one time and not at another.
  strictEqual(await text(tree, "/data/d/secret"), "a\nb\n");
  await rejects(text(tree, "/x/peek/data/t"), { code: "EIO" });
  // So that the granted folder may have a recipe of the module, which then finds no cycle.
  await tree.writeFile("/data/d/secret.fn", "from: ../t\npipe: peek\n");
  await rejects(text(tree, "/data/d/secret"), { code: "EIO" });
  match((await node.node.errors()).at(-1)!.reason, /code 7/);
});

test("a grant does not reach what computes, waits or commands", async () => {
  const opens = (path: string) =>
    wasmOfText(
      READS_SECRET.replace('"secret"', `"${path}"`).replace("i32.const 6)", `i32.const ${path.length})`),
    );
  await using node = await computingNode(["sort"], {
    prepare: async (home) => {
      await put(home, "root", opens("log/errors"), "capabilities: [{read: /}]");
      await put(home, "stored", opens("data/t"), "capabilities: [{read: /}]");
      await put(home, "log", opens("errors"), "capabilities: [{read: /log}]");
    },
  });
  const { tree } = node;
  await tree.writeFile("/data/t", "x");
  for (const name of ["root", "stored", "log"]) await tree.writeFile("/translators/ctl", `allow ${name}\n`);
  strictEqual(await text(tree, "/x/stored/data/t"), "x");
  await rejects(text(tree, "/x/root/data/t"), { code: "EIO" });
  match((await node.node.errors()).at(-1)!.reason, /code 7/);
  await rejects(text(tree, "/x/log/data/t"), { code: "EPERM" });
});

test("inputs are opened as whoever asks, before the cache is asked", async () => {
  await using node = await computingNode(["sha256"], {
    listen: ["tcp!127.0.0.1!PORT,users=trust"],
    yaml: `users: {alice: {uid: ${ALICE}}}\n`,
  });
  const { tree } = node;
  await tree.writeFile("/data/t", "x");
  await tree.setattr("/data/t", { mode: 0o600 });
  await tree.writeFile("/data/s.fn", "from: t\npipe: sha256\n");
  const owners = await text(tree, "/data/s");
  await using alice = await Tree.dial(node.node.address(), { nUname: ALICE });
  await rejects(text(alice, "/x/sha256/data/t"), { code: "EACCES" });
  await rejects(text(alice, "/data/s"), { code: "EACCES" });
  await tree.setattr("/data/t", { mode: 0o644 });
  strictEqual(await text(alice, "/data/s"), owners);
  await tree.setattr("/data/s.fn", { mode: 0o600 });
  await rejects(text(alice, "/data/s"), { code: "EACCES" });
});
