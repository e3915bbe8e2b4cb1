/** /log/events and /log/errors: what is told, to whom, and what becomes of who does not listen. */
import assert from "node:assert/strict";
import { loadUsers } from "../../cli/node/users.ts";
import type { Client } from "../conformance/client.ts";
import { refuses } from "./connect.ts";
import { type ErrorLine, jsonLines, TestNode, within } from "./node.ts";
import { ROOT } from "./privileges.ts";
import { sleep } from "./process.ts";
import { skipUnless } from "./skip.ts";

const ALICE = 4001;
/** Who runs the tests, and so the nodes. */
const OWNER = loadUsers({ users: {}, groups: {} }).owner.name;
const YAML = `users: {alice: {uid: ${ALICE}}}\nmounts: [{at: /mem, mem: {}}]\n`;

interface EventLine {
  readonly time: string;
  readonly event: string;
  readonly path: string;
  readonly from?: string;
  readonly user: string;
  readonly count?: number;
}

/** An open /log/events. */
class Listener {
  constructor(readonly client: Client, readonly fid: number) {}

  static async of(client: Client): Promise<Listener> {
    const fid = await client.walk(client.root, "log", "events");
    await client.open(fid, "r");
    return new Listener(client, fid);
  }

  /** Sends a read, and returns its tag. */
  ask(count = 60_000): number {
    return this.client.wire.send("Tread", { fid: this.fid, offset: 0, count });
  }

  async answer(tag: number): Promise<EventLine[]> {
    const { data } = await this.client.wire.answer("Tread", tag);
    return jsonLines(new TextDecoder().decode(data));
  }

  async read(count?: number): Promise<EventLine[]> {
    return await this.answer(this.ask(count));
  }
}

const start = () => TestNode.start({ yaml: YAML, listen: ["tcp!127.0.0.1!PORT,users=trust"] });
const asAlice = (node: TestNode) => node.connect({ address: node.address(), nUname: ALICE });

/** Without the time, which is another in every run. */
function told({ time, ...line }: EventLine): Omit<EventLine, "time"> {
  assert.match(time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  return line;
}

for (const where of ["data", "mem"]) {
  Deno.test(`each change in /${where} is told once, by path and user, to a read that waits`, async (t) => {
    if (where === "data" && !skipUnless(t.name, ROOT)) return;
    await using node = await start();
    const owner = await node.connect();
    const root = await owner.walk(owner.root, where);
    await owner.chmod(root, 0o777);
    const listener = await Listener.of(await node.connect());
    const alice = await asAlice(node);
    const dir = await alice.walk(alice.root, where);
    const user = "alice";

    /** Does something while a read waits, and returns the one event that it gets. */
    const eventOf = async (change: () => Promise<unknown>) => {
      const tag = listener.ask();
      assert.ok(await listener.client.wire.silent(tag), "nothing has happened, so the read waits");
      await change();
      const [line, ...rest] = await listener.answer(tag);
      assert.deepEqual(rest, []);
      return told(line);
    };

    let file = 0;
    const path = `/${where}/file`;
    assert.deepEqual(await eventOf(async () => file = await alice.create(dir, "file")), {
      event: "create",
      path,
      user,
    });
    await alice.write(file, 0, "some");
    await alice.write(file, 4, "thing");
    assert.deepEqual(await eventOf(() => alice.clunk(file)), { event: "write", path, user });
    assert.deepEqual(
      await eventOf(async () => await alice.chmod(await alice.walk(dir, "file"), 0o600)),
      { event: "setattr", path, user },
    );
    const truncated = await alice.walk(dir, "file");
    assert.deepEqual(
      await eventOf(async () => {
        await alice.open(truncated, "w", { trunc: true });
        await alice.clunk(truncated);
      }),
      { event: "write", path, user },
      "an open that cuts the file is a change of its own",
    );
    assert.deepEqual(await eventOf(() => alice.mkdir(dir, "dir")), {
      event: "create",
      path: `/${where}/dir`,
      user,
    });
    assert.deepEqual(
      await eventOf(async () => {
        const fid = await alice.walk(dir, "file");
        await alice.rpc("Trename", { fid, dfid: await alice.walk(dir, "dir"), name: "moved" });
      }),
      { event: "rename", path: `/${where}/dir/moved`, user, from: path },
    );
    assert.deepEqual(
      await eventOf(async () => {
        const fid = await alice.walk(dir, "dir", "moved");
        await alice.rpc("Tlink", { dfid: dir, fid, name: "second" });
      }),
      { event: "create", path: `/${where}/second`, user },
    );
    assert.deepEqual(await eventOf(() => alice.unlink(dir, "second")), {
      event: "remove",
      path: `/${where}/second`,
      user,
    });
    const inside = await owner.walk(root, "dir");
    assert.deepEqual(
      await eventOf(() => owner.unlink(inside, "moved")),
      { event: "remove", path: `/${where}/dir/moved`, user: OWNER },
    );
    for (const client of [owner, alice, listener.client]) client.wire.close();
  });
}

Deno.test("what fails is no event, and neither is reading", async () => {
  await using node = await start();
  const client = await node.connect();
  const dir = await client.walk(client.root, "mem");
  await client.put(dir, "file", "x");
  const listener = await Listener.of(await node.connect());
  const tag = listener.ask();
  assert.equal(await client.get(dir, "file"), "x");
  await client.names(dir);
  await refuses("EEXIST", client.create(dir, "file"));
  await refuses("ENOENT", client.walk(dir, "none"));
  await client.clunk(await client.walk(dir, "file"));
  assert.ok(await listener.client.wire.silent(tag, 100));
  for (const { wire } of [client, listener.client]) wire.close();
});

Deno.test("two listeners get everything, and who comes later gets what is later", async () => {
  await using node = await start();
  const client = await node.connect();
  const dir = await client.walk(client.root, "mem");
  const [first, second] = [await Listener.of(await node.connect()), await Listener.of(await node.connect())];
  await client.mkdir(dir, "a");
  const third = await Listener.of(await node.connect());
  await client.mkdir(dir, "b");
  const paths = async (listener: Listener) => (await listener.read()).map(({ path }) => path);
  assert.deepEqual(await paths(first), ["/mem/a", "/mem/b"]);
  assert.deepEqual(await paths(second), ["/mem/a", "/mem/b"]);
  assert.deepEqual(await paths(third), ["/mem/b"]);
  for (const listener of [first, second, third]) listener.client.wire.close();
  client.wire.close();
});

Deno.test("a slow listener is told how many changes it missed, and where", async () => {
  await using node = await start();
  const client = await node.connect();
  const dir = await client.walk(client.root, "mem");
  const listener = await Listener.of(await node.connect());
  const MANY = 6000;
  for (let i = 0; i < MANY; i += 100) {
    await Promise.all(
      Array.from(
        { length: 100 },
        (_, j) => client.rpc("Tmkdir", { dfid: dir, name: `dir-${i + j}`, mode: 0o755, gid: 0 }),
      ),
    );
  }
  const lines: EventLine[] = [];
  // Some is read, then there is room again, and what comes then stands behind the gap.
  lines.push(...await listener.read(4096));
  await client.mkdir(dir, "last");
  while (lines.at(-1)?.path !== "/mem/last") lines.push(...await listener.read(4096));
  const gaps = lines.filter(({ event }) => event === "dropped");
  assert.equal(gaps.length, 1);
  const [{ count }] = gaps;
  console.log(`${lines.length - 2} of ${MANY} changes waited for it, ${count} were dropped`);
  assert.equal(lines.length - 2 + count!, MANY);
  assert.equal(lines.indexOf(gaps[0]), lines.length - 2, "the gap is told of where it is");
  assert.deepEqual(
    lines.slice(0, -2).map(({ path }) => path),
    Array.from({ length: lines.length - 2 }, (_, i) => `/mem/dir-${i}`),
  );
  for (const { wire } of [client, listener.client]) wire.close();
});

Deno.test("a flush ends a blocked read at once, and the next read goes on", async () => {
  await using node = await start();
  const client = await node.connect();
  const dir = await client.walk(client.root, "mem");
  const listener = await Listener.of(await node.connect());
  const { wire } = listener.client;
  for (let i = 0; i < 20; i++) {
    const tag = listener.ask();
    await sleep(5);
    const started = performance.now();
    await wire.rpc("Tflush", { oldtag: tag });
    assert.ok(performance.now() - started < 500);
    assert.ok(await wire.silent(tag, 10), "a flushed read is not answered");
  }
  const tag = listener.ask();
  await client.mkdir(dir, "after");
  assert.deepEqual((await listener.answer(tag)).map(({ path }) => path), ["/mem/after"]);
  assert.deepEqual(wire.violations, []);
  for (const one of [client.wire, wire]) one.close();
});

Deno.test("others than the owner hear of their own errors, and of changes that they may see", async () => {
  await using node = await start();
  const owner = await node.connect();
  const mem = await owner.walk(owner.root, "mem");
  await owner.chmod(mem, 0o777);
  const alice = await asAlice(node);
  const dir = await alice.walk(alice.root, "mem");
  const ofAlice = await Listener.of(await asAlice(node));
  const ofOwner = await Listener.of(await node.connect());

  await owner.mkdir(mem, "owners");
  await alice.mkdir(dir, "alices");
  assert.deepEqual((await ofAlice.read()).map(({ path }) => path), ["/mem/owners", "/mem/alices"]);
  assert.deepEqual((await ofOwner.read()).map(({ path }) => path), ["/mem/owners", "/mem/alices"]);

  await refuses("ENOENT", owner.walk(mem, "a-secret-name"));
  await refuses("ENOENT", alice.walk(dir, "missing"));
  await refuses("EACCES", alice.open(await alice.walk(alice.root, "ctl"), "w"));
  const own = jsonLines<ErrorLine>(await alice.get(alice.root, "log", "errors"));
  assert.deepEqual(own.map(({ code, user }) => [code, user]), [["ENOENT", "alice"], ["EACCES", "alice"]]);
  assert.ok(!JSON.stringify(own).includes("secret"));
  const all = await node.errors();
  assert.deepEqual(all.map(({ code, user }) => [code, user]), [
    ["ENOENT", OWNER],
    ["ENOENT", "alice"],
    ["EACCES", "alice"],
  ]);
  assert.ok(all.some(({ reason }) => reason.includes("a-secret-name")));
  for (const client of [owner, alice, ofAlice.client, ofOwner.client]) client.wire.close();
});

Deno.test("a listener that hangs up while it waits leaves nothing, and names are told as they are", async () => {
  await using node = await start();
  const gone = await Listener.of(await node.connect());
  gone.ask();
  await sleep(20);
  gone.client.wire.close();
  const client = await node.connect();
  const dir = await client.walk(client.root, "mem");
  const listener = await Listener.of(await node.connect());
  const name = 'a "quoted"\n\u001b[31mname\u202e';
  await client.mkdir(dir, name);
  const tag = listener.ask();
  const { data } = await listener.client.wire.answer("Tread", tag);
  const text = new TextDecoder().decode(data);
  assert.equal(text.split("\n").length, 2, "one line, whatever the name has in it");
  assert.ok(!text.includes("\u001b"), "no control character reaches a terminal");
  assert.equal(jsonLines<EventLine>(text)[0].path, `/mem/${name}`);
  assert.equal(await within(1000, node.status().then(({ connections }) => connections)), 3);
  for (const { wire } of [client, listener.client]) wire.close();
});

for (const where of ["data", "mem"]) {
  Deno.test(`a change in /${where} is told to those who could list its directory, as far as they may see`, async (t) => {
    if (where === "data" && !skipUnless(t.name, ROOT)) return;
    await using node = await start();
    const owner = await node.connect();
    const top = await owner.walk(owner.root, where);
    await owner.chmod(top, 0o755);
    const folder = async (name: string, mode: number) => {
      const fid = await owner.mkdir(top, name);
      await owner.chmod(fid, mode);
      return fid;
    };
    const open = await folder("open", 0o755);
    const closed = await folder("closed", 0o700);
    const unlisted = await folder("unlisted", 0o711);
    const below = await owner.mkdir(closed, "below");
    await owner.chmod(below, 0o777);

    const listeners = [
      await Listener.of(await asAlice(node)),
      await Listener.of(await node.connect({ address: node.address(), uname: "none" })),
    ];
    let marks = 0;
    /** What the listeners hear of something: all that comes before a mark that everybody sees. */
    const heard = async (change: () => Promise<unknown>) => {
      await change();
      const mark = `/${where}/mark-${++marks}`;
      await owner.mkdir(top, mark.slice(`/${where}/`.length));
      const all = await Promise.all(listeners.map(async (listener) => {
        const lines: EventLine[] = [];
        while (lines.at(-1)?.path !== mark) lines.push(...await listener.read());
        return lines.slice(0, -1).map(({ event, path, from }) =>
          [event, path, ...(from ? [from] : [])].join(" ")
        );
      }));
      assert.deepEqual(all[0], all[1], "alice and none are both strangers here");
      return all[0].map((line) => line.replaceAll(`/${where}`, ""));
    };

    assert.deepEqual(await heard(() => owner.put(open, "file", "x", 0o600)), [
      "create /open/file",
      "write /open/file",
    ]);
    assert.deepEqual(await heard(() => owner.put(closed, "secret", "x", 0o644)), []);
    assert.deepEqual(await heard(() => owner.put(below, "secret", "x", 0o644)), [], "no way leads there");
    assert.deepEqual(
      await heard(() => owner.put(unlisted, "secret", "x", 0o644)),
      [],
      "names are not to be had",
    );
    assert.deepEqual(await heard(async () => owner.chmod(await owner.walk(open, "file"), 0o640)), [
      "setattr /open/file",
    ]);
    const move = async (from: number, to: number) => {
      await owner.rpc("Trenameat", { olddirfid: from, oldname: "file", newdirfid: to, newname: "file" });
    };
    assert.deepEqual(await heard(() => move(open, top)), ["rename /file /open/file"]);
    assert.deepEqual(
      await heard(() => move(top, closed)),
      ["remove /file"],
      "nobody learns where it has gone",
    );
    assert.deepEqual(await heard(() => move(closed, open)), ["create /open/file"], "nor whence it comes");
    assert.deepEqual(await heard(() => owner.unlink(open, "file")), ["remove /open/file"]);
    assert.deepEqual(await heard(() => owner.unlink(closed, "secret")), []);
    assert.deepEqual(
      await heard(async () => {
        await owner.chmod(open, 0o700);
        await owner.put(open, "hidden", "x");
        await owner.chmod(open, 0o755);
      }),
      ["setattr /open", "setattr /open"],
      "what may be seen changes at once",
    );
    for (const { client } of listeners) client.wire.close();
    owner.wire.close();
  });
}
