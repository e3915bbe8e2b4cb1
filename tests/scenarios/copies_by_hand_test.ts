/** What a person meets on the way to two copies: homes that somebody else has, folders that are none, disks that are full, and words that say what to do. */
import assert from "node:assert/strict";
import { inFolder, LAUNCHER, lux9, ok, run } from "./lux9_command.ts";
import { TestNode } from "./node.ts";
import { MOUNTS } from "./privileges.ts";
import { skipUnless } from "./skip.ts";

const DISK_BYTES = 8 * 1024 * 1024;
/** More than goes onto it. */
const LARGE_BYTES = 10 * 1024 * 1024;
const BLOCK_BYTES = 65_536;

/** A home with the volume `data`, which nobody serves, and a file of so many bytes of noise in it. */
async function homeWithData(home: string, bytes = 1): Promise<string> {
  await Deno.mkdir(home);
  await Deno.writeFile(`${home}.file`, noise(bytes));
  await using node = await TestNode.start({ home, data: "volume" });
  await ok("put", `${home}.file`, "/data/file", "--home", home);
  assert.equal((await node.stop()).code, 0);
  return home;
}

function noise(bytes: number): Uint8Array<ArrayBuffer> {
  const made = new Uint8Array(bytes);
  for (let at = 0; at < bytes; at += BLOCK_BYTES) crypto.getRandomValues(made.subarray(at, at + BLOCK_BYTES));
  // Whatever else it is, it is no text.
  made[0] = 0;
  return made;
}

/** It fails with that code, and says all of that. */
async function fails(code: number, args: string[], ...says: RegExp[]): Promise<string> {
  const said = await lux9(...args);
  assert.equal(said.code, code, `lux9 ${args.join(" ")}: ${said.out}${said.err}`);
  for (const each of says) assert.match(said.err, each);
  return said.err;
}

const names = (folder: string) => Array.from(Deno.readDirSync(folder), ({ name }) => name).sort();

Deno.test("copies: a home that another command has is told as that, and not as one with a node", async () => {
  await inFolder(async (folder) => {
    const a = await homeWithData(`${folder}/a`);
    const b = `${folder}/b`;
    await ok("volume", "clone", a, "data", "--home", b);
    const watch = new Deno.Command(LAUNCHER, {
      args: ["sync", a, "--home", b, "--watch"],
      stdin: "null",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    const reader = watch.stdout.getReader();
    try {
      await reader.read();
      const says = new RegExp(
        `lux9 \\(process ${watch.pid}\\) has ${b}, which is no node.*when it has ended`,
      );
      await fails(1, ["sync", a, "--home", b], says);
      await fails(1, ["volume", "rm", "data", "--yes", "--home", b], says);
      const { code, stderr } = await TestNode.refused({ home: b });
      assert.equal(code, 1);
      assert.match(stderr, says);
    } finally {
      watch.kill("SIGINT");
      await reader.cancel();
      await watch.status;
    }
    await ok("sync", a, "--home", b);
  });
});

Deno.test("copies: a clone within one home, and one into the home of a node that nobody has used, say where the copy is", async () => {
  await inFolder(async (folder) => {
    const a = await homeWithData(`${folder}/a`);
    const y = `${folder}/y`;
    const clone = (...args: string[]) => ok("volume", "clone", ...args);
    assert.match(await clone(a, "data", "--as", "again", "--home", a), /^again: 2 files, 1 B in .*\/a\n$/);
    const onDemand = await clone(a, "data", "--as", "third", "--home", a, "--contents", "on-demand");
    assert.match(onDemand, /^third: 2 files, contents on demand, in .*\/a\n$/);
    {
      await using node = await TestNode.start({ home: a, data: "volume" });
      for (const other of [a, `unix!${a}/run/9p`]) {
        const name = other === a ? "fourth" : "fifth";
        const said = await clone(other, "data", "--as", name, "--home", a);
        assert.match(said, new RegExp(`^${name}: 2 files, 1 B at /vol/${name}\n$`));
        await fails(2, ["sync", other, "--home", a], /is the home itself/);
      }
      assert.equal((await node.stop()).code, 0);
    }
    await Deno.mkdir(y);
    await using _ = await TestNode.start({ home: y, data: "volume" });
    const said = await clone(a, "data", "--home", y);
    assert.match(said, /^data: 2 files, 1 B at \/data\nlux9 sync .* --volume data brings both together\n$/);
    assert.match(await ok("ls", "/data", "--home", y), /^file$/m);
  });
});

Deno.test("copies: a folder that is no home is told, and nothing is written to it", async () => {
  await inFolder(async (folder) => {
    const a = await homeWithData(`${folder}/a`);
    const docs = `${folder}/docs`;
    await Deno.mkdir(docs);
    for (const words of [["sync", docs, "--home", a], ["sync", a, "--home", docs]]) {
      await fails(2, words, /\/docs is no home of lux9/);
    }
    await fails(2, ["volume", "rm", "data", "--yes", "--home", docs], /\/docs is no home of lux9/);
    assert.deepEqual(names(docs), []);
    for (const inside of [`${a}/volumes`, `${a}/volumes/data`]) {
      const before = names(inside);
      const said = await fails(2, ["sync", inside, "--home", a], /is no home of lux9.*did you mean /);
      assert.ok(said.includes(`did you mean ${a}`), said);
      assert.deepEqual(names(inside), before);
    }
    const fresh = `${folder}/fresh`;
    await fails(2, ["volume", "clone", docs, "data", "--home", fresh], /no home of lux9/);
    await fails(2, ["volume", "clone", `${folder}/none`, "data", "--home", fresh], /no home, no socket/);
    await fails(1, ["volume", "clone", a, "none", "--home", fresh], /has no volume none/);
    assert.throws(() => Deno.statSync(fresh), Deno.errors.NotFound);
  });
});

Deno.test("copies: words that exclude each other, and empty ones, are told", async () => {
  await inFolder(async (folder) => {
    await Deno.mkdir(`${folder}/volumes`);
    const sync = ["sync", `${folder}/none`, "--home", folder];
    await fails(2, [...sync, "--dry-run", "--watch"], /--dry-run and --watch exclude each other/);
    await fails(2, [...sync, "--dry-run", "--heal"], /--dry-run and --heal exclude each other/);
    await fails(2, [...sync, "--volume", ""], /"" is no name for a volume/);
    await fails(2, ["sync", "", "--home", folder], /"" is no home, no socket and no address/);
    await fails(2, ["volume", "clone", "", "data", "--home", folder], /"" is no home, no socket/);
    await fails(2, ["volume", "clone", folder, "", "--home", folder], /"" is no name for a volume/);
    await fails(2, ["volume", "clone", folder, "data", "--as", "", "--home", folder], /"" is no name/);
  });
});

Deno.test("copies: one of a thing is told as one, and who may not open /sync hears who may", async () => {
  await inFolder(async (folder) => {
    const a = await homeWithData(`${folder}/a`);
    const b = `${folder}/b`;
    await ok("volume", "clone", a, "data", "--home", b, "--contents", "on-demand");
    assert.match(await ok("volume", "verify", "data", "--home", b), /1 chunk is not here/);
    await Deno.writeFile(`${b}/volumes/data/index.guard`, new Uint8Array(0));
    const { code, out } = await lux9("volume", "verify", "data", "--home", b);
    assert.equal(code, 1);
    assert.match(out, /^1 problem$/m);
    await using node = await TestNode.start({ home: a, data: "volume", listen: ["tcp!127.0.0.1!PORT"] });
    for (const words of [["sync", node.address()], ["volume", "clone", node.address(), "data"]]) {
      await fails(
        1,
        [...words, "--home", b, ...(words.length > 2 ? ["--as", "other"] : [])],
        /\/sync/,
        /owner/,
        /users=/,
      );
    }
  });
});

Deno.test("copies: a clone that fills the disk says how it goes on, its remains go from the full disk, and a home that may not be written is named", async (t) => {
  if (!skipUnless(t.name, MOUNTS)) return;
  await inFolder(async (folder) => {
    const [disk, readOnly] = [`${folder}/disk`, `${folder}/read-only`];
    for (const each of [disk, readOnly]) await Deno.mkdir(each);
    const a = await homeWithData(`${folder}/a`, LARGE_BYTES);
    await run("mount", "-t", "tmpfs", "-o", `size=${DISK_BYTES}`, "lux9-copies", disk);
    await run("mount", "--bind", a, readOnly);
    try {
      await run("mount", "-o", "remount,ro,bind", readOnly);
      const small = `${disk}/h`;
      const rest = `lux9 volume rm data --home ${small} --yes`;
      const said = await fails(
        1,
        ["volume", "clone", a, "data", "--home", small],
        /ENOSPC/,
        /once there is room/,
      );
      assert.ok(said.includes(rest), said);
      using ballast = await Deno.open(`${disk}/ballast`, { create: true, write: true });
      assert.throws(() => {
        for (;;) ballast.writeSync(new Uint8Array(4096));
      });
      await ok("volume", "rm", "data", "--yes", "--home", small);
      assert.deepEqual(names(`${small}/volumes`), []);
      const refused = await fails(1, ["sync", readOnly, "--home", a], /read-only may not be written/);
      assert.doesNotMatch(refused, /--home/);
    } finally {
      for (const each of [readOnly, disk]) await run("umount", "-l", each);
    }
  });
});
