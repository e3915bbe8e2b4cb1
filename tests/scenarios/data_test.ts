/** What `/data` is: of a new home a volume, and what a node takes with it; of one that has a folder `data`, that folder. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { verify } from "../../state/worker/mod.ts";
import { anySeed, Random } from "../fuzz/random.ts";
import { makeHome, TestNode } from "./node.ts";
import { MIB, sleep, until } from "./process.ts";
import { lux9 } from "./program.ts";

/** As docs/benchmarks.md has it, and what comes and goes by itself. */
const IDLE_BYTES_MAX = 90 * MIB;
const TOLERANCE_BYTES = 8 * MIB;
/** Of a machine that others use as well. */
const START_MS_MAX = 500;
const STARTS = 3;
const KILLS = 6;
const WRITES = 4;

async function withHome(act: (home: string) => Promise<void>): Promise<void> {
  const home = await makeHome();
  try {
    await act(home);
  } finally {
    await Deno.remove(home, { recursive: true });
  }
}

const startOn = (home: string, restMs?: number) =>
  TestNode.start({ home, data: "volume", env: restMs === undefined ? {} : { LUX9_REST_MS: `${restMs}` } });

const folderOf = (home: string) => join(home, "volumes", "data");

async function ok(home: string, ...words: string[]): Promise<string> {
  const { code, out, err } = await lux9(home, words);
  assert.equal(code, 0, err);
  return out;
}

async function isAtRest(home: string): Promise<boolean> {
  return /^isAtRest +true$/m.test(await ok(home, "volume info", "data"));
}

Deno.test("/data of a new home is a volume, made when it is first used, and kept over stops and kills", async () => {
  await withHome(async (home) => {
    let qid: unknown;
    {
      await using node = await startOn(home);
      assert.match(node.stdout, /^Your files are in the volume data/m);
      const client = await node.connect();
      // Who only looks at what there is leaves it alone.
      assert.ok((await client.names(client.root)).includes("data"));
      const fid = await client.walk(client.root, "data");
      const before = await client.getattr(fid);
      assert.ok(!existsSync(folderOf(home)));
      assert.deepEqual(await client.names(fid), []);
      const after = await client.getattr(fid);
      qid = after.qid.path;
      assert.deepEqual(
        [before.qid.path, before.mode, before.uid, before.gid],
        [qid, after.mode, after.uid, after.gid],
      );
      const sub = await client.mkdir(fid, "folder");
      await client.put(sub, "file", "first");
      assert.equal(
        await ok(home, "snapshot create", "data", "one").then((out) => out.trim()),
        "The tree as it is now is at /snap/data/one",
      );
      await client.put(sub, "other", "second");
      client.wire.close();
      await node.stop("SIGKILL");
    }
    {
      await using node = await startOn(home);
      // The past is there before anything else is asked for.
      assert.equal(await ok(home, "cat", "/snap/data/one/folder/file"), "first");
      assert.match(await ok(home, "volume ls"), /^data +\/data /);
      await node.asOwner(async (client) => {
        const fid = await client.walk(client.root, "data");
        assert.equal((await client.getattr(fid)).qid.path, qid);
        assert.equal(await client.get(fid, "folder", "other"), "second");
        const up = await client.walk(await client.walk(fid, "folder"), "..");
        assert.equal((await client.getattr(up)).qid.path, qid);
      });
      assert.equal((await node.stop()).code, 0);
    }
    assert.deepEqual(verify(folderOf(home)).problems, []);
    assert.ok(!existsSync(join(home, "data")));
  });
});

Deno.test("a volume at /data that does not open is an error of who asks for it, and all else is served", async () => {
  await withHome(async (home) => {
    {
      await using node = await startOn(home);
      await node.asOwner(async (client) => client.put(await client.walk(client.root, "data"), "file", "x"));
      assert.equal((await node.stop()).code, 0);
    }
    const database = join(folderOf(home), "index.sqlite");
    const whole = await Deno.readFile(database);
    await Deno.writeFile(database, whole.slice(0, 5000));
    await using node = await startOn(home);
    assert.equal((await lux9(home, ["cat", "/data/file"])).code, 1);
    assert.match((await lux9(home, ["snapshot create", "data", "one"])).err, /index\.sqlite is damaged/);
    assert.ok(!/^data /m.test(await ok(home, "volume ls")));
    assert.match(
      JSON.stringify(await node.errors()),
      /volume data.*It is not served: index\.sqlite is damaged/,
    );
    // The next who asks finds it mended.
    await Deno.writeFile(database, whole);
    assert.equal(await ok(home, "cat", "/data/file"), "x");
  });
});

Deno.test("a home that has a folder data goes on with it, and its files can be imported into the volume", async () => {
  await withHome(async (home) => {
    const folder = join(home, "data");
    await Deno.mkdir(folder);
    {
      await using node = await startOn(home);
      assert.match(node.stdout, new RegExp(`^Your files are in ${folder}; lux9 volume import says`, "m"));
      await node.asOwner(async (client) =>
        client.put(await client.walk(client.root, "data"), "file", "kept")
      );
      assert.equal((await node.stop()).code, 0);
    }
    assert.equal(await Deno.readTextFile(join(folder, "file")), "kept");
    // As docs/volumes.md says.
    const aside = join(home, "data.before");
    await Deno.rename(folder, aside);
    await using _node = await startOn(home);
    const { stdout } = await new Deno.Command("tar", { args: ["-C", aside, "-c", "."] }).output();
    const { code, err } = await lux9(home, ["volume import", "data"], stdout);
    assert.equal(code, 0, err);
    assert.equal(await ok(home, "cat", "/data/file"), "kept");
    assert.ok(!existsSync(folder));
  });
});

Deno.test("a node whose /data is a volume starts and rests within the limits, also after it was written to", async () => {
  await withHome(async (home) => {
    const check = (node: TestNode, when: string) => {
      const bytes = node.rssBytes();
      console.log(`${when}: ${(bytes / MIB).toFixed(1)} MiB resident`);
      assert.ok(bytes < IDLE_BYTES_MAX + TOLERANCE_BYTES, `${when}: ${bytes} bytes`);
    };
    {
      await using node = await startOn(home, 500);
      check(node, "a new home");
      await node.asOwner(async (client) => {
        const data = await client.walk(client.root, "data");
        for (let i = 0; i < 200; i++) await client.put(data, `file ${i}`, `text ${i}`);
      });
      for (let round = 0; round < 3; round++) {
        await node.asOwner(async (client) =>
          client.put(await client.walk(client.root, "data"), `round ${round}`, "x")
        );
        await until("the Worker rests", () => isAtRest(home), 20_000);
      }
      // What it left is given back a second later.
      await sleep(2000);
      check(node, "written to, and at rest");
      // The node is killed while it writes, after a rest.
      await node.asOwner(async (client) =>
        client.put(await client.walk(client.root, "data"), "last", "answered")
      );
      await node.stop("SIGKILL");
    }
    assert.deepEqual(verify(folderOf(home)).problems, []);
    {
      await using node = await startOn(home);
      assert.equal(await ok(home, "cat", "/data/last"), "answered");
      assert.equal((await node.stop()).code, 0);
    }
    const starts: number[] = [];
    for (let i = 0; i < STARTS; i++) {
      const begun = performance.now();
      await using node = await startOn(home);
      await node.asOwner(async (client) => {
        assert.equal(await client.get(client.root, "data", "file 199"), "text 199");
      });
      starts.push(performance.now() - begun);
      if (i === 0) check(node, "read only");
      assert.equal((await node.stop()).code, 0);
    }
    const startMs = Math.min(...starts);
    console.log(
      `started and read a file of the volume in ${starts.map((ms) => ms.toFixed(0)).join(", ")} ms`,
    );
    assert.ok(startMs < START_MS_MAX, `started in ${startMs} ms`);
  });
});

Deno.test("nothing that was answered is lost by kills while the Worker of /data starts, works, rests or ends", async () => {
  await withHome(async (home) => {
    const random = new Random(anySeed());
    const { seed } = random;
    const answered: string[] = [];
    for (let kills = 0; kills < KILLS; kills++) {
      await using node = await startOn(home, 20);
      const client = await node.connect();
      const data = await client.walk(client.root, "data");
      for (const name of answered.slice(-WRITES)) {
        assert.equal(await client.get(data, name), `text of ${name}`);
      }
      for (let i = 0; i < WRITES; i++) {
        const name = `file ${answered.length}`;
        await client.put(data, name, `text of ${name}`);
        answered.push(name);
        // A Worker takes some 200 ms to start, 20 ms until it rests, and some more to end.
        await sleep(random.below(400));
      }
      client.wire.close();
      await node.stop("SIGKILL");
      assert.deepEqual(verify(folderOf(home)).problems, [], `seed ${seed}, kill ${kills}`);
    }
    await using node = await startOn(home);
    await node.asOwner(async (client) => {
      const data = await client.walk(client.root, "data");
      for (const name of answered) {
        assert.equal(await client.get(data, name), `text of ${name}`, `seed ${seed}`);
      }
    });
    assert.ok(!JSON.stringify(await node.errors()).includes("volume data"));
  });
});
