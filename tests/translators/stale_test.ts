/** What of a change is seen: in /log/events, and in listings. */
import { deepStrictEqual, rejects, strictEqual } from "node:assert/strict";
import { join } from "node:path";
import { O, Tree } from "../../9p/mod.ts";
import { within } from "../scenarios/node.ts";
import { computingNode, names, text, whyNot } from "./computing_node.ts";

function test(name: string, body: () => Promise<void>): void {
  const reason = whyNot();
  if (reason) console.log(`SKIP ${name}: ${reason}`);
  Deno.test({ name, ignore: reason !== undefined, fn: body });
}

test("a change that makes an output stale is told, also where a new file fits a glob, or an input comes to be", async () => {
  await using node = await computingNode(["sort"]);
  const { tree } = node;
  await tree.mkdir("/data/d");
  await tree.mkdir("/data/e");
  await tree.writeFile("/data/d/a.txt", "a\n");
  await tree.writeFile("/data/e/glob.fn", "from: ../d/*.txt\npipe: sort\n");
  await tree.writeFile("/data/e/missing.fn", "from: ../d/later\npipe: sort\n");
  await tree.writeFile("/data/e/deep.fn", "from: ../later/on/file\npipe: sort\n");
  strictEqual(await text(tree, "/data/e/glob"), "a\n");
  await rejects(text(tree, "/data/e/missing"), { code: "ENOENT" });
  await rejects(text(tree, "/data/e/deep"), { code: "ENOENT" });

  await using reader = await Tree.dial(node.node.socket);
  await using events = await reader.open("/log/events", O.RDONLY);
  const into = new Uint8Array(65536);
  /** The outputs that are told to be stale by the time that the change at `path` is. */
  async function staleBy(path: string, change: () => Promise<unknown>): Promise<string[]> {
    await change();
    // Told after it, so that whatever the change made stale was told before.
    const mark = `/data/mark${path.replaceAll("/", "-")}`;
    await tree.writeFile(mark, "");
    const stale = new Set<string>();
    for (let said = ""; !said.includes(mark);) {
      const read = await within(5000, events.read(0, into));
      if (read === undefined) throw new Error(`Nothing was told of ${mark}`);
      said = new TextDecoder().decode(into.subarray(0, read));
      for (const line of said.trim().split("\n")) {
        const { event, path, from } = JSON.parse(line);
        if (event === "stale" && !from.includes("mark")) stale.add(path);
      }
    }
    return [...stale];
  }
  const write = (path: string) => () => tree.writeFile(path, "b\n");
  // Waiting for events begins with the first read.
  const first = events.read(0, into);
  await tree.writeFile("/data/begin", "");
  await within(5000, first);
  deepStrictEqual(await staleBy("/data/d/a.txt", write("/data/d/a.txt")), ["/data/e/glob"]);
  deepStrictEqual(await staleBy("/data/d/b.txt", write("/data/d/b.txt")), ["/data/e/glob"]);
  deepStrictEqual((await staleBy("/data/d/later", write("/data/d/later"))).sort(), [
    "/data/e/glob",
    "/data/e/missing",
  ]);
  deepStrictEqual(await staleBy("/data/later", () => tree.mkdir("/data/later")), ["/data/e/deep"]);
});

test("a recipe that comes to any member of a union is listed", async () => {
  await using stack = new AsyncDisposableStack();
  const folder = await Deno.makeTempDir();
  stack.defer(() => Deno.remove(folder, { recursive: true }));
  await using node = await computingNode(["sort"], {
    yaml: `mounts: [{host: ${JSON.stringify(folder)}, at: /data, order: after}]\n`,
  });
  const { tree } = node;
  // Longer ago than the clock's grain, so that a listing might be remembered.
  await new Promise((wake) => setTimeout(wake, 100));
  deepStrictEqual(await names(tree, "/data"), []);
  await Deno.writeTextFile(join(folder, "u.fn"), "text: z\npipe: sort\n");
  deepStrictEqual(await names(tree, "/data"), ["u", "u.fn"]);
  await Deno.remove(join(folder, "u.fn"));
  deepStrictEqual(await names(tree, "/data"), []);
});

test("who may not set the time of a recipe does not make it look like one that is being copied", async () => {
  await using node = await computingNode(["sort"], { listen: ["tcp!127.0.0.1!PORT"] });
  const { tree } = node;
  await using none = await Tree.dial(node.node.address());
  await tree.writeFile("/data/t.fn", "text: computed\npipe: sort\n");
  await rejects(none.setattr("/data/t.fn", { mtime: { sec: 1_000_000, nsec: 0 } }), { code: "EACCES" });
  strictEqual(await text(tree, "/data/t"), "computed\n");
});
