/** R12–R18: names, and the way to files. */
import assert from "node:assert/strict";
import { Qt } from "../../../9p/qid.ts";
import type { Client } from "../client.ts";
import { ALL, CLASSIC, LINUX, refused, type Rule, rule, type Trial, unknownFid } from "../rule.ts";
import { Closed, frameOf, isError, withBytes } from "../wire.ts";

/** A chain of directories d/d/d/…, with a file at its end. */
async function chain(client: Client, home: number, depth: number): Promise<void> {
  let dir = await client.walk(home);
  for (let i = 0; i < depth; i++) {
    const next = await client.mkdir(dir, "d");
    await client.clunk(dir);
    dir = next;
  }
  await client.put(dir, "file", "deep");
  await client.clunk(dir);
}

/** A request that carries a name, which should be refused. */
type Naming = (client: Client, name: string) => { frame: Uint8Array; tag: number; name: string };

interface Places {
  readonly dir: number;
  readonly file: number;
  readonly subdir: number;
}

/** Every message that makes or moves a name. The fids are fresh for each, so that none is left open. */
function namings(t: Trial, { dir, file, subdir }: Places): Record<string, Naming> {
  const build = (what: string, make: (client: Client, name: string, tag: number) => Uint8Array): Naming => (client, name) => {
    const tag = client.wire.freeTag();
    return { frame: make(client, name, tag), tag, name: what };
  };
  if (t.isLinux) {
    const gid = 0;
    return {
      Tlcreate: build("Tlcreate", (_, name, tag) =>
        frameOf(t.dialect, "Tlcreate", tag, { fid: subdir, name, flags: 0o102, mode: 0o644, gid })),
      Tmkdir: build("Tmkdir", (_, name, tag) => frameOf(t.dialect, "Tmkdir", tag, { dfid: dir, name, mode: 0o755, gid })),
      Tsymlink: build("Tsymlink", (_, name, tag) =>
        frameOf(t.dialect, "Tsymlink", tag, { fid: dir, name, symtgt: "x", gid })),
      Tmknod: build("Tmknod", (_, name, tag) =>
        frameOf(t.dialect, "Tmknod", tag, { dfid: dir, name, mode: 0o010644, major: 0, minor: 0, gid })),
      Tlink: build("Tlink", (_, name, tag) => frameOf(t.dialect, "Tlink", tag, { dfid: dir, fid: file, name })),
      Trename: build("Trename", (_, name, tag) => frameOf(t.dialect, "Trename", tag, { fid: file, dfid: dir, name })),
      "Trenameat to": build("Trenameat", (_, newname, tag) =>
        frameOf(t.dialect, "Trenameat", tag, { olddirfid: dir, oldname: "file", newdirfid: dir, newname })),
      "Trenameat from": build("Trenameat", (_, oldname, tag) =>
        frameOf(t.dialect, "Trenameat", tag, { olddirfid: dir, oldname, newdirfid: dir, newname: "moved" })),
      Tunlinkat: build("Tunlinkat", (_, name, tag) => frameOf(t.dialect, "Tunlinkat", tag, { dirfd: dir, name, flags: 0 })),
      "Tunlinkat of a directory": build("Tunlinkat", (_, name, tag) =>
        frameOf(t.dialect, "Tunlinkat", tag, { dirfd: dir, name, flags: 0x200 })),
    };
  }
  return {
    Tcreate: build("Tcreate", (_, name, tag) =>
      frameOf(t.dialect, "Tcreate", tag, { fid: subdir, name, perm: 0o644, mode: 2, extension: "" })),
    "Tcreate of a directory": build("Tcreate", (_, name, tag) =>
      frameOf(t.dialect, "Tcreate", tag, { fid: subdir, name, perm: 0o20000000755, mode: 0, extension: "" })),
  };
}

/** Sends a request that must not succeed, and opens the connection again where the server closed it. */
async function mustRefuse(client: Client, frame: Uint8Array, tag: number, what: string): Promise<void> {
  client.wire.sendBytes(frame, { name: what, tag });
  try {
    const reply = await client.wire.reply(tag);
    assert.ok(isError(reply), `${what} was accepted`);
  } catch (thrown) {
    if (!(thrown instanceof Closed)) throw thrown;
  }
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

export const walk: Rule[] = [
  rule("R12", "no names clone the fid: no qids, and two fids that do not know each other", ALL, async (t) => {
    const { client, home } = await t.start();
    const { wqid } = await client.rpc("Twalk", { fid: home, newfid: 80, wname: [] });
    assert.deepEqual(wqid, []);
    assert.equal((await client.info(80)).qid.path, (await client.info(home)).qid.path);
    await client.open(80, "r");
    await client.clunk(home);
    assert.deepEqual(await client.names(80), []);
    await client.rpc("Twalk", { fid: client.root, newfid: client.root, wname: [] });
    await client.info(client.root);
  }),

  rule("R12", "a clone of an open fid is not open", ALL, async (t) => {
    const { client, home } = await t.start();
    const file = await client.create(home, "file");
    await client.write(file, 0, "text");
    const clone = await client.walk(file);
    await refused(client.read(clone));
    await client.open(clone, "r");
    assert.equal(await client.readText(clone), "text");
  }),

  rule("R12", "sixteen names in one walk are fine, seventeen are an error", ALL, async (t) => {
    const { client, home } = await t.start();
    await chain(client, home, 16);
    const { wqid } = await client.rpc("Twalk", { fid: home, newfid: 80, wname: Array(16).fill("d") });
    assert.equal(wqid.length, 16);
    assert.equal(new Set(wqid.map((qid) => qid.path)).size, 16);
    assert.deepEqual(await client.names(80), ["file"]);
    await mustRefuse(
      client,
      frameOf(t.dialect, "Twalk", 5, { fid: home, newfid: 81, wname: Array(17).fill("d") }),
      5,
      "a walk of 17 names",
    );
    if (!client.wire.isClosed) await unknownFid(client, 81);
  }),

  rule("R13", "the first name failing is an error, and newfid stays free", ALL, async (t) => {
    const { client, home } = await t.start();
    await refused(client.rpc("Twalk", { fid: home, newfid: 80, wname: ["missing"] }), "ENOENT");
    await refused(client.rpc("Twalk", { fid: home, newfid: 80, wname: ["missing", "x", ".."] }), "ENOENT");
    await unknownFid(client, 80);
    await client.rpc("Twalk", { fid: home, newfid: 80, wname: [] });
  }),

  rule("R13", "a later name failing is a shorter Rwalk, newfid and fid unchanged", ALL, async (t) => {
    const { client, home } = await t.start();
    const dir = await client.mkdir(home, "dir");
    await client.put(dir, "file", "text");
    const dirQid = (await client.info(dir)).qid;
    for (
      const [names, count] of [
        [["dir", "missing"], 1],
        [["dir", "missing", "file"], 1],
        [["dir", "file", "x"], 2],
        [["dir", "file", ".."], 2],
        [["dir", "..", "dir", "missing"], 3],
        [["dir", "..", "missing", "..", "dir"], 2],
      ] as const
    ) {
      const { wqid } = await client.rpc("Twalk", { fid: home, newfid: 80, wname: [...names] });
      assert.equal(wqid.length, count, names.join("/"));
      assert.deepEqual(wqid[0], dirQid);
      await unknownFid(client, 80);
    }
    assert.deepEqual(await client.names(home), ["dir"]);
  }),

  rule("R13", "a walk from a file is an error", ALL, async (t) => {
    const { client, home } = await t.start();
    await client.put(home, "file", "text");
    const file = await client.walk(home, "file");
    await refused(client.rpc("Twalk", { fid: file, newfid: 80, wname: ["x"] }), "ENOTDIR");
    await unknownFid(client, 80);
    await refused(client.rpc("Twalk", { fid: 0x7ffffff1, newfid: 80, wname: [] }));
    await unknownFid(client, 80);
  }),

  rule("R14", "newfid in use and not fid is an error, and both stay what they were", ALL, async (t) => {
    const { client, home } = await t.start();
    const dir = await client.mkdir(home, "dir");
    const file = await client.create(home, "file");
    const before = [await client.info(dir), await client.info(file)];
    for (const wname of [[], ["dir"], ["missing"]]) {
      await refused(client.rpc("Twalk", { fid: home, newfid: file, wname }));
      await refused(client.rpc("Twalk", { fid: home, newfid: dir, wname }));
      await refused(client.rpc("Twalk", { fid: dir, newfid: home, wname: [".."] }));
    }
    assert.deepEqual([await client.info(dir), await client.info(file)], before);
    await client.write(file, 0, "still open");
    assert.deepEqual(await client.names(home), ["dir", "file"]);
  }),

  rule("R14", "a walk of several names onto the same fid happens as a whole or not at all", ALL, async (t) => {
    const { client, home } = await t.start();
    await chain(client, home, 3);
    const fid = await client.walk(home);
    const start = (await client.info(fid)).qid;
    const short = await client.rpc("Twalk", { fid, newfid: fid, wname: ["d", "d", "missing"] });
    assert.equal(short.wqid.length, 2);
    assert.deepEqual((await client.info(fid)).qid, start, "a short walk moved the fid");
    await refused(client.rpc("Twalk", { fid, newfid: fid, wname: ["missing", "d"] }));
    assert.deepEqual((await client.info(fid)).qid, start, "a failed walk moved the fid");
    const whole = await client.rpc("Twalk", { fid, newfid: fid, wname: ["d", "d"] });
    assert.deepEqual((await client.info(fid)).qid, whole.wqid[1]);
    await client.rpc("Twalk", { fid, newfid: fid, wname: ["..", ".."] });
    assert.deepEqual((await client.info(fid)).qid, start);
  }),

  rule("R15", "\"..\" at the attach root stays there", ALL, async (t) => {
    const client = await t.client();
    const { qid } = await client.info(client.root);
    for (const count of [1, 2, 16]) {
      const { wqid } = await client.rpc("Twalk", { fid: client.root, newfid: 80, wname: Array(count).fill("..") });
      assert.equal(wqid.length, count);
      for (const above of wqid) assert.equal(above.path, qid.path);
      assert.deepEqual(await client.names(80), await client.names(client.root));
      await client.clunk(80);
    }
  }),

  rule("R15", "\"..\" goes up by one, also from where \"..\" led", ALL, async (t) => {
    const { client, home } = await t.start();
    await chain(client, home, 2);
    const { qid } = await client.info(home);
    const { wqid } = await client.rpc("Twalk", { fid: home, newfid: 80, wname: ["d", "d", "..", "..", "d", ".."] });
    assert.equal(wqid[3].path, qid.path);
    assert.equal(wqid[5].path, qid.path);
    assert.ok(wqid.every((one) => one.type & Qt.DIR));
    assert.deepEqual(await client.names(80), ["d"]);
  }),

  rule("R16", "an open fid can be walked to another fid", ALL, async (t) => {
    const { client, home } = await t.start();
    await client.put(home, "file", "text");
    const dir = await client.walk(home);
    await client.open(dir, "r");
    assert.equal(await client.get(dir, "file"), "text");
    const file = await client.create(home, "new");
    await client.clunk(await client.walk(file));
    await client.write(file, 0, "still open");
    assert.deepEqual(await client.names(dir), ["file", "new"]);
  }),

  rule("R16", "an open fid cannot be walked to itself", ALL, async (t) => {
    const { client, home } = await t.start();
    await client.put(home, "file", "text");
    const dir = await client.walk(home);
    await client.open(dir, "r");
    const { qid } = await client.info(dir);
    await refused(client.rpc("Twalk", { fid: dir, newfid: dir, wname: ["file"] }));
    await refused(client.rpc("Twalk", { fid: dir, newfid: dir, wname: [".."] }));
    assert.deepEqual((await client.info(dir)).qid, qid);
    const file = await client.create(home, "new");
    await refused(client.rpc("Twalk", { fid: file, newfid: file, wname: ["x"] }));
    await client.write(file, 0, "still open");
  }),

  rule("R17", "after a short walk, clunking the newfid that never was is an error and no more", ALL, async (t) => {
    const { client, home } = await t.start();
    await client.clunk(await client.mkdir(home, "dir"));
    for (let i = 0; i < 10; i++) {
      const { wqid } = await client.rpc("Twalk", { fid: home, newfid: 80, wname: ["dir", "missing"] });
      assert.equal(wqid.length, 1);
      await refused(client.rpc("Tclunk", { fid: 80 }));
    }
    assert.deepEqual(await client.names(home), ["dir"]);
  }),

  rule("R18", "a walk to a name with a slash, to an empty one or one with a NUL is refused", ALL, async (t) => {
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
  }),

  rule("R18", "no message makes or moves a name that is \"\", \".\", \"..\", has a slash or a NUL", ALL, async (t) => {
    const { client, home } = await t.start();
    const at = await places(client, home);
    for (const [what, naming] of Object.entries(namings(t, at))) {
      for (const name of ["", ".", "..", "/", "a/b", "/a", "a/", "file/", "a\0b", "\0", "file\0"]) {
        const { frame, tag } = naming(client, name);
        await mustRefuse(client, frame, tag, `${what} ${JSON.stringify(name)}`);
        assert.ok(!client.wire.isClosed, `${what} ${JSON.stringify(name)} closed the connection`);
      }
    }
    assert.deepEqual(await client.names(home), ["file", "subdir"]);
    assert.deepEqual(await client.names(at.subdir), []);
    assert.equal(await client.get(home, "file"), "text");
  }),

  rule("R18", "no wstat makes a name that is \".\", \"..\", has a slash or a NUL", CLASSIC, async (t) => {
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
    const walkTo: Naming = (client, name) => {
      const tag = client.wire.freeTag();
      return { frame: frameOf(t.dialect, "Twalk", tag, { fid: at.dir, newfid: 80, wname: [name] }), tag, name: "Twalk" };
    };
    for (const what of ["Twalk", ...Object.keys(namings(t, at))]) {
      for (const [why, bytes] of NOT_UTF8) {
        const placeholder = PLACEHOLDER.slice(0, bytes.length);
        const naming = what === "Twalk" ? walkTo : namings(t, at)[what];
        const { frame, tag } = naming(client, placeholder);
        await mustRefuse(client, withBytes(frame, placeholder, Uint8Array.from(bytes)), tag, `${what} with ${why}`);
        await again();
      }
    }
    assert.deepEqual(await client.names(home), ["file", "subdir"]);
    assert.deepEqual(await client.names(at.subdir), []);
  }),

  rule("R18", "a name of 255 bytes is kept whole, one of 256 is refused and never cut", ALL, async (t) => {
    const { client, home } = await t.start();
    for (const [fits, tooLong] of [["x".repeat(255), "x".repeat(256)], ["ü".repeat(127) + "x", "ü".repeat(128)]]) {
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
      "...", ".hidden", "-rf", " ", " a ", "a\nb", "a\tb", "\x01", "\x7f", "*", "a\\b", "a:b", "%2f", "größe", "文件", "🐟",
      "e\u0301", "\u00e9", "\ufeffbom", "A", "a", "CON", "\u202egnp.exe", "~", "\ufffd",
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
