/** R41: byte-range locks. */
import assert from "node:assert/strict";
import { LINUX, refused, type Rule, rule, type Trial } from "../rule.ts";
import { Refused } from "../wire.ts";

const LOCK = { READ: 0, WRITE: 1, UNLOCK: 2 };
const STATUS = { SUCCESS: 0, BLOCKED: 1 };

/** A lock on a file that two clients have open, each in its own name. */
async function twoLockers(t: Trial) {
  const { client, home } = await t.start();
  const one = await client.create(home, "file");
  const other = await t.start();
  const two = await other.client.walk(other.home, "file");
  await other.client.open(two, "rw");
  const range = { flags: 0, start: 0, length: 0, procId: 1 };
  const lock = async (who: "one" | "two", type: number, more: Partial<typeof range> = {}) => {
    const [from, fid] = who === "one" ? [client, one] : [other.client, two];
    return (await from.rpc("Tlock", { ...range, type, fid, clientId: who, ...more })).status;
  };
  const getlock = (who: "one" | "two", type: number, start = 0, length = 0) => {
    const [from, fid] = who === "one" ? [client, one] : [other.client, two];
    return from.rpc("Tgetlock", { fid, type, start, length, procId: 1, clientId: who });
  };
  return { client, other: other.client, one, two, home, lock, getlock };
}

export const locks: Rule[] = [
  rule(
    "R41",
    "a conflicting lock is answered BLOCKED at once, whether the client would wait or not",
    LINUX,
    async (t) => {
      const { lock } = await twoLockers(t);
      assert.equal(await lock("one", LOCK.WRITE), STATUS.SUCCESS);
      assert.equal(await lock("two", LOCK.WRITE), STATUS.BLOCKED);
      assert.equal(await lock("two", LOCK.WRITE, { flags: 1 }), STATUS.BLOCKED);
      assert.equal(await lock("two", LOCK.READ, { start: 100, length: 1 }), STATUS.BLOCKED);
      assert.equal(await lock("one", LOCK.UNLOCK), STATUS.SUCCESS);
      assert.equal(await lock("two", LOCK.WRITE, { flags: 1 }), STATUS.SUCCESS);
      assert.equal(await lock("one", LOCK.READ), STATUS.BLOCKED);
    },
  ),

  rule(
    "R41",
    "read locks are shared, ranges apart do not meet, an owner never blocks itself",
    LINUX,
    async (t) => {
      const { lock } = await twoLockers(t);
      assert.equal(await lock("one", LOCK.READ), STATUS.SUCCESS);
      assert.equal(await lock("two", LOCK.READ), STATUS.SUCCESS);
      assert.equal(await lock("two", LOCK.WRITE), STATUS.BLOCKED, "an upgrade against another's read lock");
      await lock("one", LOCK.UNLOCK);
      assert.equal(await lock("two", LOCK.WRITE), STATUS.SUCCESS, "an upgrade of one's own read lock");
      await lock("two", LOCK.UNLOCK);
      assert.equal(await lock("one", LOCK.WRITE, { start: 0, length: 10 }), STATUS.SUCCESS);
      assert.equal(await lock("two", LOCK.WRITE, { start: 10, length: 10 }), STATUS.SUCCESS);
      assert.equal(await lock("two", LOCK.WRITE, { start: 9, length: 1 }), STATUS.BLOCKED);
      assert.equal(await lock("one", LOCK.WRITE, { start: 5, length: 5 }), STATUS.SUCCESS);
      assert.equal(await lock("one", LOCK.WRITE, { start: 0, length: 0 }), STATUS.BLOCKED);
    },
  ),

  rule("R41", "an unlock in the middle splits a lock, and only the owner's", LINUX, async (t) => {
    const { lock } = await twoLockers(t);
    await lock("one", LOCK.WRITE, { start: 0, length: 30 });
    await lock("two", LOCK.UNLOCK, { start: 0, length: 0 });
    assert.equal(await lock("two", LOCK.WRITE, { start: 0, length: 1 }), STATUS.BLOCKED);
    await lock("one", LOCK.UNLOCK, { start: 10, length: 10 });
    assert.equal(await lock("two", LOCK.WRITE, { start: 10, length: 10 }), STATUS.SUCCESS);
    assert.equal(await lock("two", LOCK.WRITE, { start: 9, length: 1 }), STATUS.BLOCKED);
    assert.equal(await lock("two", LOCK.WRITE, { start: 20, length: 1 }), STATUS.BLOCKED);
    assert.equal(await lock("two", LOCK.WRITE, { start: 30, length: 0 }), STATUS.SUCCESS);
  }),

  rule("R41", "a lock is given back by its own connection, through a fid that is open", LINUX, async (t) => {
    const { client, other, one, two, home, lock } = await twoLockers(t);
    await lock("one", LOCK.WRITE);
    const mine = { type: LOCK.UNLOCK, flags: 0, start: 0, length: 0, procId: 1, clientId: "one" };
    await other.rpc("Tlock", { ...mine, fid: two }).catch((thrown) => assert.ok(thrown instanceof Refused));
    assert.equal(await lock("two", LOCK.WRITE), STATUS.BLOCKED);
    await refused(client.rpc("Tlock", { ...mine, fid: await client.walk(home, "file") }), "EBADF");
    assert.equal(await lock("two", LOCK.WRITE), STATUS.BLOCKED);
    await client.rpc("Tlock", { ...mine, fid: one });
    assert.equal(await lock("two", LOCK.WRITE), STATUS.SUCCESS);
  }),

  rule("R41", "Tgetlock tells of the lock in the way, and of none by UNLOCK", LINUX, async (t) => {
    const { lock, getlock } = await twoLockers(t);
    assert.equal((await getlock("two", LOCK.WRITE)).type, LOCK.UNLOCK);
    await lock("one", LOCK.WRITE, { start: 10, length: 20, procId: 42 });
    const { type, start, length, procId, clientId } = await getlock("two", LOCK.READ);
    assert.deepEqual({ type, start, length, procId, clientId }, {
      type: LOCK.WRITE,
      start: 10,
      length: 20,
      procId: 42,
      clientId: "one",
    });
    assert.equal((await getlock("two", LOCK.WRITE, 0, 10)).type, LOCK.UNLOCK);
    assert.equal((await getlock("two", LOCK.WRITE, 30, 0)).type, LOCK.UNLOCK);
    await lock("two", LOCK.READ, { start: 50, length: 0 });
    const open = await getlock("one", LOCK.WRITE, 60, 5);
    assert.deepEqual([open.type, open.start, open.length], [LOCK.READ, 50, 0]);
    assert.equal((await getlock("one", LOCK.READ, 60, 5)).type, LOCK.UNLOCK);
  }),

  rule("R41", "locks end with the clunk of their fid", LINUX, async (t) => {
    const { client, one, lock } = await twoLockers(t);
    await lock("one", LOCK.WRITE);
    await client.clunk(one);
    assert.equal(await lock("two", LOCK.WRITE), STATUS.SUCCESS);
  }),

  rule("R41", "locks end with the connection", LINUX, async (t) => {
    const { client, lock } = await twoLockers(t);
    await lock("one", LOCK.WRITE);
    assert.equal(await lock("two", LOCK.WRITE), STATUS.BLOCKED);
    client.wire.close();
    let status: number = STATUS.BLOCKED;
    for (let i = 0; i < 500 && status === STATUS.BLOCKED; i++) {
      await t.sleep(10);
      status = await lock("two", LOCK.WRITE);
    }
    assert.equal(status, STATUS.SUCCESS);
  }),

  rule("R41", "locks survive a rename and the removal of the file", LINUX, async (t) => {
    const { client, home, lock } = await twoLockers(t);
    await lock("one", LOCK.WRITE);
    await client.move(home, "file", home, "renamed");
    assert.equal(await lock("two", LOCK.WRITE), STATUS.BLOCKED);
    await client.unlink(home, "renamed");
    assert.equal(await lock("two", LOCK.WRITE), STATUS.BLOCKED);
    await client.put(home, "file", "another");
    const fid = await client.walk(home, "file");
    await client.open(fid, "rw");
    const fresh = { fid, type: LOCK.WRITE, flags: 0, start: 0, length: 0, procId: 1, clientId: "three" };
    assert.equal(
      (await client.rpc("Tlock", fresh)).status,
      STATUS.SUCCESS,
      "a new file has the locks of the old one",
    );
  }),

  rule("R41", "a lock needs an open fid, a known type, and takes any range", LINUX, async (t) => {
    const { client, home, lock } = await twoLockers(t);
    const fid = await client.walk(home, "file");
    const want = { fid, type: LOCK.WRITE, flags: 0, start: 0, length: 0, procId: 1, clientId: "one" };
    await refused(client.rpc("Tlock", want));
    await client.open(fid, "rw");
    await refused(client.rpc("Tlock", { ...want, type: 7 }));
    for (const [start, length] of [[2 ** 53 - 1, 1], [2 ** 63, 0], [2 ** 63, 2 ** 63], [0, 2 ** 63]]) {
      await lock("one", LOCK.WRITE, { start, length }).catch((thrown) =>
        assert.ok(thrown instanceof Refused)
      );
    }
    assert.equal(await lock("one", LOCK.UNLOCK, { start: 0, length: 0 }), STATUS.SUCCESS);
    assert.equal(await lock("two", LOCK.WRITE), STATUS.SUCCESS);
  }),
];
