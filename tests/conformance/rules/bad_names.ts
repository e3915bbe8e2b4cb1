/** R18: names that are none. */
import assert from "node:assert/strict";
import { Dm } from "../../../9p/wire/stat.ts";
import type { Client } from "../client.ts";
import {
  ALL,
  CLASSIC,
  LINUX,
  mustRefuse,
  refused,
  type Rule,
  rule,
  type Trial,
  unknownFid,
} from "../rule.ts";
import { frameOf, withBytes } from "../wire.ts";

/** The frame of a request that carries a name. */
type Naming = (name: string, tag: number) => Uint8Array;

interface Places {
  readonly dir: number;
  readonly file: number;
  readonly subdir: number;
}

/** Every message that makes, moves or removes a name. */
function namings({ dialect, isLinux }: Trial, { dir, file, subdir }: Places): Record<string, Naming> {
  const gid = 0;
  const renameat = { olddirfid: dir, newdirfid: dir };
  if (isLinux) {
    return {
      Tlcreate: (name, tag) =>
        frameOf(dialect, "Tlcreate", tag, { fid: subdir, name, flags: 0o102, mode: 0o644, gid }),
      Tmkdir: (name, tag) => frameOf(dialect, "Tmkdir", tag, { dfid: dir, name, mode: 0o755, gid }),
      Tsymlink: (name, tag) => frameOf(dialect, "Tsymlink", tag, { fid: dir, name, symtgt: "x", gid }),
      Tmknod: (name, tag) =>
        frameOf(dialect, "Tmknod", tag, { dfid: dir, name, mode: 0o010644, major: 0, minor: 0, gid }),
      Tlink: (name, tag) => frameOf(dialect, "Tlink", tag, { dfid: dir, fid: file, name }),
      Trename: (name, tag) => frameOf(dialect, "Trename", tag, { fid: file, dfid: dir, name }),
      "Trenameat to": (newname, tag) =>
        frameOf(dialect, "Trenameat", tag, { ...renameat, oldname: "file", newname }),
      "Trenameat from": (oldname, tag) =>
        frameOf(dialect, "Trenameat", tag, { ...renameat, oldname, newname: "moved" }),
      Tunlinkat: (name, tag) => frameOf(dialect, "Tunlinkat", tag, { dirfd: dir, name, flags: 0 }),
      "Tunlinkat of a directory": (name, tag) =>
        frameOf(dialect, "Tunlinkat", tag, { dirfd: dir, name, flags: 0x200 }),
    };
  }
  const create = { fid: subdir, extension: "" };
  return {
    Tcreate: (name, tag) => frameOf(dialect, "Tcreate", tag, { ...create, name, perm: 0o644, mode: 2 }),
    "Tcreate of a directory": (name, tag) =>
      frameOf(dialect, "Tcreate", tag, { ...create, name, perm: Dm.DIR + 0o755, mode: 0 }),
  };
}

/** Placeholders of the right length, and the bytes that are no UTF-8. */
const NOT_UTF8: [string, number[]][] = [
  ["a lone continuation byte", [0x80]],
  ["0xff", [0x66, 0xff]],
  ["an overlong slash", [0xc0, 0xaf]],
  ["a surrogate", [0xed, 0xa0, 0x80]],
  ["a character that is cut off", [0x61, 0xe2, 0x82]],
  ["a code point above U+10FFFF", [0xf4, 0x90, 0x80, 0x80]],
];
const PLACEHOLDER = "~^`|";

async function places(client: Client, home: number): Promise<Places> {
  if (!await client.has(home, "file")) {
    await client.put(home, "file", "text");
    await client.clunk(await client.mkdir(home, "subdir"));
  }
  return { dir: home, file: await client.walk(home, "file"), subdir: await client.walk(home, "subdir") };
}

export const badNames: Rule[] = [
  rule(
    "R18",
    "a walk to a name with a slash, to an empty one or one with a NUL is refused",
    ALL,
    async (t) => {
      const { client, home } = await t.start();
      const dir = await client.mkdir(home, "dir");
      await client.put(dir, "file", "text");
      for (const name of ["", "/", "dir/file", "dir/", "/dir", "../dir", "dir\0", "\0", "\0dir", "dir/."]) {
        await refused(client.rpc("Twalk", { fid: home, newfid: 80, wname: [name] }));
        await unknownFid(client, 80);
        const { wqid } = await client.rpc("Twalk", { fid: home, newfid: 80, wname: ["dir", name] });
        assert.equal(wqid.length, 1, `dir, ${JSON.stringify(name)}`);
        await unknownFid(client, 80);
      }
    },
  ),

  rule(
    "R18",
    'no message makes or moves a name that is "", ".", "..", has a slash or a NUL',
    ALL,
    async (t) => {
      const { client, home } = await t.start();
      const at = await places(client, home);
      for (const [what, naming] of Object.entries(namings(t, at))) {
        for (const name of ["", ".", "..", "/", "a/b", "/a", "a/", "file/", "a\0b", "\0", "file\0"]) {
          const tag = client.wire.freeTag();
          await mustRefuse(client.wire, naming(name, tag), tag, `${what} ${JSON.stringify(name)}`);
          assert.ok(!client.wire.isClosed, `${what} ${JSON.stringify(name)} closed the connection`);
        }
      }
      assert.deepEqual(await client.names(home), ["file", "subdir"]);
      assert.deepEqual(await client.names(at.subdir), []);
      assert.equal(await client.get(home, "file"), "text");
    },
  ),

  rule("R18", 'no wstat makes a name that is ".", "..", has a slash or a NUL', CLASSIC, async (t) => {
    const { client, home } = await t.start();
    const { file } = await places(client, home);
    for (const name of [".", "..", "/", "a/b", "/a", "a/", "subdir/file", "a\0b", "\0", "file\0"]) {
      await refused(client.wstat(file, { name }));
    }
    assert.deepEqual(await client.names(home), ["file", "subdir"]);
    assert.equal((await client.stat(file)).name, "file");
  }),

  rule("R18", "names that are no UTF-8 are refused in every message", ALL, async (t) => {
    let { client, home } = await t.start();
    let at = await places(client, home);
    const again = async () => {
      if (!client.wire.isClosed) return;
      ({ client, home } = await t.start());
      at = await places(client, home);
    };
    const all = (): Record<string, Naming> => ({
      Twalk: (name, tag) => frameOf(t.dialect, "Twalk", tag, { fid: at.dir, newfid: 80, wname: [name] }),
      ...namings(t, at),
    });
    for (const what of Object.keys(all())) {
      for (const [why, bytes] of NOT_UTF8) {
        const placeholder = PLACEHOLDER.slice(0, bytes.length);
        const tag = client.wire.freeTag();
        const frame = withBytes(all()[what](placeholder, tag), placeholder, Uint8Array.from(bytes));
        await mustRefuse(client.wire, frame, tag, `${what} with ${why}`);
        await again();
      }
    }
    assert.deepEqual(await client.names(home), ["file", "subdir"]);
    assert.deepEqual(await client.names(at.subdir), []);
  }),

  rule("R18", "a name of 255 bytes is kept whole, one of 256 is refused and never cut", ALL, async (t) => {
    const { client, home } = await t.start();
    for (
      const [fits, tooLong] of [["x".repeat(255), "x".repeat(256)], ["ü".repeat(127) + "x", "ü".repeat(128)]]
    ) {
      await client.put(home, fits, "text");
      assert.equal(await client.get(home, fits), "text");
      assert.deepEqual(await client.names(home), [fits]);
      await client.unlink(home, fits);
      await refused(client.create(home, tooLong), "ENAMETOOLONG");
      await refused(client.create(home, "y".repeat(60_000)), "ENAMETOOLONG");
      await refused(client.walk(home, tooLong), "ENAMETOOLONG", "ENOENT");
      assert.deepEqual(await client.names(home), []);
    }
    await client.put(home, "file", "text");
    await refused(client.rename(await client.walk(home, "file"), home, "z".repeat(256)), "ENAMETOOLONG");
    assert.deepEqual(await client.names(home), ["file"]);
  }),

  rule("R18", "every other name is kept as it is, byte for byte", ALL, async (t) => {
    const { client, home } = await t.start();
    const names = [
      "...",
      ".hidden",
      "-rf",
      " ",
      " a ",
      "a\nb",
      "a\tb",
      "\x01",
      "\x7f",
      "*",
      "a\\b",
      "a:b",
      "%2f",
      "größe",
      "文件",
      "🐟",
      "e\u0301",
      "\u00e9",
      "\ufeffbom",
      "A",
      "a",
      "CON",
      "\u202egnp.exe",
      "~",
      "\ufffd",
    ];
    for (const name of names) await client.put(home, name, name);
    assert.deepEqual(await client.names(home), [...names].sort());
    for (const name of names) assert.equal(await client.get(home, name), name);
  }),

  rule("R18", "Tlcreate refuses a bad name before it touches the fid", LINUX, async (t) => {
    const { client, home } = await t.start();
    const fid = await client.walk(home);
    await refused(client.createOn(fid, ".."));
    await client.createOn(fid, "file");
    await client.write(fid, 0, "open");
  }),
];
