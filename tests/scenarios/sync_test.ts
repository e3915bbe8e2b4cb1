/** Copies of a volume as a person has them: cloned, changed apart, brought together, stopped in the middle, on a disk that is full. */
import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { receiveClone, type Source, verify } from "../../state/worker/mod.ts";
import { inFolder, LAUNCHER, lux9, ok, run } from "./lux9_command.ts";
import { TestNode } from "./node.ts";
import { MOUNTS } from "./privileges.ts";
import { skipUnless } from "./skip.ts";

const DISK_BYTES = 96 * 1024 * 1024;
const FILE_BYTES = 64 * 1024;

const SOCKET_PATH_MAX = 107;

/** Two homes with copies of `data`, which nobody serves. `count` files of 64 KiB of noise are in the first, and only there if `isApart`. */
async function twoHomes(folder: string, count: number, isApart = true): Promise<[string, string]> {
  // The path of a home may be as long as that of the socket in it.
  const room = SOCKET_PATH_MAX - `${folder}/`.length - "/run/9p".length;
  const [a, b] = [`${folder}/a`, `${folder}/${"b".repeat(Math.max(1, room))}`];
  await Deno.mkdir(a);
  const fill = async () => {
    await using node = await TestNode.start({ home: a, yaml: "mounts: [{at: /data, volume: data}]\n" });
    await node.asOwner(async (client) => {
      const data = await client.walk(client.root, "data");
      for (let i = 0; i < count; i++) {
        await client.put(data, `file ${i}`, `${i}`.padEnd(FILE_BYTES, crypto.randomUUID()));
      }
    });
    assert.equal((await node.stop()).code, 0);
  };
  if (!isApart) await fill();
  else {
    await using node = await TestNode.start({ home: a, yaml: "mounts: [{at: /data, volume: data}]\n" });
    await node.asOwner(async (client) =>
      void await client.put(await client.walk(client.root, "data"), "first", "1")
    );
    assert.equal((await node.stop()).code, 0);
  }
  await ok("volume", "clone", a, "data", "--home", b);
  if (isApart) await fill();
  return [a, b];
}

/** Each conflict file that a node lists, and what it lost against. */
async function listed(home: string): Promise<[path: string, of: string][]> {
  const found = JSON.parse(await ok("conflicts", "ls", "--json", "--home", home));
  return found.map(({ path, of }: { path: string; of: string }) => [path, of]);
}

/** Both copies are sound, and the same. */
async function areOne(a: string, b: string): Promise<void> {
  assert.match(await ok("sync", b, "--home", a), /nothing to exchange/);
  for (const home of [a, b]) assert.deepEqual(verify(`${home}/volumes/data`).problems, []);
}

Deno.test("sync: who lost a name is listed, shown and resolved until it is, whatever becomes of the file that won", async () => {
  await inFolder(async (folder) => {
    const [a, b] = await twoHomes(folder, 0, false);
    await ok("volume", "clone", a, "data", "--home", `${folder}/c`);
    const homes = [a, b, `${folder}/c`];
    const yaml = "mounts: [{at: /data, volume: data}]\n";
    await using nodes = new AsyncDisposableStack();
    for (const home of homes) nodes.use(await TestNode.start({ home, yaml }));
    const put = async (home: string, name: string, text: string) => {
      await Deno.writeTextFile(`${folder}/put`, text);
      await ok("put", `${folder}/put`, `/data/${name}`, "--home", home);
    };
    const cat = async (name: string) => await ok("cat", name, "--home", a);
    for (const home of homes) {
      await put(home, "doc.odt", `of ${home.at(-1)}\n`);
      await put(home, "gone", `of ${home.at(-1)}\n`);
    }
    for (const home of [...homes.slice(1), ...homes.slice(1)]) await ok("sync", home, "--home", a);
    const all = await listed(a);
    assert.deepEqual(all.map(([, of]) => of), ["/data/doc.odt", "/data/doc.odt", "/data/gone", "/data/gone"]);
    const [one, two, lost] = all.map(([path]) => path);
    const texts = await Promise.all([one, two].map(cat));

    // As an editor saves.
    await put(b, ".doc.odt~", "saved\n");
    await ok("mv", "/data/.doc.odt~", "/data/doc.odt", "--home", b);
    await ok("rm", "/data/gone", "--home", b);
    for (const home of homes.slice(1)) await ok("sync", home, "--home", a);
    for (const home of homes) assert.deepEqual(await listed(home), all, home);
    const shown = await ok("conflicts", "show", one, "--home", a);
    assert.match(shown, /lost its name to \/data\/doc\.odt\n.*\n[^]*-saved\n\+of /);
    assert.match(await ok("conflicts", "show", lost, "--home", a), /nothing at \/data\/gone any more/);

    await ok("conflicts", "resolve", "--keep", one, "--home", a);
    assert.equal(await cat("/data/doc.odt"), texts[0]);
    assert.deepEqual(await listed(a), all.slice(1));
    await ok("conflicts", "resolve", "--keep", two, "--home", a);
    assert.equal(await cat("/data/doc.odt"), texts[1]);
    assert.match(await ok("conflicts", "resolve", lost, "--home", a), /\/data\/gone was gone before/);
    await ok("conflicts", "resolve", "--keep", all[3][0], "--home", a);
    for (const home of homes.slice(1)) await ok("sync", home, "--home", a);
    for (const home of homes) assert.match(await ok("conflicts", "ls", "--home", home), /no conflict/);
  });
});

Deno.test("sync: a clone and its source, with nodes and without, become one tree, and conflicts are told and ended", async () => {
  await inFolder(async (folder) => {
    const [a, b] = await twoHomes(folder, 3, false);
    const yaml = "mounts: [{at: /data, volume: data}]\n";
    await using nodeA = await TestNode.start({ home: a, yaml });
    await using nodeB = await TestNode.start({ home: b, yaml });
    const put = async (node: TestNode, name: string, text: string) => {
      await Deno.writeTextFile(`${folder}/put`, text);
      await ok("put", `${folder}/put`, `/data/${name}`, "--home", node.home);
    };
    const get = async (node: TestNode, name: string) =>
      await node.asOwner((client) => client.get(client.root, "data", name));
    await put(nodeA, "notes.md", "from a\n");
    await put(nodeB, "other.md", "from b\n");
    await put(nodeA, "file 1", "a\0");
    await put(nodeB, "file 1", "b\0");
    assert.match(await ok("sync", b, "--home", a, "--dry-run"), /\d+ records? to send, \d+ to receive/);
    assert.match(await ok("sync", b, "--home", a), /conflict: \/file 1\.conflict-/);
    assert.equal(await get(nodeB, "notes.md"), "from a\n");
    assert.equal(await get(nodeA, "other.md"), "from b\n");
    const [conflict] = JSON.parse(await ok("conflicts", "ls", "--json", "--home", b));
    assert.equal(conflict.of, "/data/file 1");
    assert.deepEqual([await get(nodeA, "file 1"), await get(nodeA, conflict.path.slice(6))].sort(), [
      "a\0",
      "b\0",
    ]);
    const lost = await get(nodeB, conflict.path.slice(6));
    await ok("conflicts", "resolve", "--keep", conflict.path, "--home", b);
    await ok("sync", `unix!${a}/run/9p`, "--home", b);
    assert.match(await ok("conflicts", "ls", "--home", a), /no conflict/);
    assert.equal(await get(nodeA, "file 1"), lost);
    await nodeA.asOwner(async (client) => {
      const file = await client.create(await client.walk(client.root, "data"), "still open");
      await client.write(file, 0, "written, and not closed");
      await ok("sync", b, "--home", a);
      assert.equal(await get(nodeB, "still open"), "written, and not closed");
      await client.write(file, 0, "W");
      await client.clunk(file);
    });
    await ok("sync", b, "--home", a);
    assert.equal(await get(nodeB, "still open"), "Written, and not closed");
    const stranger = await lux9("sync", b, "--home", a, "--volume", "none");
    assert.equal(stranger.code, 1);
    assert.match(stranger.err, /has no volume none/);
    assert.equal((await nodeA.stop()).code, 0);
    assert.equal((await nodeB.stop()).code, 0);
    await areOne(a, b);
  });
});

Deno.test("sync: killed and interrupted at any moment it goes on where it was", async () => {
  await inFolder(async (folder) => {
    const [a, b] = await twoHomes(folder, 150);
    let kills = 0;
    for (const ms of [150, 250, 350, 500, 700]) {
      const child = new Deno.Command(LAUNCHER, {
        args: ["sync", b, "--home", a],
        stdout: "null",
        stderr: "null",
      })
        .spawn();
      const timer = setTimeout(() => child.kill(kills % 2 === 0 ? "SIGKILL" : "SIGINT"), ms);
      const { code } = await child.status;
      clearTimeout(timer);
      if (code !== 0) kills++;
    }
    assert.ok(kills > 0, "nothing was killed");
    await ok("sync", b, "--home", a);
    await areOne(a, b);
    // A new process: whoever was killed may have left the lock of a home to the kernel alone.
    await using node = await TestNode.start({ home: b, yaml: "mounts: [{at: /data, volume: data}]\n" });
    await node.asOwner(async (client) => {
      const names = await client.names(await client.walk(client.root, "data"));
      assert.equal(names.filter((name) => name.startsWith("file ")).length, 150);
    });
  });
});

Deno.test("sync: ^C ends the wait for a node that does not answer, and a clone that was stopped is removed as a volume is", async () => {
  await inFolder(async (folder) => {
    const [home, socket] = [`${folder}/home`, `${folder}/silent`];
    await Deno.mkdir(`${home}/volumes`, { recursive: true });
    using listener = Deno.listen({ transport: "unix", path: socket });
    for (const words of [["sync", socket], ["volume", "clone", socket, "data"]]) {
      const child = new Deno.Command(LAUNCHER, {
        args: [...words, "--home", home],
        stdin: "null",
        stdout: "null",
        stderr: "piped",
      }).spawn();
      using _ = await listener.accept();
      child.kill("SIGINT");
      const { code, stderr } = await child.output();
      const err = new TextDecoder().decode(stderr);
      assert.equal(code, 130, err);
      assert.match(err, /Stopped: /);
      // Another home may have a volume of that name, which is whole.
      if (words[0] === "volume") assert.ok(err.includes(`lux9 volume rm data --home ${home} --yes`), err);
    }
    // What a source brings that goes away at once.
    const gone: Source = { read: () => Promise.resolve([]), write: () => Promise.resolve() };
    await assert.rejects(receiveClone(`${home}/volumes/data`, gone), /is not whole/);
    const names = () => Array.from(Deno.readDirSync(`${home}/volumes`), ({ name }) => name);
    assert.deepEqual(names(), [".data.cloning"]);
    await ok("volume", "rm", "data", "--yes", "--home", home);
    assert.deepEqual(names(), []);
    assert.match((await lux9("volume", "rm", "data", "--yes", "--home", home)).err, /has no volume "data"/);
  });
});

Deno.test("sync: --watch goes on with a node that was started anew", async () => {
  await inFolder(async (folder) => {
    const [a, b] = await twoHomes(folder, 1, false);
    const yaml = "mounts: [{at: /data, volume: data}]\n";
    const first = await TestNode.start({ home: a, yaml });
    await using _here = await TestNode.start({ home: b, yaml });
    const child = new Deno.Command(LAUNCHER, {
      args: ["sync", a, "--home", b, "--watch"],
      stdin: "null",
      stdout: "piped",
      stderr: "null",
    }).spawn();
    const reader = child.stdout.getReader();
    try {
      await reader.read();
      assert.equal((await first.stop()).code, 0);
      await first[Symbol.asyncDispose]();
      await using _again = await TestNode.start({ home: a, yaml });
      await Deno.writeTextFile(`${folder}/new`, "new\n");
      await ok("put", `${folder}/new`, "/data/new", "--home", a);
      const until = performance.now() + 30_000;
      let there = "";
      while (!there.includes("new") && performance.now() < until) {
        there = await ok("ls", "/data", "--home", b);
      }
      assert.match(there, /new/);
    } finally {
      child.kill("SIGINT");
      await reader.cancel();
    }
    assert.equal((await child.status).code, 130);
  });
});

Deno.test("sync: ^C ends an exchange with a node that hangs in the middle of it", async () => {
  await inFolder(async (folder) => {
    const [a, b] = await twoHomes(folder, 1, false);
    await using node = await TestNode.start({ home: a, yaml: "mounts: [{at: /data, volume: data}]\n" });
    const child = new Deno.Command(LAUNCHER, {
      args: ["sync", a, "--home", b, "--watch"],
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const reader = child.stdout.getReader();
    await reader.read();
    node.signal("SIGSTOP");
    try {
      // It is compared anew each second.
      await new Promise((done) => setTimeout(done, 1200));
      child.kill("SIGINT");
      const late = setTimeout(() => child.kill("SIGKILL"), 20_000);
      const [{ code }, err] = await Promise.all([child.status, new Response(child.stderr).text()]);
      clearTimeout(late);
      assert.equal(code, 130, err);
      assert.match(err, /Stopped: what was exchanged so far stays/);
    } finally {
      node.signal("SIGCONT");
      await reader.cancel();
    }
    await ok("sync", a, "--home", b);
  });
});

Deno.test("sync: the copies of a home write with one key, those of another home and of a copied one with others", async () => {
  await inFolder(async (folder) => {
    const [a, b, copied] = ["a", "b", "copied"].map((name) => `${folder}/${name}`);
    const keyOf = (home: string, volume: string) => {
      using db = new DatabaseSync(`${home}/volumes/${volume}/index.sqlite`, { readOnly: true });
      return String(db.prepare("SELECT value FROM meta WHERE key = 'secret'").get()!.value);
    };
    await Deno.mkdir(a);
    const yaml = "mounts: [{at: /data, volume: data}, {at: /two, volume: two}]\n";
    {
      await using node = await TestNode.start({ home: a, yaml });
      for (const name of ["data", "two"]) await ok("volume", "clone", a, name, "--home", b);
      assert.equal((await node.stop()).code, 0);
    }
    await ok("volume", "clone", a, "data", "--as", "again", "--home", b);
    await ok("sync", a, "--home", b);
    const keys = new Set(["data", "two"].flatMap((name) => [keyOf(a, name), keyOf(b, name)]));
    assert.equal(keys.size, 2);
    keys.add(keyOf(b, "again"));
    assert.equal(keys.size, 3);
    const { success } = await new Deno.Command("cp", { args: ["-a", b, copied] }).output();
    assert.ok(success);
    await ok("sync", a, "--home", copied);
    // Which of the two copies of one volume has the key of the home is up to which was opened first.
    for (const name of ["data", "two", "again"]) keys.add(keyOf(copied, name));
    assert.equal(keys.size, 5);
    assert.notEqual(keyOf(copied, "data"), keyOf(copied, "again"));
    // One that is made again is the same copy to others, and its next incarnation.
    await ok("volume", "rm", "two", "--yes", "--home", b);
    await ok("volume", "clone", copied, "two", "--home", b);
    await ok("sync", a, "--home", b);
    keys.add(keyOf(b, "two"));
    assert.equal(keys.size, 5);
    await areOne(a, copied);
  });
});

Deno.test("sync: one volume that cannot be opened is told, as JSON too, and the others go on", async () => {
  await inFolder(async (folder) => {
    const homes = [`${folder}/a`, `${folder}/b`];
    await Deno.mkdir(homes[0]);
    {
      const yaml = "mounts: [{at: /data, volume: data}, {at: /two, volume: two}]\n";
      await using node = await TestNode.start({ home: homes[0], yaml });
      assert.equal((await node.stop()).code, 0);
    }
    for (const name of ["data", "two"]) {
      await ok("volume", "clone", homes[0], name, "--home", homes[1]);
    }
    await Deno.truncate(`${homes[1]}/volumes/data/index.sqlite`, 0);
    const { code, out, err } = await lux9("sync", homes[1], "--home", homes[0], "--json");
    assert.equal(code, 1);
    assert.match(err, /data: .*index\.sqlite is damaged/);
    const lines = out.trim().split("\n").map((line) => JSON.parse(line));
    assert.deepEqual(lines.map(({ volume, ended }) => [volume, ended]), [["data", "failed"], [
      "two",
      "done",
    ]]);
    // A node opens it when it is first used, and tells nothing of it but its name.
    const yaml = "mounts: [{at: /two, volume: two}]\n";
    await using _ = await TestNode.start({ home: homes[1], yaml, data: "volume" });
    const served = await lux9("sync", homes[1], "--home", homes[0]);
    assert.equal(served.code, 1, served.out + served.err);
    assert.match(served.err, /data: Input\/output error/);
    assert.match(served.out, /two: nothing to exchange/);
  });
});

Deno.test("sync: a copy on demand reads from the other one while lux9 sync --watch goes on, and says what would help where it does not", async () => {
  await inFolder(async (folder) => {
    const [a, b] = [`${folder}/a`, `${folder}/b`];
    const yaml = "mounts: [{at: /data, volume: data}]\n";
    await Deno.mkdir(a);
    await using nodeA = await TestNode.start({ home: a, yaml });
    const bytes = new Uint8Array(5 * 1024 * 1024);
    for (let at = 0; at < bytes.length; at += 65_536) crypto.getRandomValues(bytes.subarray(at, at + 65_536));
    await Deno.writeFile(`${folder}/film`, bytes);
    await Deno.writeTextFile(`${folder}/notes.md`, "words\n");
    for (const name of ["film", "notes.md"]) {
      await ok("put", `${folder}/${name}`, `/data/${name}`, "--home", a);
    }
    assert.match(
      await ok("volume", "clone", a, "data", "--home", b, "--contents", "on-demand"),
      /contents on demand/,
    );
    await using nodeB = await TestNode.start({ home: b, yaml });
    assert.match(await ok("volume", "info", "data", "--home", b), /contents +on-demand/);
    assert.equal(await ok("cat", "/data/notes.md", "--home", b), "words\n");
    assert.match(await ok("ls", "-l", "/data", "--home", b), /5242880.*film/);
    const refused = await lux9("cat", "/data/film", "--home", b);
    assert.notEqual(refused.code, 0);
    assert.match(await ok("why", "/data/film", "--home", b), /lux9 sync OTHER --watch/);
    const archive = await lux9("volume", "export", "data", "--home", b);
    assert.equal(archive.code, 1);
    assert.match(archive.err, /film: Input\/output error.*The archive ends there/);

    const watch = new Deno.Command(LAUNCHER, {
      args: ["sync", a, "--home", b, "--watch"],
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    try {
      // Once it has said what it exchanged first, it goes on.
      await watch.stdout.getReader().read();
      assert.equal(await ok("get", "/data/film", `${folder}/back`, "--home", b), "");
      assert.deepEqual(await Deno.readFile(`${folder}/back`), bytes);
    } finally {
      watch.kill("SIGINT");
    }
    assert.equal((await watch.status).code, 130);
    await ok("get", "/data/film", `${folder}/again`, "--home", b);
    assert.deepEqual(await Deno.readFile(`${folder}/again`), bytes);
    assert.equal((await nodeA.stop()).code, 0);
    assert.equal((await nodeB.stop()).code, 0);
    for (const home of [a, b]) {
      const { problems, absent } = verify(`${home}/volumes/data`);
      assert.deepEqual([problems, absent], [[], 0]);
    }
  });
});

Deno.test("sync: on a disk that becomes full the copy stays sound, and goes on when there is room", async (t) => {
  if (!skipUnless(t.name, MOUNTS)) return;
  await inFolder(async (folder) => {
    const disk = `${folder}/disk`;
    await Deno.mkdir(disk);
    await run("mount", "-t", "tmpfs", "-o", `size=${DISK_BYTES}`, "lux9-sync", disk);
    try {
      const [a, b] = await twoHomes(folder, 300);
      const small = `${disk}/b`;
      await run("cp", "-a", b, small);
      Deno.writeFileSync(`${disk}/ballast`, new Uint8Array(DISK_BYTES - 12 * 1024 * 1024));
      const full = await lux9("sync", small, "--home", a);
      assert.equal(full.code, 1, full.out + full.err);
      assert.match(full.err, /ENOSPC|no space|full/i);
      assert.deepEqual(verify(`${small}/volumes/data`).problems, []);
      Deno.removeSync(`${disk}/ballast`);
      await ok("sync", small, "--home", a);
      await areOne(a, small);
    } finally {
      await run("umount", "-l", disk);
    }
  });
});
