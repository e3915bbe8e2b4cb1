/** What another program does to the files below /data, behind the node's back: an error or the truth, never other bytes. */
import assert from "node:assert/strict";
import { DIALECTS } from "../../9p/wire/field.ts";
import { refuses } from "./connect.ts";
import { TestNode } from "./node.ts";
import { sleep } from "./process.ts";

/** `host` looks again whether a name leads where it did after a second. */
const NOTICED_MS = 1100;
/** In 9P2000 there is no text for ESTALE: it is ENOENT there (rule R47). */
const STALE = { "9P2000": "ENOENT", "9P2000.u": "ESTALE", "9P2000.L": "ESTALE" } as const;

Deno.test("files that another program renames, replaces and removes", async () => {
  await using node = await TestNode.start();
  const write = (name: string, text: string) => Deno.writeTextFile(node.data(name), text);
  for (const name of ["open", "walked", "removed", "replaced", "openReplaced"]) {
    await write(name, `first ${name}`);
  }
  for (const dir of ["dir", "moved"]) {
    await Deno.mkdir(node.data(dir));
    await write(`${dir}/file`, `first ${dir}`);
  }

  const clients = await Promise.all(DIALECTS.map((dialect) => node.connect({ dialect })));
  const held = await Promise.all(clients.map(async (client) => {
    const data = await client.walk(client.root, "data");
    const fid = (...names: string[]) => client.walk(data, ...names);
    const fids = {
      open: await fid("open"),
      walked: await fid("walked"),
      removed: await fid("removed"),
      replaced: await fid("replaced"),
      openReplaced: await fid("openReplaced"),
      inDir: await fid("dir", "file"),
      inMoved: await fid("moved", "file"),
    };
    for (const one of [fids.open, fids.openReplaced]) await client.open(one, "rw");
    return { client, data, fids };
  }));

  await Deno.rename(node.data("open"), node.data("open-elsewhere"));
  await Deno.rename(node.data("walked"), node.data("walked-elsewhere"));
  await Deno.remove(node.data("removed"));
  for (const name of ["replaced", "openReplaced"]) {
    await write(`${name}.new`, `second ${name}`);
    await Deno.rename(node.data(`${name}.new`), node.data(name));
  }
  await Deno.remove(node.data("dir"), { recursive: true });
  await Deno.mkdir(node.data("dir"));
  await write("dir/file", "second dir");
  await Deno.rename(node.data("moved"), node.data("moved-elsewhere"));
  await sleep(NOTICED_MS);

  for (const { client, data, fids } of held) {
    const stale = STALE[client.dialect];
    const open = async (fid: number) => {
      const clone = await client.walk(fid);
      try {
        await client.open(clone, "r");
        return await client.readText(clone);
      } finally {
        await client.clunk(clone);
      }
    };
    // An open file is the file, whatever its name is now.
    assert.equal(await client.readText(fids.open), "first open");
    assert.equal(await client.readText(fids.openReplaced), "first openReplaced");
    // A name that leads elsewhere, or nowhere, is not followed.
    await refuses(stale, open(fids.walked), "renamed");
    await refuses(stale, open(fids.removed), "removed");
    await refuses(stale, open(fids.replaced), "replaced");
    await refuses(stale, client.info(fids.replaced), "replaced");
    await refuses(stale, client.truncate(fids.replaced, 0), "replaced");
    await refuses(stale, open(fids.inDir), "in a folder that was replaced");
    await refuses(stale, open(fids.inMoved), "in a folder that was renamed");
    await refuses(stale, client.remove(fids.replaced), "replaced");
    // A new walk finds what is there.
    assert.equal(await client.get(data, "walked-elsewhere"), "first walked");
    assert.equal(await client.get(data, "replaced"), "second replaced");
    assert.equal(await client.get(data, "dir", "file"), "second dir");
    assert.equal(await client.get(data, "moved-elsewhere", "file"), "first moved");
    await refuses("ENOENT", client.walk(data, "removed"));
  }
  assert.equal(
    await Deno.readTextFile(node.data("replaced")),
    "second replaced",
    "nobody's file was cut or removed",
  );
  for (const { client } of held) client.wire.close();
});

Deno.test("a folder that another program fills and empties while it is listed and read", async () => {
  await using node = await TestNode.start();
  const client = await node.connect();
  const data = await client.walk(client.root, "data");
  let going = true;
  let changes = 0;
  const other = (async () => {
    while (going) {
      const name = node.data(`file${changes % 50}`);
      await Deno.writeTextFile(`${name}.tmp`, `contents of file${changes % 50}`);
      await Deno.rename(`${name}.tmp`, name);
      if (changes % 7 === 0) await Deno.remove(name);
      changes++;
    }
  })();
  const met = { whole: 0, gone: 0 };
  const until = performance.now() + 1000;
  while (performance.now() < until) {
    for (const name of await client.names(data)) {
      if (name.endsWith(".tmp")) continue;
      try {
        const text = await client.get(data, name);
        assert.equal(text, `contents of ${name}`);
        met.whole++;
      } catch (thrown) {
        if (thrown instanceof assert.AssertionError) throw thrown;
        met.gone++;
      }
    }
  }
  going = false;
  await other;
  console.log(`${met.whole} files read whole, ${met.gone} gone meanwhile, ${changes} changes`);
  assert.ok(met.whole > 0);
  const codes = new Set((await node.errors()).map(({ code }) => code));
  assert.deepEqual([...codes].filter((code) => !["ENOENT", "ESTALE"].includes(code)), []);
  client.wire.close();
});
