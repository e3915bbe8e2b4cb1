/** Volumes of a node: as a person has them, over a stop and a start, and on a disk that is full. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { verify } from "../../state/worker/mod.ts";
import type { Client } from "../conformance/client.ts";
import { refuses } from "./connect.ts";
import { TestNode } from "./node.ts";
import { asUser, MOUNTS, UNPRIVILEGED } from "./privileges.ts";
import { until } from "./process.ts";
import { skipUnless } from "./skip.ts";

const LAUNCHER = fileURLToPath(new URL("../../lux9", import.meta.url));
const DISK_BYTES = 48 * 1024 * 1024;

/** What a command prints, and its code. */
async function lux9(home: string, ...words: string[]): Promise<{ code: number; out: string; err: string }> {
  const [command, ...rest] = words;
  const sub = ["volume", "snapshot"].includes(command) ? [command, rest.shift()!] : [command];
  const args = [...sub, "--home", home, ...rest];
  const { code, stdout, stderr } = await new Deno.Command(LAUNCHER, { args, stdin: "null" }).output();
  return { code, out: new TextDecoder().decode(stdout), err: new TextDecoder().decode(stderr) };
}

/** What `volume verify` says of the volume `data`. */
async function verified(home: string, before: readonly string[] = []): Promise<string> {
  const [command, ...args] = [...before, LAUNCHER, "volume", "verify", "data", "--home", home];
  const { stdout, stderr } = await new Deno.Command(command, { args, stdin: "null" }).output();
  return new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
}

/** The files of a folder, with all that is in them. */
function filesIn(folder: string): string[] {
  return [...Deno.readDirSync(folder)].flatMap(({ name, isFile, isDirectory }) => {
    const path = join(folder, name);
    if (isDirectory) return filesIn(path);
    return isFile ? [`${path} ${Deno.readFileSync(path).toHex()}`] : [];
  }).sort();
}

/** `lux9.yaml` of a home whose files are in a volume. */
const DATA = "mounts:\n  - {at: /data, volume: data}\n";

async function newHome(): Promise<string> {
  return await Deno.makeTempDir({ prefix: "lux9-" });
}

Deno.test("volumes: /data is one where lux9.yaml says so, others are made, and all are there again after a stop", async () => {
  const home = await newHome();
  {
    await using node = await TestNode.start({ home, yaml: `${DATA}  - {at: /notes, volume: notes}\n` });
    const client = await node.connect();
    const data = await client.walk(client.root, "data");
    await client.put(data, "file", "first");
    await client.put(await client.walk(client.root, "notes"), "note", "noted");
    assert.match((await lux9(home, "volume", "create", "more")).out, /at \/vol\/more/);
    const again = await lux9(home, "volume", "create", "more");
    assert.equal(again.code, 1);
    assert.match(again.err, /There is a volume more already/);
    assert.match((await lux9(home, "volume", "create", "../x")).err, /is no name for a volume/);
    const listed = await lux9(home, "volume", "ls");
    assert.deepEqual(listed.out.trim().split("\n").map((line) => line.split(/\s+/).slice(0, 2)), [
      ["data", "/data"],
      ["more", "/vol/more"],
      ["notes", "/notes"],
    ]);
    assert.match((await lux9(home, "volume", "info", "data")).out, /^operations +\d+$/m);
    client.wire.close();
    assert.equal((await node.stop()).code, 0);
  }
  {
    await using node = await TestNode.start({ home, yaml: `${DATA}  - {at: /notes, volume: notes}\n` });
    await node.asOwner(async (client) => {
      assert.equal(await client.get(client.root, "data", "file"), "first");
      assert.equal(await client.get(client.root, "notes", "note"), "noted");
      assert.deepEqual(await client.names(await client.walk(client.root, "vol")), ["more"]);
    });
  }
  await Deno.remove(home, { recursive: true });
});

Deno.test("volumes: snapshots and versions, as a person asks for them", async () => {
  const home = await newHome();
  await using node = await TestNode.start({ home, yaml: DATA });
  const client = await node.connect();
  const data = await client.walk(client.root, "data");
  await client.put(data, "file", "first");
  assert.match((await lux9(home, "snapshot", "create", "data", "monday")).out, /\/snap\/data\/monday/);
  const fid = await client.walk(data, "file");
  await client.open(fid, "rw", { trunc: true });
  await client.write(fid, 0, "second");
  await client.clunk(fid);
  assert.equal((await lux9(home, "cat", "/snap/data/monday/file")).out, "first");
  const inPast = await client.walk(client.root, "snap", "data", "monday", "file");
  await refuses("EROFS", client.open(inPast, "w"));
  assert.match((await lux9(home, "snapshot", "ls", "data")).out, /^monday +\d{4}-/);
  const versions = JSON.parse((await lux9(home, "history", "/data/file", "--json")).out);
  assert.deepEqual(versions.map(({ size }: { size: number }) => size), [6, 5]);
  assert.equal((await lux9(home, "cat", `/data/file@${versions[1].version}`)).out, "first");
  assert.match((await lux9(home, "cat", "/data/file@999999")).err, /has no version 999999/);
  assert.match((await lux9(home, "history", "/status")).err, /in no volume/);
  await client.put(data, "gone", "gone");
  await lux9(home, "snapshot", "create", "data", "tuesday");
  await client.remove(await client.walk(data, "gone"));
  const [gone] = JSON.parse((await lux9(home, "history", "/data/gone", "--json")).out);
  assert.equal((await lux9(home, "cat", `/data/gone@${gone.version}`)).out, "gone");
  assert.match((await lux9(home, "history", "/data/never/there")).err, /never\/there.*ENOENT/);
  assert.match((await lux9(home, "history", "/never")).err, /ENOENT/);
  assert.match((await lux9(home, "volume", "verify", "data")).out, /Everything is as it should be/);
  assert.equal((await lux9(home, "volume", "gc", "data")).code, 0);
  assert.equal((await lux9(home, "snapshot", "rm", "data", "monday")).code, 0);
  assert.equal((await lux9(home, "cat", "/snap/data/monday/file")).code, 1);
  assert.equal(await client.get(data, "file"), "second");
  client.wire.close();
  await node.stop();
  await Deno.remove(home, { recursive: true });
});

Deno.test("volumes: verify looks at a volume where nothing may be written, stopped or killed, and leaves it as it is", async (t) => {
  const home = await newHome();
  const shown = await newHome();
  const put = async (name: string, ends: (node: TestNode) => Promise<void>) => {
    await using node = await TestNode.start({ home, yaml: DATA });
    const client = await node.connect();
    await client.put(await client.walk(client.root, "data"), name, name.padEnd(5000, "."));
    client.wire.close();
    await ends(node);
  };
  const sound = /^[^]*Everything is as it should be\n$/;
  const look = async (what: string, expected = sound) => {
    const before = filesIn(join(home, "volumes"));
    await t.step(`${what}: on a file system for reading only`, async (t) => {
      if (!skipUnless(t.name, MOUNTS)) return;
      const mount = async (...args: string[]) =>
        assert.ok((await new Deno.Command("mount", { args }).output()).success, `mount ${args.join(" ")}`);
      await mount("--bind", home, shown);
      try {
        await mount("-o", "remount,bind,ro", shown);
        assert.match(await verified(shown), expected);
      } finally {
        assert.ok((await new Deno.Command("umount", { args: [shown] }).output()).success);
      }
    });
    await t.step(`${what}: by somebody who may only read`, async (t) => {
      if (!skipUnless(t.name, UNPRIVILEGED)) return;
      assert.ok((await new Deno.Command("chmod", { args: ["-R", "a+rX", home] }).output()).success);
      assert.match(await verified(home, asUser()), expected);
    });
    assert.deepEqual(filesIn(join(home, "volumes")), before, what);
  };
  try {
    await put("first", async (node) => assert.equal((await node.stop()).code, 0));
    await look("stopped");
    const database = join(home, "volumes", "data", "index.sqlite");
    await put("second", async (node) => {
      await node.asOwner((client) =>
        until("the database's log has it", async () => {
          const [{ waiting }] = JSON.parse(await client.get(client.root, "volumes.json"));
          return waiting === 0 && Deno.statSync(`${database}-wal`).size > 0;
        })
      );
      Deno.kill(node.pid, "SIGKILL");
      await node.ended;
    });
    await look("killed");
    const log = await Deno.readFile(`${database}-wal`);
    // Before anything followed the head of its log, which SQLite cannot make sense of there.
    await Deno.truncate(`${database}-wal`, 32);
    await look("killed in the middle");
    await Deno.writeFile(`${database}-wal`, log);
    // As in a copy of a home that left it out: SQLite cannot read its log there.
    await Deno.remove(`${database}-shm`);
    await look("killed, and copied in part", /copy the home to where you may write/);
  } finally {
    for (const folder of [home, shown]) await Deno.remove(folder, { recursive: true });
  }
});

/** Writes until the disk is full; says how many bytes it took. */
async function fill(client: Client, fid: number): Promise<number> {
  const data = crypto.getRandomValues(new Uint8Array(32 * 1024));
  for (let at = 0;; at += data.byteLength) {
    try {
      await client.write(fid, at, data);
    } catch (thrown) {
      await refuses("ENOSPC", Promise.reject(thrown));
      return at;
    }
  }
}

Deno.test("volumes: on a full disk a write fails, the rest goes on, and so does writing once there is space", async (t) => {
  if (!skipUnless(t.name, MOUNTS)) return;
  const home = await newHome();
  const folder = join(home, "volumes");
  await Deno.mkdir(folder);
  const run = async (command: string, ...args: string[]) =>
    assert.ok((await new Deno.Command(command, { args }).output()).success, `${command} ${args.join(" ")}`);
  await run("mount", "-t", "tmpfs", "-o", `size=${DISK_BYTES}`, "lux9-scenario", folder);
  try {
    // Something else takes half of the disk for a while.
    const other = join(folder, "other");
    await Deno.writeFile(other, new Uint8Array(DISK_BYTES / 2));
    await using node = await TestNode.start({ home, yaml: DATA });
    const client = await node.connect();
    const data = await client.walk(client.root, "data");
    await client.put(data, "kept", "kept");
    const fid = await client.create(data, "large");
    const taken = await fill(client, fid);
    assert.ok(taken > 1024 * 1024, `${taken} bytes were taken`);
    assert.equal(await client.get(data, "kept"), "kept");
    await client.clunk(fid);
    await client.unlink(data, "kept");
    await refuses("ENOSPC", client.put(data, "refused", "x"));
    await Deno.remove(other);
    await new Promise((wake) => setTimeout(wake, 1000));
    await client.put(data, "again", "again");
    const large = await client.walk(data, "large");
    assert.equal((await client.info(large)).size, taken);
    client.wire.close();
    assert.equal((await node.stop()).code, 0);
    const { problems, names } = verify(join(folder, "data"));
    assert.deepEqual([problems, names], [[], 2]);
  } finally {
    await run("umount", folder);
    await Deno.remove(home, { recursive: true });
  }
});
