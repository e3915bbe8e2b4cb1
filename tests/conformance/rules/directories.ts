/** R28 and R29: reading directories. */
import assert from "node:assert/strict";
import type { U64 } from "../../../9p/qid.ts";
import type { Client, Listed } from "../client.ts";
import { CLASSIC, LINUX, refused, type Rule, rule, type Trial } from "../rule.ts";
import { frameOf, with64 } from "../wire.ts";

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

/** Pipelines the creation of empty files. */
async function plant(client: Client, home: number, names: string[]): Promise<void> {
  const batch = 50;
  for (let i = 0; i < names.length; i += batch) {
    await Promise.all(
      names.slice(i, i + batch).map(async (name) => client.clunk(await client.create(home, name))),
    );
  }
}

/** Creates and removes other names in the directory until it is told to stop. */
function churn(t: Trial, client: Client, home: number): { stop(): Promise<number> } {
  let going = true;
  const running = (async () => {
    let round = 0;
    while (going || round < 3) {
      const names = Array.from({ length: 20 }, (_, i) => `churn ${round} ${i}`);
      await plant(client, home, names);
      await Promise.all(names.slice(0, 15).map((name) => client.unlink(home, name)));
      round++;
      await t.sleep(0);
    }
    return round;
  })();
  return {
    stop: () => {
      going = false;
      return running;
    },
  };
}

/** The names that stay while others come and go. */
function lasting(count: number): string[] {
  return Array.from({ length: count }, (_, i) => `stays ${String(i).padStart(5, "0")}`);
}

function checkListing(listed: string[], stays: string[], goes: string[]): void {
  assert.equal(new Set(listed).size, listed.length, "a name was listed twice");
  const seen = new Set(listed);
  const missed = stays.filter((name) => !seen.has(name));
  assert.deepEqual(missed, [], "names that stayed were missed");
  const known = new Set([...stays, ...goes]);
  const strange = listed.filter((name) => !known.has(name) && !name.startsWith("churn"));
  assert.deepEqual(strange, [], "names that never were");
}

export const directories: Rule[] = [
  rule(
    "R28",
    "a directory is read at 0 or where the last read ended, and nowhere else",
    CLASSIC,
    async (t) => {
      const { client, home } = await t.start();
      await plant(client, home, lasting(20));
      const dir = await client.walk(home);
      await client.open(dir, "r");
      const first = await client.read(dir, 0, 300);
      const length = first.byteLength;
      for (const offset of [1, length - 1, length + 1, 2 * length, 2 ** 32, 2 ** 53]) {
        await refused(client.read(dir, offset, 300));
      }
      const second = await client.read(dir, length, 300);
      assert.notDeepEqual(client.entries(second)[0].name, client.entries(first)[0].name);
      await refused(client.read(dir, length, 300));
      assert.deepEqual(client.entries(await client.read(dir, 0, 300)), client.entries(first));
      assert.deepEqual(client.entries(await client.read(dir, length, 300)), client.entries(second));
    },
  ),

  rule(
    "R28",
    'entries come whole, each once, in every size of reply; none is "." or ".."',
    CLASSIC,
    async (t) => {
      const { client, home } = await t.start();
      const names = [...lasting(30), "x".repeat(200), "ü"];
      await plant(client, home, names);
      const dir = await client.walk(home);
      await client.open(dir, "r");
      for (const count of [330, 400, 777, 4096, 65536]) {
        const listed: string[] = [];
        let offset = 0;
        while (true) {
          const data = await client.read(dir, offset, count);
          assert.ok(data.byteLength <= count);
          if (data.byteLength === 0) break;
          listed.push(...client.entries(data).map(({ name }) => name));
          offset += data.byteLength;
        }
        assert.deepEqual(listed.sort(), [...names].sort());
        assert.equal((await client.read(dir, offset, 1)).byteLength, 0, "a read at the end, however small");
      }
    },
  ),

  rule(
    "R28",
    "a count in which not one entry fits is an error, and the listing goes on after it",
    CLASSIC,
    async (t) => {
      const { client, home } = await t.start();
      await plant(client, home, ["first", "second"]);
      const dir = await client.walk(home);
      await client.open(dir, "r");
      const all = await client.read(dir, 0);
      const size = new DataView(all.buffer, all.byteOffset).getUint16(0, true) + 2;
      for (const count of [0, 1, 2, size - 1]) {
        if (count > 0) await refused(client.read(dir, 0, count));
      }
      const first = await client.read(dir, 0, size);
      assert.equal(first.byteLength, size, "a count of exactly one entry");
      await refused(client.read(dir, size, 3));
      const rest = await client.read(dir, size);
      assert.deepEqual([...first, ...rest], [...all]);
    },
  ),

  // Linux fills its buffer by asking for the rest of it, however little is left, and fails where that is refused.
  rule(
    "R28",
    "a read of the rest of the last read's count, in which no entry fits, is 0 bytes, and the listing goes on",
    CLASSIC,
    async (t) => {
      const { client, home } = await t.start();
      await plant(client, home, ["first", "other", "third"]);
      const dir = await client.walk(home);
      await client.open(dir, "r");
      const all = await client.read(dir, 0);
      const size = all.byteLength / 3;
      for (const left of [1, size - 1]) {
        const first = await client.read(dir, 0, size + left);
        assert.equal(first.byteLength, size);
        assert.equal((await client.read(dir, size, left)).byteLength, 0);
        if (left > 1) await refused(client.read(dir, size, left - 1));
        const second = await client.read(dir, size, size + left);
        assert.equal((await client.read(dir, 2 * size, left)).byteLength, 0);
        const third = await client.read(dir, 2 * size, size + left);
        assert.equal((await client.read(dir, 3 * size, left)).byteLength, 0);
        assert.deepEqual([...first, ...second, ...third], [...all]);
      }
    },
  ),

  rule("R28", "an entry in a listing is what Tstat says of the file", CLASSIC, async (t) => {
    const { client, home } = await t.start();
    await client.put(home, "file", "text");
    await client.clunk(await client.mkdir(home, "dir", 0o750));
    const dir = await client.walk(home);
    await client.open(dir, "r");
    for (const entry of client.entries(await client.read(dir))) {
      const stat = await client.stat(await client.walk(home, entry.name));
      assert.deepEqual({ ...entry, atime: 0 }, { ...stat, atime: 0 });
    }
  }),

  rule(
    "R28",
    "an empty directory reads as 0 bytes, and shows what is made in it at the next read from 0",
    CLASSIC,
    async (t) => {
      const { client, home } = await t.start();
      const dir = await client.walk(home);
      await client.open(dir, "r");
      assert.equal((await client.read(dir)).byteLength, 0);
      await client.put(home, "file", "");
      assert.deepEqual(client.entries(await client.read(dir)).map(({ name }) => name), ["file"]);
      await client.unlink(home, "file");
      assert.equal((await client.read(dir)).byteLength, 0);
    },
  ),

  rule(
    "R28",
    "2,000 names are listed whole while another connection makes and removes others",
    CLASSIC,
    async (t) => {
      const { client, home } = await t.start();
      const stays = lasting(2000);
      const goes = Array.from({ length: 200 }, (_, i) => `goes ${i}`);
      await plant(client, home, [...goes.slice(0, 100), ...stays, ...goes.slice(100)]);
      const other = await t.start();
      const busy = churn(t, other.client, other.home);
      const dir = await client.walk(home);
      await client.open(dir, "r");
      const listed: string[] = [];
      let offset = 0;
      while (true) {
        const data = await client.read(dir, offset, 8000);
        if (data.byteLength === 0) break;
        listed.push(...client.entries(data).map(({ name }) => name));
        offset += data.byteLength;
        const gone = goes.pop();
        if (gone !== undefined) await client.unlink(home, gone);
      }
      await busy.stop();
      checkListing(listed, stays, Array.from({ length: 200 }, (_, i) => `goes ${i}`));
    },
  ),

  rule(
    "R29",
    "2,000 names are listed whole while another connection makes and removes others",
    LINUX,
    async (t) => {
      const { client, home } = await t.start();
      const stays = lasting(2000);
      const goes = Array.from({ length: 200 }, (_, i) => `goes ${i}`);
      await plant(client, home, [...goes.slice(0, 100), ...stays, ...goes.slice(100)]);
      const other = await t.start();
      const busy = churn(t, other.client, other.home);
      const dir = await client.walk(home);
      await client.open(dir, "r");
      const listed: string[] = [];
      let offset: U64 = 0;
      while (true) {
        const page = await client.readdir(dir, offset, 4000);
        if (page.length === 0) break;
        listed.push(...page.map(({ name }) => name));
        offset = page[page.length - 1].cookie;
        const gone = goes.pop();
        if (gone !== undefined) await client.unlink(home, gone);
      }
      await busy.stop();
      checkListing(
        listed.filter((name) => name !== "." && name !== ".."),
        stays,
        Array.from({ length: 200 }, (_, i) => `goes ${i}`),
      );
    },
  ),

  rule(
    "R29",
    "every cookie is a place to go on from, also after the file behind it is gone",
    LINUX,
    async (t) => {
      const { client, home } = await t.start();
      await plant(client, home, lasting(40));
      const dir = await client.walk(home);
      await client.open(dir, "r");
      const all = [];
      let offset: U64 = 0;
      while (true) {
        const page = await client.readdir(dir, offset, 200);
        if (page.length === 0) break;
        all.push(...page);
        offset = page[page.length - 1].cookie;
      }
      assert.equal(
        new Set(all.map(({ cookie }) => String(cookie))).size,
        all.length,
        "a cookie stands for two entries",
      );
      for (const at of [0, 5, 20, all.length - 2]) {
        const [next]: Listed[] = await client.readdir(dir, all[at].cookie, 200);
        assert.equal(next.name, all[at + 1].name);
      }
      assert.deepEqual(await client.readdir(dir, all[all.length - 1].cookie), []);
      const [victim] = all.slice(20).filter(({ name }) => name.startsWith("stays"));
      const after = all.slice(all.indexOf(victim) + 1).map(({ name }) => name);
      await client.unlink(home, victim.name);
      const rest = [];
      offset = victim.cookie;
      while (true) {
        const page = await client.readdir(dir, offset, 200);
        if (page.length === 0) break;
        rest.push(...page);
        offset = page[page.length - 1].cookie;
      }
      assert.deepEqual(rest.map(({ name }) => name), after);
    },
  ),

  rule(
    "R29",
    "a count in which not one entry fits is an error: 0 bytes would be the end of the listing",
    LINUX,
    async (t) => {
      const { client, home } = await t.start();
      await client.put(home, "file", "text");
      const dir = await client.walk(home);
      await client.open(dir, "r");
      for (const count of [1, 10, 24]) await refused(client.readdir(dir, 0, count));
      assert.ok((await client.readdir(dir, 0)).some(({ name }) => name === "file"));
    },
  ),

  rule("R29", "entries come whole, with the type of the file", LINUX, async (t) => {
    const { client, home } = await t.start();
    await client.put(home, "a file", "text");
    await client.clunk(await client.mkdir(home, "a directory"));
    const dir = await client.walk(home);
    await client.open(dir, "r");
    const types = new Map((await client.readdir(dir, 0)).map(({ name, type }) => [name, type]));
    assert.equal(types.get("a file"), 8, "DT_REG");
    assert.equal(types.get("a directory"), 4, "DT_DIR");
    for (const count of [200, 0xffffffff]) {
      const { data } = await client.rpc("Treaddir", { fid: dir, offset: 0, count });
      assert.ok(data.byteLength > 0 && data.byteLength <= Math.min(count, client.wire.msize - 11));
    }
  }),

  rule(
    "R29",
    "a Treaddir at a cookie that never was gives nothing or an error, and does no harm",
    LINUX,
    async (t) => {
      const { client, home } = await t.start();
      await plant(client, home, lasting(10));
      const dir = await client.walk(home);
      await client.open(dir, "r");
      for (const offset of [12345, ...HUGE]) {
        const frame = with64(
          frameOf(t.dialect, "Treaddir", 5, { fid: dir, offset: 0, count: 4096 }),
          OFFSET_AT,
          BigInt(offset),
        );
        client.wire.sendBytes(frame, { name: "Treaddir", tag: 5 });
        client.wire.decode(await client.wire.reply(5));
      }
      assert.equal((await client.readdir(dir, 0)).filter(({ name }) => name.startsWith("stays")).length, 10);
    },
  ),

  rule("R29", "Tread of a directory and Treaddir of a file are errors", LINUX, async (t) => {
    const { client, home } = await t.start();
    await client.put(home, "file", "text");
    const dir = await client.walk(home);
    await refused(client.readdir(dir, 0));
    await client.open(dir, "r");
    await refused(client.read(dir), "EISDIR");
    const file = await client.walk(home, "file");
    await client.open(file, "r");
    await refused(client.readdir(file, 0));
    assert.equal(await client.readText(file), "text");
  }),
];
