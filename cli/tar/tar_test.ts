import assert from "node:assert/strict";
import { join } from "node:path";
import { type Refused, type TarEntry, TarReader, TarWriter } from "./mod.ts";

const utf8 = new TextEncoder();

/** Gives the bytes in pieces of whatever size. */
function sourceOf(bytes: Uint8Array, piece = 700) {
  let at = 0;
  return {
    read(into: Uint8Array): Promise<number | null> {
      if (at === bytes.length) return Promise.resolve(null);
      const part = bytes.subarray(at, at + Math.min(piece, into.length));
      into.set(part);
      at += part.length;
      return Promise.resolve(part.length);
    },
  };
}

async function readAll(bytes: Uint8Array): Promise<{ entry: TarEntry; contents: Uint8Array }[]> {
  const reader = new TarReader(sourceOf(bytes));
  const found = [];
  for (let entry: TarEntry | Refused | undefined; (entry = await reader.next()) !== undefined;) {
    assert.ok(!("refused" in entry), JSON.stringify(entry));
    const contents = new Uint8Array(entry.size);
    for (let done = 0; done < contents.length;) done += await reader.read(contents.subarray(done)) ?? 0;
    assert.equal(await reader.read(new Uint8Array(1)), null);
    found.push({ entry, contents });
  }
  return found;
}

async function written(members: readonly { entry: TarEntry; contents: Uint8Array }[]): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  const writer = new TarWriter((bytes) => void parts.push(bytes.slice()));
  for (const { entry, contents } of members) {
    await writer.entry(entry);
    for (let at = 0; at < contents.length; at += 999) await writer.content(contents.subarray(at, at + 999));
  }
  await writer.finish();
  const all = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

const plain: TarEntry = {
  ...{ kind: "file", path: "file", mode: 0o640, uid: 1000, gid: 50, uname: "alice", gname: "staff", size: 0 },
  ...{
    mtime: { sec: 1_700_000_000, nsec: 0 },
    atime: undefined,
    target: "",
    major: 0,
    minor: 0,
    xattrs: new Map(),
  },
};

const members = ([
  plain,
  { path: "dir/", kind: "directory", mode: 0o2755 },
  { path: "dir/full block", size: 1024, mtime: { sec: 1, nsec: 1 } },
  { path: `${"long/".repeat(60)}name`, size: 3, mtime: { sec: -2, nsec: 500_000_000 } },
  { path: "ünï", target: "zü ".repeat(50), kind: "symlink", mode: 0o777 },
  { path: "hard", target: "file", kind: "link" },
  { path: "fifo", kind: "fifo" },
  { path: "null", kind: "character", major: 1, minor: 3 },
  {
    path: "large ids",
    uid: 4_000_000_000,
    gid: 3_000_000,
    uname: "somebody with a very long name, indeed",
    gname: "",
  },
  {
    path: "attributes",
    xattrs: new Map([["user.bin", new Uint8Array([0, 255, 10, 61])], ["user.empty", new Uint8Array()]]),
  },
  // Lengths at which the number of digits of a record's length grows by counting itself.
  ...[82, 83, 84, 85, 86, 980, 981, 982, 983].map((length) => ({
    path: `record ${length}`,
    xattrs: new Map([["n", new Uint8Array(length)]]),
  })),
] as Partial<TarEntry>[]).map((change) => {
  const entry = { ...plain, ...change };
  return { entry, contents: Uint8Array.from({ length: entry.size }, (_, i) => i * 7) };
});

Deno.test("tar: what is written is read back, every field of it", async () => {
  assert.deepEqual(await readAll(await written(members)), members);
});

Deno.test("tar: GNU tar reads what is written, without a word", async () => {
  const folder = await Deno.makeTempDir();
  const path = join(folder, "archive.tar");
  await Deno.writeFile(path, await written(members));
  const { stdout, stderr, success } = await new Deno.Command("tar", {
    args: ["--xattrs", "--full-time", "--numeric-owner", "--quoting-style=literal", "-tvf", path],
    env: { TZ: "UTC", LC_ALL: "C" },
  }).output();
  assert.equal(new TextDecoder().decode(stderr), "");
  assert.ok(success);
  const lines = new TextDecoder().decode(stdout).split("\n");
  assert.equal(lines.length - 1, members.length);
  assert.match(lines[2], /^-rw-r----- +1000\/50 +1024 1970-01-01 00:00:01.000000001 dir\/full block$/);
  // It sets 58.5 and lists 59.5, as it does for archives of its own.
  assert.match(lines[3], /1969-12-31 23:59:5[89].5 +long\/long\//);
  assert.match(lines[5], /^hrw-r-----.* hard link to file$/);
  assert.match(lines[7], /^crw-r-----.* 1,3 /);
  assert.match(lines[8], / 4000000000\/3000000 /);
  await Deno.remove(folder, { recursive: true });
});

Deno.test("tar: what GNU tar writes is read, in each of its formats", async () => {
  const folder = await Deno.makeTempDir();
  const tree = join(folder, "tree");
  const long = "long name ".repeat(15);
  await Deno.mkdir(join(tree, long), { recursive: true });
  await Deno.writeFile(join(tree, long, "file"), new Uint8Array(5000).fill(7));
  await Deno.symlink("s".repeat(150), join(tree, "symlink"));
  await Deno.link(join(tree, long, "file"), join(tree, "hard"));
  for (const format of ["pax", "gnu", "ustar", "oldgnu", "v7"]) {
    const names = ["ustar", "v7"].includes(format) ? ["hard"] : ["hard", "symlink", long];
    const { stdout, stderr, success } = await new Deno.Command("tar", {
      args: ["-c", `--format=${format}`, "-C", tree, ...names],
    }).output();
    assert.ok(success, `${format}: ${new TextDecoder().decode(stderr)}`);
    const found = await readAll(stdout);
    assert.deepEqual([...found[0].contents], [...new Uint8Array(5000).fill(7)], format);
    if (names.length === 1) continue;
    assert.equal(found[1].entry.target, "s".repeat(150), format);
    const last = found[found.length - 1].entry;
    assert.deepEqual([last.kind, last.path, last.target], ["link", `${long}/file`, "hard"], format);
  }
  await Deno.remove(folder, { recursive: true });
});

Deno.test("tar: what is no archive, or a broken one, is an error that says what and where", async () => {
  const good = await written(members);
  const rejects = (bytes: Uint8Array, message: RegExp) => assert.rejects(readAll(bytes), message);
  const changed = (at: number, text: string) => {
    const bytes = good.slice();
    bytes.set(utf8.encode(text), at);
    return bytes;
  };
  await rejects(new Uint8Array(), /There is nothing/);
  await rejects(utf8.encode("hello"), /ends in the middle, after 5 bytes/);
  await rejects(utf8.encode("hello ".repeat(200)), /no tar archive/);
  await rejects(new Uint8Array(600).fill(0x1f).fill(0x8b, 1), /compressed/);
  await rejects(changed(0, "F"), /header at byte 0 does not match its checksum/);
  await rejects(changed(124, "zzz"), /no tar archive/);
  for (let length = 512; length < 8192; length += 100) {
    // The rest of an archive may be missing where a member ends.
    const part = good.subarray(0, length);
    if (length % 512 !== 0) await rejects(part, /ends in the middle/);
  }
  // Headers that want much memory are refused before they get it.
  const pax = members.slice(9, 10);
  const bytes = await written(pax);
  const size = 2 ** 33 - 1;
  bytes.set(utf8.encode(size.toString(8).padStart(11, "0")), 124);
  let sum = 0;
  for (let i = 0; i < 512; i++) sum += i >= 148 && i < 156 ? 0x20 : bytes[i];
  bytes.set(utf8.encode(sum.toString(8).padStart(6, "0")), 148);
  await rejects(bytes, /a header of 8589934591 bytes, allowed are 1048576/);
});

Deno.test("tar: any byte that is changed is found, or is one of the contents, and nothing hangs", async () => {
  const good = await written(members.slice(0, 12));
  for (let round = 0; round < 3000; round++) {
    const bytes = good.slice(0, 1 + Math.floor(Math.random() * good.length));
    const at = Math.floor(Math.random() * bytes.length);
    bytes[at] = Math.floor(Math.random() * 256);
    const reader = new TarReader(sourceOf(bytes, 4096));
    try {
      let count = 0;
      while (await reader.next() !== undefined) assert.ok(++count <= 30);
    } catch (thrown) {
      assert.match(String((thrown as { code: string }).code), /^E(INVAL|IO)$/, `${at}: ${thrown}`);
    }
  }
});
