/** The table of cases in the design, row by row, through a node that somebody started. */
import { deepStrictEqual, match, ok, rejects, strictEqual } from "node:assert/strict";
import { O, Tree } from "../../9p/mod.ts";
import { TestNode } from "../scenarios/node.ts";
import { computingNode, names, text, whyNot } from "./computing_node.ts";

const CSV = "a,b\n1,2\n3,4\n";
const JSON_TEXT = '[\n{"a":"1","b":"2"},\n{"a":"3","b":"4"}\n]\n';

type Node = Awaited<ReturnType<typeof computingNode>>;

function test(name: string, modules: readonly string[], body: (node: Node) => Promise<void>): void {
  const reason = whyNot();
  if (reason) console.log(`SKIP ${name}: ${reason}`);
  Deno.test({
    name,
    ignore: reason !== undefined,
    async fn() {
      await using node = await computingNode(modules);
      await body(node);
    },
  });
}

test(
  "a recipe makes its output appear beside it, computed by path gives the same",
  ["csv2json"],
  async ({ tree }) => {
    await tree.writeFile("/data/t.csv", CSV);
    await tree.writeFile("/data/t.json.fn", "from: t.csv\npipe: csv2json\n");
    deepStrictEqual(await names(tree, "/data"), ["t.json", "t.csv", "t.json.fn"]);
    strictEqual(await text(tree, "/data/t.json"), JSON_TEXT);
    strictEqual(await text(tree, "/x/csv2json/data/t.csv"), JSON_TEXT);
  },
);

test("a regular file that has the output's name wins", ["csv2json"], async ({ tree }) => {
  await tree.writeFile("/data/t.csv", CSV);
  await tree.writeFile("/data/t.json", "stored");
  await tree.writeFile("/data/t.json.fn", "from: t.csv\npipe: csv2json\n");
  strictEqual(await text(tree, "/data/t.json"), "stored");
  strictEqual((await names(tree, "/data")).filter((name) => name === "t.json").length, 1);
  // What takes it away may be about to make another one, as git is: also where the name must be free.
  await tree.remove("/data/t.json");
  await rejects(tree.stat("/data/t.json"), { code: "ENOENT" });
  await tree.writeFile("/data/t.json", "stored anew");
  strictEqual(await text(tree, "/data/t.json"), "stored anew");
  await tree.rename("/data/t.json", "/data/elsewhere");
  await rejects(tree.stat("/data/t.json"), { code: "ENOENT" });
  await new Promise((done) => setTimeout(done, 2100));
  strictEqual(await text(tree, "/data/t.json"), JSON_TEXT);
});

test("writing to an output without an inverse is EROFS", ["csv2json"], async ({ tree }) => {
  await tree.writeFile("/data/t.csv", CSV);
  await tree.writeFile("/data/t.json.fn", "from: t.csv\npipe: csv2json\n");
  for (const flags of [O.WRONLY, O.RDWR, O.RDONLY | O.TRUNC]) {
    await rejects(tree.open("/data/t.json", flags), { code: "EROFS" });
    await rejects(tree.open("/x/csv2json/data/t.csv", flags), { code: "EROFS" });
  }
  await rejects(tree.setattr("/data/t.json", { size: 0 }), { code: "EROFS" });
  strictEqual(await text(tree, "/data/t.json"), JSON_TEXT);
});

test(
  "an output cannot be removed or renamed on its own; the recipe decides",
  ["csv2json"],
  async ({ tree }) => {
    await tree.writeFile("/data/t.csv", CSV);
    await tree.writeFile("/data/t.json.fn", "from: t.csv\npipe: csv2json\n");
    await tree.remove("/data/t.json");
    await tree.writeFile("/data/t.json.fn", "from: [t.csv]\npipe: csv2json\n");
    strictEqual(await text(tree, "/data/t.json"), JSON_TEXT);
    await rejects(tree.rename("/data/t.json", "/data/u.json"), { code: "EXDEV" });
    await tree.rename("/data/t.json.fn", "/data/u.json.fn");
    strictEqual(await text(tree, "/data/u.json"), JSON_TEXT);
    await rejects(tree.stat("/data/t.json"), { code: "ENOENT" });
    await tree.remove("/data/u.json.fn");
    await rejects(tree.stat("/data/u.json"), { code: "ENOENT" });
  },
);

test(
  "an output that was removed is back in a moment, unless a file takes its name",
  ["csv2json"],
  async ({ tree }) => {
    await tree.writeFile("/data/t.csv", CSV);
    await tree.writeFile("/data/t.json.fn", "from: t.csv\npipe: csv2json\n");
    await tree.remove("/data/t.json");
    deepStrictEqual((await names(tree, "/data")).sort(), ["t.csv", "t.json.fn"]);
    await rejects(tree.stat("/data/t.json"), { code: "ENOENT" });
    await new Promise((done) => setTimeout(done, 2100));
    strictEqual(await text(tree, "/data/t.json"), JSON_TEXT);
    // What tar and git do where they find a file in the way.
    await tree.remove("/data/t.json");
    await tree.writeFile("/data/t.json", "stored");
    strictEqual(await text(tree, "/data/t.json"), "stored");
  },
);

test(
  "an output comes before its recipe also by the number of its file, by which cp sorts",
  ["sort"],
  async ({ tree }) => {
    for (let i = 0; i < 20; i++) {
      await tree.writeFile(`/data/${i}.fn`, "text: x\npipe: sort\n");
      const [recipe, output] = [await tree.stat(`/data/${i}.fn`), await tree.stat(`/data/${i}`)];
      ok(output.qid.path < recipe.qid.path, `${output.qid.path} is not below ${recipe.qid.path}`);
    }
  },
);

test(
  "a recipe that is copied in leaves its output's name to the output's copy",
  ["sort"],
  async ({ tree }) => {
    await tree.writeFile("/data/t.fn", "text: computed\npipe: sort\n");
    strictEqual(await text(tree, "/data/t"), "computed\n");
    // Linux sets a time with the length where it cuts a file by 9P2000 or 9P2000.u, as a shell does: that is no copy.
    await tree.setattr("/data/t.fn", { size: 5, mtime: { sec: Math.floor(Date.now() / 1000), nsec: 0 } });
    ok(await tree.stat("/data/t"));
    await tree.writeFile("/data/u.fn", "text: computed\npipe: sort\n");
    await tree.setattr("/data/u.fn", { mtime: { sec: 1_000_000, nsec: 0 } });
    await rejects(tree.stat("/data/u"), { code: "ENOENT" });
    await new Promise((done) => setTimeout(done, 2100));
    strictEqual(await text(tree, "/data/u"), "computed\n");
    // One that comes alone, as the pause before it tells.
    await new Promise((done) => setTimeout(done, 2100));
    await tree.writeFile("/data/v.fn", "text: computed\npipe: sort\n");
    await tree.setattr("/data/v.fn", { mtime: { sec: 1_000_000, nsec: 0 } });
    await rejects(tree.stat("/data/v"), { code: "ENOENT" });
    await new Promise((done) => setTimeout(done, 600));
    strictEqual(await text(tree, "/data/v"), "computed\n");
  },
);

test(
  "a folder that was copied in shows its outputs as soon as it has its own time",
  ["sort"],
  async ({ tree }) => {
    const mtime = { sec: 1_000_000, nsec: 0 };
    await tree.mkdir("/data/d");
    await tree.mkdir("/data/d/below");
    for (const path of ["/data/d/below/u", "/data/d/t"]) {
      await tree.writeFile(`${path}.fn`, "text: computed\npipe: sort\n");
      await tree.setattr(`${path}.fn`, { mtime });
    }
    await tree.setattr("/data/d/below", { mtime });
    strictEqual(await text(tree, "/data/d/below/u"), "computed\n");
    await rejects(tree.stat("/data/d/t"), { code: "ENOENT" });
    await tree.setattr("/data/d", { mtime });
    strictEqual(await text(tree, "/data/d/t"), "computed\n");
  },
);

test("a file that is renamed onto an output's name is stored there", ["csv2json"], async ({ tree }) => {
  await tree.writeFile("/data/t.csv", CSV);
  await tree.writeFile("/data/t.json.fn", "from: t.csv\npipe: csv2json\n");
  await tree.writeFile("/data/new", "stored");
  await tree.rename("/data/new", "/data/t.json");
  strictEqual(await text(tree, "/data/t.json"), "stored");
});

test("an open pins its inputs; the next open sees the change", ["csv2json"], async ({ tree }) => {
  await tree.writeFile("/data/t.csv", CSV);
  await using file = await tree.open("/x/csv2json/data/t.csv", O.RDONLY);
  await tree.writeFile("/data/t.csv", "a,b\n5,6\n");
  const into = new Uint8Array(1000);
  strictEqual(new TextDecoder().decode(into.subarray(0, await file.read(0, into))), JSON_TEXT);
  strictEqual(await text(tree, "/x/csv2json/data/t.csv"), '[\n{"a":"5","b":"6"}\n]\n');
});

test(
  "the length is exact once it was evaluated, and the version follows the contents",
  ["csv2json"],
  async ({ tree }) => {
    await tree.writeFile("/data/t.csv", CSV);
    await tree.writeFile("/data/t.json.fn", "from: t.csv\npipe: csv2json\n");
    await text(tree, "/data/t.json");
    const first = await tree.stat("/data/t.json");
    strictEqual(first.size, JSON_TEXT.length);
    ok(first.qid.version !== 0);
    await tree.writeFile("/data/t.csv", "a,b\n5,6\n");
    await text(tree, "/data/t.json");
    const second = await tree.stat("/data/t.json");
    ok(second.qid.version !== first.qid.version);
    strictEqual(second.qid.path, first.qid.path);
    await tree.writeFile("/data/t.csv", CSV);
    await text(tree, "/data/t.json");
    strictEqual((await tree.stat("/data/t.json")).qid.version, first.qid.version);
  },
);

test("two recipes cannot make one name, and a recipe makes no recipe", ["csv2json"], async ({ tree }) => {
  // Names are unique in a folder, so one output has one recipe; a recipe of recipes is an ordinary file.
  await tree.writeFile("/data/t.csv", CSV);
  await tree.writeFile("/data/t.fn.fn", "from: t.csv\npipe: csv2json\n");
  deepStrictEqual((await names(tree, "/data")).sort(), ["t.csv", "t.fn.fn"]);
  await rejects(tree.stat("/data/t.fn"), { code: "ENOENT" });
});

test(
  "a recipe takes lists, globs and text, and other recipes' outputs",
  ["csv2json", "wc", "sort"],
  async ({ tree }) => {
    await tree.mkdir("/data/d");
    await tree.writeFile("/data/d/a.csv", "a\n1\n");
    await tree.writeFile("/data/d/b.csv", "b\n2\n");
    await tree.writeFile("/data/list.fn", "from: [d/b.csv, /data/d/a.csv]\npipe: sort\n");
    await tree.writeFile("/data/glob.fn", "from: d/*.csv\npipe: sort\n");
    await tree.writeFile("/data/text.fn", "text: |\n  z\n  y\npipe: sort\n");
    await tree.writeFile(
      "/data/chain.fn",
      "from: [list, text]\npipe: [{name: sort, with: {reverse: true}}]\n",
    );
    strictEqual(await text(tree, "/data/list"), "1\n2\na\nb\n");
    strictEqual(await text(tree, "/data/glob"), "1\n2\na\nb\n");
    strictEqual(await text(tree, "/data/text"), "y\nz\n");
    strictEqual(await text(tree, "/data/chain"), "z\ny\nb\na\n2\n1\n");
    await tree.writeFile("/data/d/a.csv", "a\n7\n");
    strictEqual(await text(tree, "/data/chain"), "z\ny\nb\na\n7\n2\n");
    await tree.writeFile("/data/d/c.csv", "c\n");
    strictEqual(await text(tree, "/data/glob"), "2\n7\na\nb\nc\n");
  },
);

test("cycles are found and named, and depth is bounded", ["sort"], async ({ tree, node }) => {
  await tree.writeFile("/data/a.fn", "from: b\npipe: sort\n");
  await tree.writeFile("/data/b.fn", "from: a\npipe: sort\n");
  await rejects(text(tree, "/data/a"), { code: "ELOOP" });
  const errors = await node.errors();
  match(errors[errors.length - 1].reason, /\/data\/a is made from \/data\/b is made from \/data\/a/);
  await tree.writeFile("/data/n0", "x\n");
  for (let i = 1; i <= 17; i++) await tree.writeFile(`/data/n${i}.fn`, `from: n${i - 1}\npipe: sort\n`);
  strictEqual(await text(tree, "/data/n16"), "x\n");
  await rejects(text(tree, "/data/n17"), { code: "ELOOP" });
});

test("recipes reach neither compute paths nor logs nor control files", ["sort"], async ({ tree }) => {
  await tree.writeFile("/data/t", "x\n");
  for (
    const from of [
      "/x/sort/data/t",
      "/log/events",
      "/log/errors",
      "/ctl",
      "/status",
      "../status",
      "../x/sort/data/t",
    ]
  ) {
    await tree.writeFile("/data/r.fn", `from: ${from}\npipe: sort\n`);
    await rejects(
      text(tree, "/data/r"),
      (error: { code: string }) => ["EPERM", "EINVAL"].includes(error.code),
      from,
    );
  }
  await rejects(text(tree, "/x/sort/x/sort/data/t"), { code: "ENOENT" });
  await rejects(text(tree, "/x/sort/log/events"), { code: "ENOENT" });
  await rejects(text(tree, "/x/sort/status"), { code: "EINVAL" });
});

test("compute paths list nothing, so that find ends", ["sort"], async ({ tree }) => {
  await tree.mkdir("/data/d");
  deepStrictEqual(await names(tree, "/x"), []);
  deepStrictEqual(await names(tree, "/x/sort"), []);
  deepStrictEqual(await names(tree, "/x/sort/data/d"), []);
});

test(
  "what is wrong with a recipe, a path or a module is said where it happened",
  ["sort", "jq"],
  async ({ tree, node }) => {
    await tree.writeFile("/data/t", "x\n");
    await tree.writeFile("/data/r.fn", "from: t\npipe: sort\nto: y\n");
    await rejects(text(tree, "/data/r"), { code: "EINVAL" });
    await rejects(text(tree, "/x/nothing/data/t"), { code: "ENOENT" });
    await rejects(text(tree, "/x/sort:speed=1/data/t"), { code: "EINVAL" });
    await rejects(text(tree, "/x/jq:.[/data/t"), { code: "EIO" });
    const reasons = (await node.errors()).map(({ path, reason }) => `${path}: ${reason}`).join("\n");
    match(reasons, /\/data\/r: \/data\/r\.fn:3:1: the file: .*to/);
    match(reasons, /its parameters are/);
    match(reasons, /The translator jq: .* code \d/);
    match(await text(tree, "/translators/jq/log"), /The translator jq/);
    match(await text(tree, "/translators/jq/stats"), /^runs 1\nfailures 1\nfaults 0\n/);
  },
);

test("a result is computed once for all who ask at the same time", ["sha256"], async ({ tree }) => {
  await tree.writeFile("/data/big", new Uint8Array(2_000_000));
  const answers = await Promise.all(Array.from({ length: 20 }, () => text(tree, "/x/sha256/data/big")));
  strictEqual(new Set(answers).size, 1);
  strictEqual(JSON.parse(await text(tree, "/translators/sha256/stats.json")).runs, 1);
});

test("results are kept across a restart", ["sha256"], async ({ tree, node }) => {
  await tree.writeFile("/data/t", "x\n");
  const before = await text(tree, "/x/sha256/data/t");
  await node.stop();
  await using again = await TestNode.start({ home: node.home });
  await using after = await Tree.dial(again.socket);
  strictEqual(await text(after, "/x/sha256/data/t"), before);
  const { runs, cached } = JSON.parse(await text(after, "/translators/sha256/stats.json"));
  deepStrictEqual([runs, cached > 0], [0, true]);
});

test(
  "explain tells inputs, modules, and where the result came from",
  ["csv2json", "sort"],
  async ({ tree }) => {
    await tree.writeFile("/data/t.csv", CSV);
    const explain = async () => {
      await using file = await tree.walk("/x/csv2json,sort/data/t.csv");
      return JSON.parse(new TextDecoder().decode(await file.getxattr("user.lux9.explain")));
    };
    const first = await explain();
    deepStrictEqual(first.stages.map(({ name, from }: { name: string; from: string }) => [name, from]), [[
      "csv2json",
      "run",
    ], ["sort", "run"]]);
    strictEqual(first.inputs[0].path, "/data/t.csv");
    ok(first.stages[0].about.wallUs > 0);
    deepStrictEqual((await explain()).stages.map(({ from }: { from: string }) => from), ["cache", "cache"]);
  },
);

test("an installed module's folder is removed as any other", ["sort"], async ({ tree, node }) => {
  for (const name of await names(tree, "/translators/sort")) await tree.remove(`/translators/sort/${name}`);
  await tree.remove("/translators/sort");
  deepStrictEqual(await names(tree, "/translators"), ["ctl"]);
  await rejects(tree.remove("/translators/ctl"), { code: "EPERM" });
  await rejects(text(tree, "/x/sort/data"), { code: "ENOENT" });
  match((await node.errors()).at(-1)!.reason, /begins with no installed translator/);
});
