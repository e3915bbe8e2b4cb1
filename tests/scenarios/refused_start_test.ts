/** What keeps a node from starting: each case ends with a code other than 0, and says what, where and what to do. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { Client } from "../conformance/client.ts";
import { Wire } from "../conformance/wire.ts";
import { type Ended, freePort, makeHome, type NodeOptions, TestNode } from "./node.ts";
import { asUser, UNPRIVILEGED } from "./privileges.ts";
import { skipUnless } from "./skip.ts";

/** The node gives up at once, and its message has all of that. */
async function refuses(options: NodeOptions, ...says: RegExp[]): Promise<void> {
  checkRefusal(await TestNode.refused(options), ...says);
}

function checkRefusal({ code, stdout, stderr }: Ended, ...says: RegExp[]): void {
  assert.equal(code, 1, stderr);
  assert.equal(stdout, "");
  assert.doesNotMatch(stderr, /^\s+at /m, "a stack trace is no message");
  for (const said of says) assert.match(stderr, said);
}

async function inFolder(act: (folder: string) => Promise<void>): Promise<void> {
  const folder = await makeHome();
  try {
    await act(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("up: a port that is in use", async () => {
  using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = taken.addr as Deno.NetAddr;
  await refuses(
    { listen: [`tcp!127.0.0.1!${port}`] },
    new RegExp(`tcp!127.0.0.1!${port} is in use`),
    /choose another/,
  );
});

Deno.test("up: a home whose socket path is too long for the kernel", async () => {
  await inFolder((folder) =>
    refuses({ home: join(folder, "x".repeat(100)) }, /a path of \d{3} bytes, allowed are 107/, /--home/)
  );
});

Deno.test("up: a home with the characters of dial strings in its path serves", async () => {
  await inFolder(async (folder) => {
    const home = join(folder, "a!b,users=none c");
    await Deno.mkdir(home);
    await using node = await TestNode.start({ home });
    const client = new Client(
      new Wire(await Deno.connect({ transport: "unix", path: join(home, "run", "9p") })),
    );
    await client.wire.version(8192, "9P2000");
    await client.attach(client.root, "", "anybody");
    assert.ok(await client.has(client.root, "data"));
    client.wire.close();
    assert.equal((await node.stop()).code, 0);
  });
});

Deno.test("up: a regular file where the socket goes is left alone", async () => {
  await inFolder(async (folder) => {
    await Deno.mkdir(join(folder, "run"));
    const path = join(folder, "run", "9p");
    await Deno.writeTextFile(path, "precious");
    await refuses({ home: folder }, /9p is there and is no socket/, /remove it/);
    assert.equal(await Deno.readTextFile(path), "precious");
  });
});

Deno.test("up: a home that is a file", async () => {
  await inFolder(async (folder) => {
    const file = join(folder, "file");
    await Deno.writeTextFile(file, "");
    await refuses({ home: file }, new RegExp(`${file} is no folder`), /--home/);
    await refuses({ home: join(file, "below") }, /below cannot be made/, /--home/);
  });
});

Deno.test("up: a home that this user may not write", async (t) => {
  if (!skipUnless(t.name, UNPRIVILEGED)) return;
  await inFolder(async (folder) => {
    await refuses(
      { home: folder, before: asUser() },
      new RegExp(`home ${folder} may not be written`),
      /--home/,
    );
    await refuses({ home: join(folder, "new"), before: asUser() }, /new cannot be made/, /--home/);
  });
});

Deno.test("up: a second node on one home, while the first goes on", async () => {
  await using node = await TestNode.start();
  await refuses({ home: node.home }, new RegExp(`process ${node.pid}\\) has the home`), /--home/);
  assert.equal((await node.status()).pid, node.pid);
});

/** A `lux9.yaml`, and at which line and column what is wrong with it. */
const BROKEN: readonly (readonly [what: string, yaml: string, place: string, ...says: RegExp[]])[] = [
  ["YAML that is none", 'listen:\n  - "tcp!127.0.0.1!1\n', "3:1", /quote/],
  ["an unknown key", "listen: []\nmouts: []\n", "2:1", /"mouts"/],
  ["a list where names are due", "- a\n", "1:1", /expected object/],
  ["a number out of range", "users:\n  alice: {uid: -1}\n", "2:16", /users\.alice\.uid/],
  [
    "an unknown kind of mount",
    "mounts:\n  - at: /x\n    hosts: /tmp\n",
    "2:5",
    /one of volume .*, host, mem, import or bind/,
  ],
  ["a mount at no absolute path", "mounts:\n  - {at: x, mem: {}}\n", "2:10", /absolute path/],
  [
    "a mount of a missing folder",
    "mounts:\n  - {at: /a, mem: {}}\n  - {at: /x, host: ../none}\n",
    "3:5",
    /\/none.*ENOENT/,
  ],
  ["a bind of a missing path", "mounts:\n  - {at: /x, bind: /nowhere}\n", "2:5", /nowhere/],
  [
    "an import from nobody",
    "mounts:\n  - {at: /x, import: tcp!127.0.0.1!1}\n",
    "2:5",
    /nobody listens there/,
  ],
  ["an address that is none", "listen:\n  - 127.0.0.1\n", "2:5", /is no address: write tcp!host!port/],
  [
    "an unknown option of a listener",
    "listen:\n  - tcp!127.0.0.1!1,users=root\n",
    "2:5",
    /there are users=owner/,
  ],
];

Deno.test("up: a broken lux9.yaml is told of by file, line and column", async (t) => {
  // All at once: each takes its time to start, and none of them anything else.
  const ends = await Promise.all(BROKEN.map(([, yaml]) => TestNode.refused({ yaml })));
  for (const [i, [what, , place, ...says]] of BROKEN.entries()) {
    await t.step(what, () => checkRefusal(ends[i], new RegExp(`/lux9\\.yaml:${place}: `), ...says));
  }
});

Deno.test("up: listening beyond loopback needs the word for it", async () => {
  const port = freePort();
  const asked = [`tcp!0.0.0.0!${port}`];
  await refuses(
    { listen: asked },
    /can be reached from other machines/,
    /beyond-loopback if that is what you want/,
  );
  await using node = await TestNode.start({ listen: [`tcp!0.0.0.0!${port},beyond-loopback`] });
  const client = await node.connect({ address: `tcp!127.0.0.1!${port}` });
  client.wire.close();
});
