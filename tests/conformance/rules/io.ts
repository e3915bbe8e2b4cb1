/** R26 and R27: reading and writing. */
import assert from "node:assert/strict";
import { IOHDRSZ } from "../../../9p/wire/codec.ts";
import { ALL, refused, type Rule, rule } from "../rule.ts";
import { frameOf, isError, with64 } from "../wire.ts";

/** size[4] type[1] tag[2] fid[4]: where the offset of a Tread, Twrite or Treaddir stands. */
const OFFSET_AT = 11;

/** Offsets at which signed and unsigned, 53- and 64-bit arithmetic break. */
const HUGE = [
  2n ** 53n - 1n,
  2n ** 53n,
  2n ** 63n - 1n,
  2n ** 63n,
  2n ** 63n + 5n,
  2n ** 64n - 4096n,
  2n ** 64n - 1n,
];

export const io: Rule[] = [
  rule(
    "R26",
    "a count beyond msize is clamped, and the reply is no larger than it may be",
    ALL,
    async (t) => {
      const { client, home } = await t.start({ msize: 8192 });
      await client.put(home, "file", new Uint8Array(30_000).fill(65));
      const file = await client.walk(home, "file");
      await client.open(file, "r");
      for (const count of [8192 - IOHDRSZ, 8192, 30_000, 0x7fffffff, 0x80000000, 0xffffffff]) {
        const data = await client.read(file, 0, count);
        assert.ok(
          data.byteLength > 0 && data.byteLength <= client.wire.msize - IOHDRSZ,
          `${data.byteLength} for ${count}`,
        );
        assert.ok(data.every((byte) => byte === 65));
      }
      assert.equal((await client.read(file, 0, 5)).byteLength, 5);
    },
  ),

  rule(
    "R26",
    "a read at an offset near 2^53, 2^63 or 2^64 gives nothing, never bytes from elsewhere",
    ALL,
    async (t) => {
      const { client, home } = await t.start();
      const file = await client.create(home, "file");
      await client.write(file, 0, "some text");
      for (const offset of HUGE) {
        for (const count of [1, 4096, 0xffffffff]) {
          const frame = with64(
            frameOf(t.dialect, "Tread", 5, { fid: file, offset: 0, count }),
            OFFSET_AT,
            offset,
          );
          client.wire.sendBytes(frame, { name: "Tread", tag: 5 });
          const reply = await client.wire.reply(5);
          if (!isError(reply)) {
            assert.equal(
              reply.bytes.byteLength,
              11,
              `${reply.bytes.byteLength} bytes at ${offset}`,
            );
          }
        }
      }
      assert.equal(await client.readText(file), "some text");
    },
  ),

  rule("R26", "a write that ends beyond 2^63 or 2^64 is an error, and never wraps around", ALL, async (t) => {
    const { client, home } = await t.start();
    const file = await client.create(home, "file");
    await client.write(file, 0, "some text");
    const data = new Uint8Array(4096).fill(88);
    for (const offset of [2n ** 63n - 1n, 2n ** 63n, 2n ** 64n - 4096n, 2n ** 64n - 1n]) {
      const frame = with64(
        frameOf(t.dialect, "Twrite", 5, { fid: file, offset: 0, data }),
        OFFSET_AT,
        offset,
      );
      client.wire.sendBytes(frame, { name: "Twrite", tag: 5 });
      assert.ok(isError(await client.wire.reply(5)), `a write at ${offset} was accepted`);
    }
    assert.equal(await client.readText(file), "some text");
    assert.equal((await client.info(file)).size, 9);
  }),

  rule("R27", "a read at or after the end gives 0 bytes", ALL, async (t) => {
    const { client, home } = await t.start();
    const file = await client.create(home, "file");
    assert.equal((await client.read(file)).byteLength, 0, "of an empty file");
    await client.write(file, 0, "some text");
    for (const offset of [9, 10, 4096, 2 ** 31, 2 ** 32, 2 ** 40]) {
      assert.equal((await client.read(file, offset)).byteLength, 0, `at ${offset}`);
    }
    assert.equal((await client.read(file, 0, 0)).byteLength, 0, "of 0 bytes");
    assert.equal(await client.readText(file, 5), "text");
  }),

  rule("R27", "a hole reads as zeros, and an end that was cut off does not come back", ALL, async (t) => {
    const { client, home } = await t.start();
    const file = await client.create(home, "file");
    await client.write(file, 100_000, "end");
    assert.equal((await client.info(file)).size, 100_003);
    const hole = await client.read(file, 99_990);
    assert.deepEqual([...hole], [...new Uint8Array(10), 101, 110, 100]);
    await client.truncate(file, 99_995);
    await client.truncate(file, 100_003);
    assert.deepEqual([...await client.read(file, 99_990)], [...new Uint8Array(13)]);
    await client.truncate(file, 0);
    await client.write(file, 5, "x");
    assert.deepEqual([...await client.read(file)], [0, 0, 0, 0, 0, 120]);
  }),

  rule("R27", "reading or writing a fid that is not open, or not known, is an error", ALL, async (t) => {
    const { client, home } = await t.start();
    await client.put(home, "file", "text");
    const file = await client.walk(home, "file");
    await refused(client.read(file));
    await refused(client.write(file, 0, "x"));
    await refused(client.read(home));
    await refused(client.read(0x7ffffff1));
    await refused(client.write(0x7ffffff1, 0, "x"));
    assert.equal(await client.get(home, "file"), "text");
  }),

  rule("R27", "what one client writes, another reads at once, at any size and place", ALL, async (t) => {
    const { client, home } = await t.start();
    const file = await client.create(home, "file");
    const other = await t.start();
    const theirs = await other.client.walk(other.home, "file");
    await other.client.open(theirs, "r");
    const copy = new Uint8Array(300_000);
    let seed = 1;
    for (let i = 0; i < 60; i++) {
      seed = (seed * 48271) % 0x7fffffff;
      const data = new Uint8Array(seed % 9000).fill(i + 1);
      const offset = seed % 290_000;
      assert.equal(await client.write(file, offset, data), data.byteLength);
      copy.set(data, offset);
      assert.deepEqual(await other.client.read(theirs, offset, data.byteLength), data);
    }
    const { size } = await client.info(file);
    for (let at = 0; at < size;) {
      const part = await other.client.read(theirs, at);
      assert.deepEqual(part, copy.slice(at, at + part.byteLength));
      at += part.byteLength;
    }
  }),
];
