/** R42: extended attributes. */
import assert from "node:assert/strict";
import type { Client } from "../client.ts";
import { LINUX, refused, type Rule, rule, unknownFid } from "../rule.ts";
import { Refused } from "../wire.ts";

async function setXattr(client: Client, fid: number, name: string, value: string, flags = 0): Promise<void> {
  const clone = await client.walk(fid);
  try {
    await client.rpc("Txattrcreate", { fid: clone, name, attrSize: value.length, flags });
  } catch (thrown) {
    await client.clunk(clone);
    throw thrown;
  }
  if (value !== "") await client.write(clone, 0, value);
  await client.clunk(clone);
}

async function getXattr(client: Client, fid: number, name: string): Promise<string> {
  const newfid = client.freeFid();
  const { size } = await client.rpc("Txattrwalk", { fid, newfid, name });
  const value = size > 0 ? await client.readText(newfid, 0, size) : "";
  await client.clunk(newfid);
  assert.equal(value.length, size);
  return value;
}

async function xattrNames(client: Client, fid: number): Promise<string[]> {
  return (await getXattr(client, fid, "")).split("\0").filter((name) => name.startsWith("user.")).sort();
}

export const xattrs: Rule[] = [
  rule("R42", "an attribute is set at clunk and not before, and can be read and listed", LINUX, async (t) => {
    t.need("xattrs");
    const { client, home } = await t.start();
    await client.put(home, "file", "text");
    const file = await client.walk(home, "file");
    const fid = await client.walk(file);
    await client.rpc("Txattrcreate", { fid, name: "user.one", attrSize: 10, flags: 0 });
    await client.write(fid, 0, "01234");
    await client.write(fid, 5, "56789");
    await refused(getXattr(client, file, "user.one"), "ENODATA");
    await client.clunk(fid);
    assert.equal(await getXattr(client, file, "user.one"), "0123456789");
    await setXattr(client, file, "user.two", "2");
    assert.deepEqual(await xattrNames(client, file), ["user.one", "user.two"]);
    await setXattr(client, file, "user.one", "shorter");
    assert.equal(await getXattr(client, file, "user.one"), "shorter");
    assert.equal(await client.get(home, "file"), "text");
  }),

  rule("R42", "a size mismatch is an error, and nothing is set", LINUX, async (t) => {
    t.need("xattrs");
    const { client, home } = await t.start();
    await client.put(home, "file", "text");
    const file = await client.walk(home, "file");
    await setXattr(client, file, "user.test", "before");
    const announce = async (attrSize: number) => {
      const fid = await client.walk(file);
      await client.rpc("Txattrcreate", { fid, name: "user.test", attrSize, flags: 0 });
      return fid;
    };
    const short = await announce(10);
    await client.write(short, 0, "01234");
    await refused(client.clunk(short));
    await unknownFid(client, short);
    const long = await announce(3);
    const written = await client.write(long, 0, "012345").catch((thrown) => {
      assert.ok(thrown instanceof Refused);
      return 0;
    });
    assert.equal(written, 0, "more was taken than was announced");
    await refused(client.clunk(long));
    const gap = await announce(10);
    await client.write(gap, 5, "56789").catch((thrown) => assert.ok(thrown instanceof Refused));
    await refused(client.clunk(gap));
    assert.equal(await getXattr(client, file, "user.test"), "before");
  }),

  rule("R42", "a missing attribute is ENODATA; XATTR_CREATE and XATTR_REPLACE hold", LINUX, async (t) => {
    t.need("xattrs");
    const { client, home } = await t.start();
    await client.put(home, "file", "text");
    const file = await client.walk(home, "file");
    await refused(getXattr(client, file, "user.missing"), "ENODATA");
    await refused(getXattr(client, file, "security.capability"), "ENODATA");
    assert.deepEqual(await xattrNames(client, file), []);
    await refused(setXattr(client, file, "user.test", "x", 2), "ENODATA");
    await setXattr(client, file, "user.test", "first", 1);
    await refused(setXattr(client, file, "user.test", "second", 1), "EEXIST");
    assert.equal(await getXattr(client, file, "user.test"), "first");
    await setXattr(client, file, "user.test", "third", 2);
    assert.equal(await getXattr(client, file, "user.test"), "third");
  }),

  rule("R42", "an attribute is removed by replacing it with nothing, as v9fs does", LINUX, async (t) => {
    t.need("xattrs");
    const { client, home } = await t.start();
    await client.put(home, "file", "text");
    const file = await client.walk(home, "file");
    await setXattr(client, file, "user.test", "x");
    await setXattr(client, file, "user.test", "", 2);
    await refused(getXattr(client, file, "user.test"), "ENODATA");
    await refused(setXattr(client, file, "user.test", "", 2), "ENODATA");
    assert.deepEqual(await xattrNames(client, file), []);
  }),

  rule(
    "R42",
    "an attribute's fid is no file; a value that is too large is refused before it is taken",
    LINUX,
    async (t) => {
      t.need("xattrs");
      const { client, home } = await t.start();
      await client.put(home, "file", "text");
      const file = await client.walk(home, "file");
      await setXattr(client, file, "user.test", "0123456789");
      const value = client.freeFid();
      await client.rpc("Txattrwalk", { fid: file, newfid: value, name: "user.test" });
      assert.equal(await client.readText(value, 3, 4), "3456");
      assert.equal(await client.readText(value, 10, 4), "");
      assert.equal(await client.readText(value, 2 ** 40, 4), "");
      await refused(client.write(value, 0, "x"));
      await refused(client.open(value, "r"));
      await refused(client.rpc("Txattrwalk", { fid: file, newfid: value, name: "user.test" }));
      await client.clunk(value);
      const fid = await client.walk(file);
      for (const attrSize of [2 ** 20, 2 ** 32, 2 ** 63]) {
        await refused(client.rpc("Txattrcreate", { fid, name: "user.large", attrSize, flags: 0 }));
      }
      await client.clunk(fid);
      await setXattr(client, file, "user.binary", "a\0b\n\x7f");
      assert.equal(await getXattr(client, file, "user.binary"), "a\0b\n\x7f");
    },
  ),

  rule(
    "R42",
    "an attribute follows the file through a rename, and is not another file's",
    LINUX,
    async (t) => {
      t.need("xattrs");
      const { client, home } = await t.start();
      await client.put(home, "file", "text");
      const file = await client.walk(home, "file");
      await setXattr(client, file, "user.test", "value");
      await client.move(home, "file", home, "renamed");
      assert.equal(await getXattr(client, file, "user.test"), "value");
      await client.put(home, "file", "another");
      await refused(getXattr(client, await client.walk(home, "file"), "user.test"), "ENODATA");
      const dir = await client.mkdir(home, "dir");
      await setXattr(client, dir, "user.test", "of a directory");
      assert.equal(await getXattr(client, dir, "user.test"), "of a directory");
    },
  ),
];
