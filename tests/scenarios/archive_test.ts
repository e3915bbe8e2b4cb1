/** Volumes as tar archives: made by a node and read by GNU tar, and the other way round; and volumes that go. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { verify } from "../../state/worker/mod.ts";
import { TarWriter } from "../../cli/tar/mod.ts";
import { TestNode } from "./node.ts";
import { lux9, lux9Bytes } from "./program.ts";

const NANO = /\.\d{6,9}/;

async function output(
  command: string,
  args: string[],
  env: Record<string, string> = {},
): Promise<Uint8Array> {
  const { success, stdout, stderr } = await new Deno.Command(command, { args, env }).output();
  assert.ok(success, `${command} ${args.join(" ")}: ${new TextDecoder().decode(stderr)}`);
  return stdout;
}

/** All that a folder has, one line a name. */
async function listing(folder: string): Promise<string[]> {
  const bytes = await output("tar", [
    "--xattrs",
    "--xattrs-include=*",
    "--sort=name",
    "--full-time",
    // Without a locale it would show other names than there are.
    "--quoting-style=literal",
    "-cv",
    "-f",
    "/dev/null",
    "-C",
    folder,
    ".",
  ]);
  const names = new TextDecoder().decode(bytes).trim().split("\n");
  const lines: string[] = [];
  for (const name of names) {
    const path = join(folder, name);
    const { isFile, isSymlink, mode, size, nlink, uid, gid } = await Deno.lstat(path);
    const stat = new TextDecoder().decode(await output("stat", ["-c", "%y %F", path]));
    const text = isFile
      ? new Uint8Array(await crypto.subtle.digest("SHA-256", await Deno.readFile(path))).toBase64()
      : isSymlink
      ? await Deno.readLink(path)
      : "";
    lines.push(
      [name, isSymlink ? "" : mode, isFile ? `${size} ${nlink}` : "", uid, gid, stat.trim(), text].join(" "),
    );
  }
  return lines.sort();
}

async function makeTree(folder: string): Promise<void> {
  await Deno.mkdir(join(folder, "docs", "sub"), { recursive: true });
  await Deno.writeTextFile(join(folder, "docs", "plan.md"), "plan\n");
  await Deno.link(join(folder, "docs", "plan.md"), join(folder, "hard"));
  await Deno.symlink("docs/plan.md", join(folder, "symlink"));
  await Deno.symlink("/etc/passwd", join(folder, "docs", "elsewhere"));
  const long = "long name ".repeat(20).trim();
  await Deno.mkdir(join(folder, long, long), { recursive: true });
  await Deno.writeTextFile(join(folder, long, long, "ünï"), "x");
  await Deno.writeFile(join(folder, "large"), crypto.getRandomValues(new Uint8Array(60_000)));
  await Deno.writeFile(join(folder, "larger"), new Uint8Array(3_000_001).map((_, i) => i * 31 >>> 3));
  await Deno.writeTextFile(join(folder, "empty"), "");
  await output("mkfifo", ["-m", "600", join(folder, "fifo")]);
  await Deno.chmod(join(folder, "large"), 0o750);
  await Deno.chmod(join(folder, "docs", "sub"), 0o1700);
  await Deno.utime(join(folder, "docs", "sub"), 1, 1_000_000_000.25);
}

Deno.test("archives: GNU tar's goes into a volume and out again, and is what it was", async () => {
  const home = await Deno.makeTempDir({ prefix: "lux9-" });
  const [tree, copy] = [join(home, "tree"), join(home, "copy")];
  await makeTree(tree);
  await Deno.mkdir(copy);
  await using node = await TestNode.start({ home });
  for (const format of ["pax", "gnu"]) {
    const archive = await output("tar", ["-c", `--format=${format}`, "-C", tree, "."]);
    const { code, err } = await lux9(home, ["volume import", format], archive);
    assert.equal(code, 0, err);
    assert.match(err, /^1\d files, 3\.1 MB\n$/);
  }
  // A file is open over the export, and is written on meanwhile.
  const client = await node.connect();
  const volume = await client.walk(client.root, "vol", "pax");
  const exported = await lux9Bytes(home, ["volume export", "pax"]);
  assert.equal(exported.code, 0, exported.err);
  await Deno.writeFile(join(home, "out.tar"), exported.stdout);
  await output("tar", ["-xpf", join(home, "out.tar"), "-C", copy]);
  const [before, after] = [await listing(tree), await listing(copy)];
  assert.deepEqual(after, before);
  assert.match(before.join("\n"), NANO);
  // The archive of one moment left no snapshot behind; one of a snapshot is what was then.
  assert.match((await lux9(home, ["snapshot ls", "pax"])).out, /has no snapshots/);
  assert.equal((await lux9(home, ["snapshot create", "pax", "then"])).code, 0);
  await client.unlink(volume, "hard");
  const then = await lux9Bytes(home, ["volume export", "pax", "--snapshot", "then"]);
  assert.deepEqual(then.stdout, exported.stdout);
  assert.match((await lux9(home, ["volume export", "pax", "-s", "never"])).err, /has no snapshot "never"/);
  client.wire.close();
  await node.stop();
  for (const name of ["pax", "gnu"]) assert.deepEqual(verify(join(home, "volumes", name)).problems, []);
  await Deno.remove(home, { recursive: true });
});

Deno.test("archives: attributes of any bytes, and devices", async () => {
  const home = await Deno.makeTempDir({ prefix: "lux9-" });
  await using node = await TestNode.start({ home });
  const value = Uint8Array.from({ length: 40_000 }, (_, i) => i * 7);
  const parts: Uint8Array[] = [];
  const writer = new TarWriter((bytes) => void parts.push(bytes.slice()));
  const plain = {
    mode: 0o640,
    uid: 12345,
    gid: 54321,
    uname: "",
    gname: "",
    size: 0,
    target: "",
    major: 0,
    minor: 0,
  };
  const mtime = { sec: 1_700_000_000, nsec: 123_456_789 };
  const xattrs = new Map([["user.any", value], ["security.capability", new Uint8Array([1, 0, 0, 2])]]);
  await writer.entry({ ...plain, kind: "file", path: "file", mtime, xattrs });
  await writer.entry({
    ...plain,
    kind: "block",
    path: "block",
    mtime,
    major: 7,
    minor: 300,
    xattrs: new Map(),
  });
  await writer.finish();
  const archive = new Uint8Array(await new Blob(parts as BlobPart[]).arrayBuffer());
  assert.equal((await lux9(home, ["volume import", "any"], archive)).code, 0);
  const exported = await lux9Bytes(home, ["volume export", "any"]);
  assert.match(new TextDecoder("latin1").decode(exported.stdout), /SCHILY\.xattr\.security\.capability=/);
  const again = await lux9(home, ["volume import", "again"], exported.stdout);
  assert.equal(again.code, 0, again.err);
  assert.deepEqual((await lux9Bytes(home, ["volume export", "again"])).stdout, exported.stdout);
  await Deno.writeFile(join(home, "out.tar"), exported.stdout);
  const listed = new TextDecoder().decode(
    await output("tar", ["--full-time", "--numeric-owner", "-tvf", join(home, "out.tar")], { TZ: "UTC" }),
  );
  assert.match(listed, /-rw-r----- 12345\/54321 +0 2023-11-14 22:13:20.123456789 file\n/);
  assert.match(listed, /brw-r----- 12345\/54321 +7,300 2023-11-14 22:13:20.123456789 block\n/);
  await node.stop();
  await Deno.remove(home, { recursive: true });
});

Deno.test("archives: what is bad is left out or refused, and the volume stays sound", async () => {
  const home = await Deno.makeTempDir({ prefix: "lux9-" });
  await using node = await TestNode.start({ home });
  const parts: Uint8Array[] = [];
  const writer = new TarWriter((bytes) => void parts.push(bytes.slice()));
  const plain = { mode: 0o644, uid: 0, gid: 0, uname: "", gname: "", size: 0, mtime: { sec: 1, nsec: 0 } };
  const more = { target: "", major: 0, minor: 0, xattrs: new Map() };
  const add = (path: string, change = {}) =>
    writer.entry({ ...plain, ...more, kind: "file", path, ...change });
  await add("good");
  for (
    const path of [
      "/absolute",
      "../out",
      "a/../../out",
      "x".repeat(256),
      "a\0b".padEnd(120, "x"),
      "d/".repeat(1001) + "f",
    ]
  ) {
    await add(path);
  }
  // Through a symlink nothing is reached, wherever it leads.
  await add("out", { kind: "symlink", target: "/ctl" });
  await add("up", { kind: "symlink", target: ".." });
  await add("up/file");
  await add("hard", { kind: "link", target: "../../status" });
  await add("harder", { kind: "link", target: "missing" });
  // An access list is not kept; the file is imported all the same.
  await add("listed", { mode: 0o640, xattrs: new Map([["system.posix_acl_access", new Uint8Array(36)]]) });
  await add("last");
  await writer.finish();
  const archive = new Uint8Array(await new Blob(parts as BlobPart[]).arrayBuffer());
  const { code, err } = await lux9(home, ["volume import", "bad"], archive);
  assert.equal(code, 1);
  for (
    const said of [
      /"\/absolute" is absolute/,
      /"\.\.\/out" has \.\. in it/,
      /256 bytes, allowed are 255/,
      /zero byte/,
      /1002 names/,
      /listed: Left out its attribute "system\.posix_acl_access"/,
    ]
  ) {
    assert.match(err, said);
  }
  await node.asOwner(async (client) => {
    const names = (await client.names(await client.walk(client.root, "vol", "bad"))).sort();
    assert.deepEqual(names, ["good", "last", "listed", "out", "up"]);
  });
  assert.match((await lux9(home, ["stat", "/vol/bad/listed"])).out, /-rw-r-----|0?640/);
  assert.match((await lux9(home, ["volume import", "bad"], archive)).err, /has files, as "\w+": say --over/);
  assert.equal((await lux9(home, ["volume import", "bad", "--over"], archive)).code, 1);
  // Cut off in the middle of a file: what was whole is there, and nothing else.
  const tree = join(home, "tree");
  await makeTree(tree);
  const whole = await output("tar", ["-c", "-C", tree, "empty", "larger", "large"]);
  const torn = await lux9(home, ["volume import", "torn"], whole.subarray(0, 2_000_000));
  assert.equal(torn.code, 1);
  assert.match(torn.err, /ends in the middle, after 2000000 bytes, at or behind "larger"/);
  await node.asOwner(async (client) => {
    assert.deepEqual(await client.names(await client.walk(client.root, "vol", "torn")), ["empty"]);
  });
  assert.equal((await lux9(home, ["volume import", "torn", "--over"], whole)).code, 0);
  assert.match(
    (await lux9(home, ["volume import", "none"], new TextEncoder().encode("hello ".repeat(200)))).err,
    /no tar archive/,
  );
  assert.doesNotMatch((await lux9(home, ["volume ls"])).out, /^none/m);
  await node.stop();
  for (const name of ["bad", "torn"]) assert.deepEqual(verify(join(home, "volumes", name)).problems, []);
  await Deno.remove(home, { recursive: true });
});

Deno.test("volume rm: only with --yes, not while it is served, and with the node or without", async () => {
  const home = await Deno.makeTempDir({ prefix: "lux9-" });
  const rm = (...words: string[]) => lux9(home, ["volume rm", ...words]);
  const left = () => [...Deno.readDirSync(join(home, "volumes"))].map(({ name }) => name).sort();
  {
    await using node = await TestNode.start({ home });
    for (const name of ["a", "b", "c"]) assert.equal((await lux9(home, ["volume create", name])).code, 0);
    const unsure = await rm("a");
    assert.equal(unsure.code, 2);
    assert.match(unsure.err, /say --yes/);
    assert.match((await rm("a", "--yes")).err, /The volume a is served at \/vol\/a/);
    assert.match((await rm("nothing", "--yes")).err, /has no volume "nothing"/);
    assert.match((await rm("../a", "--yes")).err, /is no name for a volume/);
    // Where it is bound to counts as well.
    assert.equal((await lux9(home, ["bind", "/vol/a", "/bound"])).code, 0);
    assert.equal((await lux9(home, ["unmount", "/vol/a"])).code, 0);
    assert.match((await rm("a", "--yes")).err, /is served where it was bound to|is served at/);
    assert.equal((await lux9(home, ["unmount", "/bound"])).code, 0);
    const gone = await rm("a", "--yes");
    assert.equal(gone.code, 0, gone.err);
    assert.deepEqual(left(), ["b", "c"]);
    assert.doesNotMatch((await lux9(home, ["volume ls"])).out, /^a /m);
    assert.match((await lux9(home, ["volume create", "a"])).out, /at \/vol\/a/);
    await node.stop();
  }
  assert.equal((await rm("b", "--yes")).code, 0);
  assert.match((await rm("b", "--yes")).err, /has no volume "b"/);
  assert.deepEqual(left(), ["a", "c"]);
  // What a removal that was cut short leaves is no volume.
  await Deno.rename(join(home, "volumes", "c"), join(home, "volumes", ".removed-c-12345678"));
  await using node = await TestNode.start({ home });
  assert.match((await lux9(home, ["volume ls"])).out, /^a .*\n$/);
  await node.stop();
  await Deno.remove(home, { recursive: true });
});
