/** Binds and unions, by lines to /ctl and by `lux9.yaml`: what they show, what they refuse, and who may change them. */
import assert from "node:assert/strict";
import { join } from "node:path";
import type { Client } from "../conformance/client.ts";
import { refuses } from "./connect.ts";
import { makeHome, TestNode } from "./node.ts";

/** Writes a line to /ctl. */
async function command(client: Client, line: string): Promise<void> {
  const fid = await client.walk(client.root, "ctl");
  try {
    await client.open(fid, "w");
    await client.write(fid, 0, `${line}\n`);
  } finally {
    await client.clunk(fid);
  }
}

/** The names at a path. */
async function list(client: Client, path: string): Promise<string[]> {
  return await client.names(await walk(client, path));
}
async function read(client: Client, path: string): Promise<string> {
  return await client.get(client.root, ...namesOf(path));
}
async function walk(client: Client, path: string): Promise<number> {
  return await client.walk(client.root, ...namesOf(path));
}
async function put(client: Client, path: string, data: string): Promise<void> {
  const names = namesOf(path);
  await client.put(await client.walk(client.root, ...names.slice(0, -1)), names.at(-1)!, data);
}
async function mkdir(client: Client, path: string): Promise<void> {
  const names = namesOf(path);
  await client.mkdir(await client.walk(client.root, ...names.slice(0, -1)), names.at(-1)!);
}
const namesOf = (path: string) => path.split("/").filter((name) => name !== "");

const YAML = `
mounts:
  - {at: /a, mem: {}}
  - {at: /b, mem: {bytesMax: 1000000}}
  - {at: /folder, host: ../FOLDER}
  - {at: /deep/er/down, mem: {}}
  - {at: /u, bind: /a}
  - {at: /u, bind: /b, order: after, create: true}
`;

Deno.test("mounts of lux9.yaml: every kind, deep and in unions, and ns lists them", async () => {
  const folder = await makeHome();
  try {
    await Deno.writeTextFile(join(folder, "file"), "on the machine");
    await using node = await TestNode.start({ yaml: YAML.replace("../FOLDER", folder) });
    await node.asOwner(async (client) => {
      assert.equal(await read(client, "/folder/file"), "on the machine");
      await put(client, "/deep/er/down/file", "deep");
      assert.deepEqual(await list(client, "/deep"), ["er"]);
      assert.deepEqual(await list(client, "/deep/er"), ["down"]);
      const roots = await list(client, "/");
      for (const name of ["a", "b", "ctl", "data", "deep", "folder", "log", "ns", "status", "u"]) {
        assert.ok(roots.includes(name), name);
      }
      await put(client, "/a/same", "of a");
      await put(client, "/b/same", "of b");
      assert.equal(await read(client, "/u/same"), "of a", "the first member hides the others");
      await put(client, "/u/new", "new");
      assert.equal(await read(client, "/b/new"), "new", "new names go to the member marked for them");
      assert.deepEqual(await list(client, "/u"), ["new", "same"]);

      const lines = (await read(client, "/ns")).trimEnd().split("\n");
      assert.ok(lines.includes(`mount ${folder} /folder`), lines.join());
      assert.deepEqual(lines.filter((line) => line.endsWith(" /u")), ["mount /a /u", "mount -ac /b /u"]);
      const json = JSON.parse(await read(client, "/ns.json"));
      const { members } = json.find(({ path }: { path: string }) => path === "/u");
      assert.deepEqual(members.map(({ label }: { label: string }) => label), ["/a", "/b"]);
    });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("lines to /ctl: bind before, after and instead, and unmount", async () => {
  await using node = await TestNode.start({ yaml: "mounts: [{at: /a, mem: {}}, {at: /b, mem: {}}]\n" });
  await node.asOwner(async (client) => {
    await put(client, "/a/same", "of a");
    await put(client, "/b/same", "of b");
    await put(client, "/a/only-a", "");
    await put(client, "/b/only-b", "");

    await command(client, "bind /a /x");
    assert.deepEqual(await list(client, "/x"), ["only-a", "same"]);
    await command(client, "bind -b /b /x");
    assert.equal(await read(client, "/x/same"), "of b");
    assert.deepEqual(await list(client, "/x"), ["only-a", "only-b", "same"], "each name once");
    await put(client, "/x/new", "");
    assert.deepEqual(
      await list(client, "/a"),
      ["new", "only-a", "same"],
      "the member that was there takes new names",
    );

    const held = await walk(client, "/x/only-b");
    await client.open(held, "rw");
    await command(client, "unmount /b /x");
    assert.equal(await read(client, "/x/same"), "of a");
    assert.equal(await client.write(held, 0, "goes on"), 7, "who has a file open goes on with it");
    assert.equal(await read(client, "/b/only-b"), "goes on");

    await command(client, "bind -ac /b /x");
    assert.equal(await read(client, "/x/same"), "of a");
    await put(client, "/x/newer", "");
    assert.equal(
      (await list(client, "/b")).includes("newer"),
      true,
      "the member that is marked for new names",
    );
    assert.ok((await read(client, "/ns")).includes("mount -ac /b /x\n"));
    await command(client, "unmount /x");
    await refuses("ENOENT", walk(client, "/x"));

    // Over a folder that has something: it is hidden, in a union shown, and there again afterwards.
    await mkdir(client, "/data/dir");
    await put(client, "/data/dir/below", "below");
    await command(client, "bind /a /data/dir");
    assert.equal((await list(client, "/data/dir")).includes("below"), false);
    await command(client, "unmount /data/dir");
    await command(client, "bind -a /a /data/dir");
    assert.deepEqual(await list(client, "/data/dir"), ["below", "new", "only-a", "same"]);
    await command(client, "unmount /data/dir");
    assert.deepEqual(await list(client, "/data/dir"), ["below"]);
    // A name with a blank and a quote.
    await mkdir(client, "/data/it's here");
    await command(client, "bind /a '/data/it''s here'");
    assert.equal(await read(client, "/data/it's here/same"), "of a");
    assert.ok((await read(client, "/ns")).includes("mount /a '/data/it''s here'\n"));
  });
});

Deno.test("a new file in a union has its permissions masked by the directory that it is in", async () => {
  await using node = await TestNode.start({ yaml: YAML.replace("../FOLDER", ".") });
  await node.asOwner(async (client) => {
    await client.chmod(await walk(client, "/a"), 0o700);
    await client.chmod(await walk(client, "/b"), 0o755);
  });
  const classic = await node.connect({ dialect: "9P2000" });
  const fid = await classic.create(await walk(classic, "/u"), "masked", { perm: 0o666 });
  assert.equal((await classic.stat(fid)).mode & 0o777, 0o644);
});

Deno.test("a union: what is removed, renamed and linked is the member's, and nothing moves between members", async () => {
  await using node = await TestNode.start({
    yaml:
      "mounts: [{at: /a, mem: {}}, {at: /b, mem: {}}, {at: /u, bind: /a}, {at: /u, bind: /b, order: after}]\n",
  });
  await node.asOwner(async (client) => {
    for (const [path, data] of [["/a/same", "of a"], ["/b/same", "of b"], ["/a/x", "x"], ["/b/y", "y"]]) {
      await put(client, path, data);
    }
    await mkdir(client, "/b/dir");
    const union = await walk(client, "/u");
    await client.unlink(union, "same");
    assert.equal(await read(client, "/u/same"), "of b", "the hidden one shows");
    assert.deepEqual(await list(client, "/a"), ["x"]);

    await client.rename(await walk(client, "/u/x"), union, "renamed");
    assert.deepEqual(await list(client, "/a"), ["renamed"]);
    const dir = await walk(client, "/u/dir");
    await refuses("EXDEV", client.rename(await walk(client, "/u/renamed"), dir, "moved"));
    await refuses(
      "EXDEV",
      client.rpc("Tlink", { dfid: dir, fid: await walk(client, "/u/renamed"), name: "second" }),
    );
    await client.rename(await walk(client, "/u/y"), dir, "moved");
    assert.equal(await read(client, "/b/dir/moved"), "y");
    assert.equal(await read(client, "/u/renamed"), "x", "what was refused is as it was");

    await refuses(
      "EXDEV",
      client.rename(await walk(client, "/a/renamed"), await walk(client, "/b"), "moved"),
    );
    await refuses("EBUSY", client.remove(await walk(client, "/a")));
    await refuses("EBUSY", client.rename(await walk(client, "/b"), client.root, "c"));
    await refuses("EEXIST", client.mkdir(client.root, "a"));
  });
});

Deno.test("a listing of a union that changes meanwhile shows each name that stays once", async () => {
  await using node = await TestNode.start({
    yaml:
      "mounts: [{at: /a, mem: {}}, {at: /b, mem: {}}, {at: /u, bind: /a}, {at: /u, bind: /b, order: after}]\n",
  });
  await node.asOwner(async (client) => {
    const [a, b] = [await walk(client, "/a"), await walk(client, "/b")];
    for (let i = 0; i < 300; i++) {
      await client.clunk(await client.mkdir(a, `a${i}`));
      await client.clunk(await client.mkdir(b, `b${i}`));
      if (i % 3 === 0) await client.clunk(await client.mkdir(b, `a${i}`));
    }
    const fid = await walk(client, "/u");
    await client.open(fid, "r");
    const seen: string[] = [];
    let offset: Awaited<ReturnType<typeof client.readdir>>[number]["cookie"] = 0;
    for (let round = 0;; round++) {
      const page = await client.readdir(fid, offset, 1000);
      if (page.length === 0) break;
      seen.push(...page.map(({ name }) => name));
      offset = page.at(-1)!.cookie;
      if (round % 2 === 0) await client.unlink(await walk(client, "/u"), `b${round}`);
      await client.clunk(await client.mkdir(round % 3 === 0 ? a : b, `new${round}`));
    }
    const old = seen.filter((name) => !name.startsWith("new"));
    assert.equal(new Set(seen).size, seen.length, "nothing twice");
    for (let i = 0; i < 300; i++) {
      assert.ok(old.includes(`a${i}`), `a${i}`);
      if (i % 2 === 1) assert.ok(old.includes(`b${i}`), `b${i}`);
    }
  });
});

/** Lines that are wrong, what the writer gets, and what the reason says. */
const BAD: readonly (readonly [line: string, errno: "EINVAL" | "ENOENT" | "ECONNREFUSED", reason: RegExp])[] =
  [
    ["frobnicate", "EINVAL", /write bind \[-abc\] OLD NEW/],
    ["bind /a", "EINVAL", /"bind \/a": write/],
    ["bind -x /a /b", "EINVAL", /write bind/],
    ["bind 'a /b", "EINVAL", /quotes do not match/],
    ["bind a /x", "EINVAL", /"a" is no absolute path/],
    ["bind /a x", "EINVAL", /"x" is no absolute path/],
    ["bind /none /x", "ENOENT", /none/],
    ["unmount /nowhere", "EINVAL", /Nothing is mounted at \/nowhere/],
    ["unmount /other /a", "EINVAL", /Nothing called \/other is mounted at \/a/],
    ["import nonsense /x", "EINVAL", /"nonsense" is no address/],
    ["import tcp!127.0.0.1!1 /x", "ECONNREFUSED", /nobody listens there/],
  ];

Deno.test("a bad line to /ctl gives an errno, a reason in /log/errors, and changes nothing", async (t) => {
  await using node = await TestNode.start({ yaml: "mounts: [{at: /a, mem: {}}]\n" });
  await node.asOwner(async (client) => {
    const before = await read(client, "/ns");
    for (const [line, errno, reason] of BAD) {
      await t.step(line, async () => {
        await refuses(errno, command(client, line));
        const last = (await node.errors()).at(-1);
        assert.equal(last?.code, errno);
        assert.match(last?.reason ?? "", reason);
        assert.equal(await read(client, "/ns"), before);
      });
    }
    await t.step("of several lines, those before a bad one are done", async () => {
      await refuses("EINVAL", command(client, "bind /a /first\nnonsense\nbind /a /second"));
      const names = await list(client, "/");
      assert.deepEqual([names.includes("first"), names.includes("second")], [true, false]);
    });
    await t.step("bytes that are no text, and too many of them", async () => {
      const fid = await walk(client, "/ctl");
      await client.open(fid, "w");
      await refuses("EILSEQ", client.write(fid, 0, new Uint8Array([0x62, 0xff, 0xfe])));
      await refuses("EMSGSIZE", client.write(fid, 0, new Uint8Array(10_000).fill(0x20)));
    });
  });
});

Deno.test("/ctl is the owner's alone", async () => {
  await using node = await TestNode.start({
    listen: ["tcp!127.0.0.1!PORT,users=trust", "tcp!127.0.0.1!PORT,users=none"],
  });
  for (const n of [0, 1]) {
    const client = await node.connect({ address: node.address(n), nUname: 4001 });
    await refuses("EACCES", command(client, "bind /data /x"));
    await refuses(n === 0 ? "EPERM" : "EACCES", client.chmod(await walk(client, "/ctl"), 0o666));
    assert.ok((await read(client, "/ns")).includes("/data"), "looking is free");
    client.wire.close();
  }
  const owner = await node.connect({ address: node.address(0), nUname: 0 });
  await command(owner, "bind /data /x");
  assert.ok((await list(owner, "/")).includes("x"));
  owner.wire.close();
});
