/** Going back to a snapshot, as a person does it and when the node dies meanwhile. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { verify } from "../../state/worker/mod.ts";
import type { Client } from "../conformance/client.ts";
import { jsonLines, TestNode } from "./node.ts";
import { lux9 } from "./program.ts";

const DATA = "mounts:\n  - {at: /data, volume: data}\n";
const FILES = 400;
const KILLS = 8;

Deno.test("restore: a folder and everything by the command line, compared, told in /log/events, and taken back", async () => {
  const home = await Deno.makeTempDir({ prefix: "lux9-" });
  const run = async (...words: string[]) => {
    const { code, out, err } = await lux9(home, words);
    assert.equal(code, 0, err);
    return out;
  };
  const refused = async (...words: string[]) => {
    const { code, err } = await lux9(home, words);
    assert.notEqual(code, 0);
    return err;
  };
  await using node = await TestNode.start({ home, yaml: DATA });
  const client = await node.connect();
  const data = await client.walk(client.root, "data");
  await client.mkdir(data, "docs");
  await client.put(await client.walk(data, "docs"), "plan.md", "plan");
  await client.put(data, "other", "other");
  await run("snapshot create", "data", "monday");
  const events = await client.walk(client.root, "log", "events");
  await client.open(events, "r");
  const plan = await client.walk(data, "docs", "plan.md");
  await client.open(plan, "rw", { trunc: true });
  await client.write(plan, 0, "another plan");
  await client.unlink(data, "other");
  await client.put(await client.walk(data, "docs"), "new", "new");
  await client.sync(plan);
  const differs = await run("snapshot diff", "data", "monday", "--json");
  const paths = JSON.parse(differs).map(({ kind, path }: { kind: string; path: string }) =>
    `${kind} ${path}`
  );
  assert.deepEqual(paths.filter((line: string) => !line.includes("plan.md")), [
    "added /docs/new",
    "removed /other",
  ]);
  const said = await run("snapshot restore", "data", "monday", "/data/docs");
  assert.match(said, /^\/docs is as it was in monday\n/);
  assert.equal(await client.get(data, "docs", "plan.md"), "plan");
  // A file that is open goes on.
  await client.write(plan, 0, "P");
  assert.equal(await client.get(data, "docs", "plan.md"), "Plan");
  assert.deepEqual(await client.names(data), ["docs"]);
  let told: { event: string; path: string }[] = [];
  while (!told.some(({ event }) => event === "restore")) {
    told = told.concat(jsonLines(new TextDecoder().decode(await client.read(events, 0, 8192))));
  }
  assert.equal(told.find(({ event }) => event === "restore")!.path, "/data/docs");
  await run("snapshot restore", "data", "monday");
  assert.deepEqual((await client.names(data)).sort(), ["docs", "other"]);
  assert.match(await run("snapshot diff", "data", "monday"), /Nothing differs/);
  const [, back] = /snapshot restore data (\S+) takes it back/.exec(said)!;
  await run("snapshot restore", "data", back);
  assert.deepEqual((await client.names(await client.walk(data, "docs"))).sort(), ["new", "plan.md"]);
  assert.match(
    await refused("snapshot restore", "data", "never"),
    /has no snapshot "never"; the last ones are monday/,
  );
  assert.match(
    await refused("snapshot restore", "data", "monday", "docs/none"),
    /\/docs\/none was not there/,
  );
  assert.match(await refused("snapshot restore", "data", "monday", "../etc"), /has \.\. in it/);
  assert.match(await refused("snapshot diff", "data", "monday", "never"), /has no snapshot "never"/);
  assert.match(await refused("snapshot diff", "nothing", "monday"), /has no volume "nothing"/);
  client.wire.close();
  await node.stop();
  assert.deepEqual(verify(join(home, "volumes", "data")).problems, []);
  await Deno.remove(home, { recursive: true });
});

/** What is in the files, each once. */
async function contents(client: Client): Promise<string> {
  const data = await client.walk(client.root, "data");
  const names = (await client.names(data)).sort();
  const found = new Set<string>();
  for (const name of names.filter((_, i) => i % 37 === 0)) found.add(await client.get(data, name));
  return `${names.length} ${[...found].join()}`;
}

Deno.test("restore: after kill -9 at any moment all of it is there or nothing", async () => {
  const home = await Deno.makeTempDir({ prefix: "lux9-" });
  const outcomes = new Map<string, number>();
  {
    await using node = await TestNode.start({ home, yaml: DATA });
    await node.asOwner(async (client) => {
      const data = await client.walk(client.root, "data");
      for (let i = 0; i < FILES; i++) await client.put(data, `file ${i}`, "then");
    });
    assert.equal((await lux9(home, ["snapshot create", "data", "then"])).code, 0);
    await node.asOwner(async (client) => {
      const data = await client.walk(client.root, "data");
      for (let i = 0; i < FILES; i++) {
        await client.unlink(data, `file ${i}`);
        if (i % 2 === 0) await client.put(data, `file ${i}`, "now");
      }
    });
    assert.equal((await lux9(home, ["snapshot create", "data", "now"])).code, 0);
    await node.stop();
  }
  const [then, now] = [`${FILES} then`, `${FILES / 2} now`];
  let before = now;
  for (let kill = 0; kill < KILLS; kill++) {
    await using node = await TestNode.start({ home, yaml: DATA });
    const client = await node.connect();
    assert.equal(await contents(client), before);
    const wanted = before === now ? "then" : "now";
    const ctl = await client.walk(client.root, "ctl");
    await client.open(ctl, "w");
    let answered = false;
    const restoring = client.write(ctl, 0, `snapshot restore data ${wanted} undo-${kill}-${Date.now()}\n`)
      .then(() => answered = true, () => {});
    await Promise.race([restoring, new Promise((wake) => setTimeout(wake, kill * 150))]);
    const wasAnswered = answered;
    await node.stop("SIGKILL");
    await restoring;
    client.wire.close();
    assert.deepEqual(verify(join(home, "volumes", "data")).problems, []);
    await using again = await TestNode.start({ home, yaml: DATA });
    const after = await again.asOwner(contents);
    const isDone = after === (wanted === "then" ? then : now);
    assert.ok(isDone || after === before, `kill ${kill}: ${after} after ${before}`);
    assert.ok(isDone || !wasAnswered, `kill ${kill}: it was answered, and is not there`);
    const outcome = wasAnswered ? "answered" : isDone ? "done without an answer" : "not begun";
    outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
    before = after;
    await again.stop();
  }
  console.log(
    `of ${KILLS} kills: ${[...outcomes].map(([outcome, count]) => `${count} ${outcome}`).join(", ")}`,
  );
  await Deno.remove(home, { recursive: true });
});
