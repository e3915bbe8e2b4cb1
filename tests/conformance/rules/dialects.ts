/** R36 and R48: what each dialect carries, and how a client gets it. */
import assert from "node:assert/strict";
import { Errno } from "../../../9p/errno.ts";
import { Dm } from "../../../9p/wire/stat.ts";
import { MESSAGES } from "../../../9p/wire/messages.ts";
import { ALL, CLASSIC, NUMERIC, refused, type Rule, rule } from "../rule.ts";

export const dialects: Rule[] = [
  rule(
    "R36",
    "an Rerror of 9P2000.u carries an errno that fits its text, one of 9P2000 none",
    CLASSIC,
    async (t) => {
      const { client, home } = await t.start();
      const tag = client.wire.send("Twalk", { fid: home, newfid: 80, wname: ["missing"] });
      const { bytes, type } = await client.wire.reply(tag);
      assert.equal(type, MESSAGES.Rerror.type);
      const view = new DataView(bytes.buffer);
      const end = 9 + view.getUint16(7, true);
      assert.equal(bytes.byteLength, t.dialect === "9P2000.u" ? end + 4 : end);
      if (t.dialect === "9P2000.u") assert.equal(view.getUint32(end, true), Errno.ENOENT);
    },
  ),

  rule(
    "R36",
    "a stat of 9P2000 ends with muid, one of 9P2000.u has extension and numbers",
    CLASSIC,
    async (t) => {
      const { client, home } = await t.start();
      const file = await client.create(home, "file");
      const { bytes } = await client.wire.reply(client.wire.send("Tstat", { fid: file }));
      const view = new DataView(bytes.buffer);
      // size[4] Rstat tag[2] n[2] size[2] type[2] dev[4] qid[13] mode[4] atime[4] mtime[4] length[8] and four strings
      let at = 11 + 2 + 4 + 13 + 4 + 4 + 4 + 8;
      for (let i = 0; i < 4; i++) at += 2 + view.getUint16(at, true);
      if (t.dialect === "9P2000") assert.equal(at, bytes.byteLength);
      else {
        at += 2 + view.getUint16(at, true);
        assert.equal(at + 12, bytes.byteLength);
        const stat = await client.stat(file);
        assert.equal(stat.nUid, t.subject.uid);
        assert.equal(stat.extension, "");
      }
    },
  ),

  rule("R36", "9P2000.u opens to append, as Linux asks for >>", ["9P2000.u"], async (t) => {
    const { client, home } = await t.start();
    const file = await client.create(home, "log", { access: "w" });
    await client.rpc("Twrite", { fid: file, offset: 0, data: new TextEncoder().encode("first ") });
    const again = await client.walk(home, "log");
    // OWRITE and OAPPEND
    await client.rpc("Topen", { fid: again, mode: 0x81 });
    await client.rpc("Twrite", { fid: again, offset: 0, data: new TextEncoder().encode("second") });
    const reading = await client.walk(home, "log");
    await client.open(reading, "r");
    const { data } = await client.rpc("Tread", { fid: reading, offset: 0, count: 100 });
    assert.equal(new TextDecoder().decode(data), "first second");
  }),

  rule("R36", "9P2000.u makes and shows symbolic links by the extension", ["9P2000.u"], async (t) => {
    t.need("symlinks");
    const { client, home } = await t.start();
    const target = "somewhere/ünder no/name";
    await client.clunk(
      await client.create(home, "link", { perm: Dm.SYMLINK + 0o777, access: "r", extension: target }),
    );
    const link = await client.walk(home, "link");
    const { mode, extension } = await client.stat(link);
    assert.ok(mode & Dm.SYMLINK);
    assert.equal(extension, target);
    const [entry] = client.entries(
      await (async () => {
        const dir = await client.walk(home);
        await client.open(dir, "r");
        return client.read(dir);
      })(),
    );
    assert.equal(entry.extension, target);
    assert.ok(entry.mode & Dm.SYMLINK);
    await refused(
      client.create(home, "link", { perm: Dm.SYMLINK + 0o777, access: "r", extension: "x" }),
      "EEXIST",
    );
  }),

  rule("R36", "9P2000.u makes and shows fifos and devices", ["9P2000.u"], async (t) => {
    t.need("fifos");
    const { client, home } = await t.start();
    await client.clunk(await client.create(home, "fifo", { perm: Dm.NAMEDPIPE + 0o644, access: "r" }));
    assert.ok((await client.stat(await client.walk(home, "fifo"))).mode & Dm.NAMEDPIPE);
    t.need("devices");
    for (const [name, extension] of [["null", "c 1 3"], ["disk", "b 7 300"]]) {
      await client.clunk(
        await client.create(home, name, { perm: Dm.DEVICE + 0o644, access: "r", extension }),
      );
      const stat = await client.stat(await client.walk(home, name));
      assert.ok(stat.mode & Dm.DEVICE);
      assert.equal(stat.extension, extension);
    }
    for (const extension of ["", "c", "c 1", "x 1 2", "c 1 3 4 5".repeat(50), "c -1 2", "c 1 99999999999"]) {
      await refused(client.create(home, "bad", { perm: Dm.DEVICE + 0o644, access: "r", extension }));
    }
    assert.equal(await client.has(home, "bad"), false);
  }),

  rule("R36", "9P2000.u carries setuid, setgid and numeric owners", ["9P2000.u"], async (t) => {
    const { client, home } = await t.start();
    await client.put(home, "file", "text");
    const file = await client.walk(home, "file");
    await client.wstat(file, { mode: Dm.SETUID + Dm.SETGID + 0o755 });
    assert.equal((await client.stat(file)).mode, Dm.SETUID + Dm.SETGID + 0o755);
    const { uid } = t.need("claims");
    await client.wstat(file, { nUid: uid });
    assert.equal((await client.stat(file)).nUid, uid);
  }),

  rule("R36", "what one dialect made, the others show", ["9P2000.u"], async (t) => {
    if (!t.subject.dialects.includes("9P2000.L")) t.skip("the subject does not speak 9P2000.L");
    t.need("symlinks");
    const { client, home } = await t.start();
    const linux = await t.start({ dialect: "9P2000.L" });
    await linux.client.rpc("Tsymlink", { fid: linux.home, name: "link", symtgt: "target", gid: 0 });
    await linux.client.put(linux.home, "file", "text", 0o640);
    assert.equal((await client.stat(await client.walk(home, "link"))).extension, "target");
    const stat = await client.stat(await client.walk(home, "file"));
    const attr = await linux.client.getattr(await linux.client.walk(linux.home, "file"));
    assert.deepEqual(stat.qid, attr.qid);
    assert.deepEqual([stat.mode, stat.length, stat.mtime, stat.nUid, stat.nGid], [
      attr.mode & 0o777,
      attr.size,
      attr.mtimeSec,
      attr.uid,
      attr.gid,
    ]);
    const plain = await t.start({ dialect: "9P2000" });
    assert.deepEqual(await plain.client.names(plain.home), ["file", "link"]);
    assert.equal(await plain.client.get(plain.home, "file"), "text");
  }),

  rule("R48", "an unknown version is answered with its longest known prefix", ALL, async (t) => {
    for (const suffix of [".Google.7", ".x", ".", ".9P2000.u", "." + "x".repeat(200)]) {
      const asked = t.dialect + suffix;
      const wire = await t.dial();
      const { version } = await wire.version(8192, asked);
      assert.equal(version, t.dialect, `the answer to ${asked.slice(0, 40)}`);
      wire.dialect = t.dialect;
      const { uname, aname, uid } = t.subject;
      await wire.rpc("Tattach", { fid: 0, afid: 0xffffffff, uname, aname, nUname: uid });
    }
  }),

  rule(
    "R48",
    "a version that only looks like a known one is answered by none that is longer",
    NUMERIC,
    async (t) => {
      for (const asked of [`${t.dialect}x`, `${t.dialect.toLowerCase()}`, ` ${t.dialect}`, `x${t.dialect}`]) {
        const { version } = await (await t.dial()).version(8192, asked);
        assert.ok(
          version === "9P2000" || version === "unknown" || asked.startsWith(version),
          `${version} for ${asked}`,
        );
      }
    },
  ),
];
