/** A client that dies with everything in its hands: all of it is free within a second. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import type { FileServer } from "../../9p/mod.ts";
import { Dm } from "../../9p/wire/stat.ts";
import type { Client } from "../conformance/client.ts";
import { connect, refuses } from "./connect.ts";
import { hold, lockOf, namesOf } from "./holder.ts";
import { serveHere } from "./in_process.ts";
import { TestNode } from "./node.ts";
import { ROOT } from "./privileges.ts";
import { sleep, until } from "./process.ts";
import { skipUnless } from "./skip.ts";

const RELEASED_MS = 1000;
const DEAD = 1000;

/** Somebody who wants what the holder has. */
class Heir {
  private constructor(
    readonly linux: Client,
    readonly unix: Client,
    readonly dirs: { linux: number; unix: number },
  ) {}

  static async of(node: TestNode): Promise<Heir> {
    const linux = await node.connect();
    const unix = await node.connect({ dialect: "9P2000.u" });
    const dirs = { linux: await linux.walk(linux.root, "data"), unix: await unix.walk(unix.root, "data") };
    return new Heir(linux, unix, dirs);
  }

  /** All of it is taken. */
  async getsNothing(name: string): Promise<void> {
    const { temporary, exclusive, locked } = namesOf(name);
    assert.ok(await this.linux.has(this.dirs.linux, temporary));
    const fid = await this.unix.walk(this.dirs.unix, exclusive);
    await refuses("EBUSY", this.unix.open(fid, "rw"));
    await this.unix.clunk(fid);
    assert.equal(await this.#lock(locked), false);
  }

  /** The last of it is free; throws where something of it is not. */
  async getsAll(name: string): Promise<void> {
    const { temporary, exclusive, locked } = namesOf(name);
    const fid = await this.unix.walk(this.dirs.unix, exclusive);
    await this.unix.open(fid, "rw");
    assert.equal(await this.unix.readText(fid), "mine");
    await this.unix.remove(fid);
    assert.equal(await this.#lock(locked), true);
    assert.equal(await this.linux.has(this.dirs.linux, temporary), false);
    await this.linux.unlink(this.dirs.linux, locked);
  }

  async #lock(name: string): Promise<boolean> {
    const fid = await this.linux.walk(this.dirs.linux, name);
    await this.linux.open(fid, "rw");
    const { status } = await this.linux.rpc("Tlock", lockOf(fid, "heir"));
    await this.linux.clunk(fid);
    return status === 0;
  }

  close(): void {
    this.linux.wire.close();
    this.unix.wire.close();
  }
}

/** Only the heir's fids are left: three a session with the one that asks. */
const FIDS_LEFT = 4 + 2;

async function released(node: TestNode): Promise<number> {
  return await until("no fid is left", async () => (await node.status()).fids === FIDS_LEFT, RELEASED_MS);
}

Deno.test("a client whose connection ends: its files, locks and reads are let go within a second", async () => {
  await using node = await TestNode.start();
  const heir = await Heir.of(node);
  const clients = await hold(node.socket, "gone");
  await heir.getsNothing("gone");
  for (const { wire } of clients) wire.close();
  console.log(`released after ${(await released(node)).toFixed(0)} ms`);
  await heir.getsAll("gone");
  const reasons = (await node.errors()).map(({ code }) => code);
  assert.deepEqual(reasons, ["EBUSY", "ENOENT"], "what the heir met, and nothing of who has gone");
  heir.close();
});

Deno.test("a client process that is killed: the same", async () => {
  await using node = await TestNode.start();
  const heir = await Heir.of(node);
  const path = fileURLToPath(new URL("./holder.ts", import.meta.url));
  const args = ["run", "-A", "--no-check", "--cached-only", path, node.socket, "killed"];
  await using child = new Deno.Command(Deno.execPath(), { args, stdout: "piped" }).spawn();
  const reader = child.stdout.getReader();
  const { value } = await reader.read();
  assert.equal(new TextDecoder().decode(value), "holding\n");
  await heir.getsNothing("killed");
  child.kill("SIGKILL");
  console.log(`released after ${(await released(node)).toFixed(0)} ms`);
  await heir.getsAll("killed");
  await reader.cancel();
  heir.close();
});

Deno.test(`${DEAD} clients that die leave no fid, no descriptor and no file`, async () => {
  await using node = await TestNode.start();
  const heir = await Heir.of(node);
  const die = async (name: string) => {
    for (const { wire } of await hold(node.socket, name)) wire.close();
  };
  const crowd = async (from: number, to: number) => {
    while (from < to) await Promise.all(Array.from({ length: 50 }, () => die(`n${from++}`)));
  };
  await crowd(0, 50);
  await released(node);
  const idle = "descriptors of places that nobody uses any more are closed";
  await sleep(300);
  const before = node.descriptors();
  await crowd(50, 50 + DEAD);
  await released(node);
  const rest = await node.asOwner(async (client) => client.names(await client.walk(client.root, "data")));
  assert.equal(rest.length, 2 * (50 + DEAD), "the temporary files are gone, and only they");
  await until(idle, () => node.descriptors() <= before, 8000);
  console.log(`descriptors: ${before} before, ${node.descriptors()} after`);
  await heir.getsAll("n777");
  heir.close();
});

Deno.test("clients that die at any moment, with a file server that answers later: nothing is left", async () => {
  await using served = await serveHere({ wrap: later });
  for (let round = 0; round < 30; round++) {
    await Promise.all(Array.from({ length: 10 }, async (_, i) => {
      const dying: Client[] = [];
      const holding = hold(served.socket, `r${round}-${i}`).then(
        (clients) => dying.push(...clients),
        () => {},
      );
      await sleep(Math.random() * 15);
      for (const connection of served.service.connections) if (Math.random() < 0.3) connection.close();
      await holding;
      for (const { wire } of dying) wire.close();
    }));
  }
  await until("all connections are let go", () => served.service.connections.size === 0, 2 * RELEASED_MS);
  const { engine } = served;
  assert.deepEqual([engine.fids, engine.locks.size, engine.budget.used], [0, 0, 0]);
  const client = await connect(served.socket, { dialect: "9P2000.u" });
  const dir = await client.walk(client.root, "data");
  for (const name of await client.names(dir)) {
    assert.ok(!name.endsWith("-temporary"), name);
    const fid = await client.walk(dir, name);
    await client.open(fid, "rw");
    await client.clunk(fid);
  }
  client.wire.close();
});

Deno.test("a connection of several users that dies closes each one's files as that user", async (t) => {
  if (!skipUnless(t.name, ROOT)) return;
  await using served = await serveHere({ wrap: later, users: "trust" });
  const root = await connect(served.socket, { dialect: "9P2000.u", nUname: 0 });
  const shared = await root.walk(root.root, "data");
  await root.chmod(shared, 0o777);
  await root.wstat(shared, { mode: (Dm.DIR | Dm.SETVTX | 0o777) >>> 0 });

  const client = await connect(served.socket, { dialect: "9P2000.u", nUname: 4001, uname: "" });
  for (const [i, nUname] of [4002, 4003, 4004].entries()) {
    const fid = 100 + i;
    await client.attach(fid, "/data", "", nUname);
    await client.createOn(fid, `of-${nUname}`, { mode: 0x40 });
  }
  assert.equal((await root.names(shared)).length, 3);
  client.wire.close();
  await until("all of them are removed", async () => (await root.names(shared)).length === 0, RELEASED_MS);
  root.wire.close();
});

/** The same tree, each answer some turns of the event loop later. */
function later(tree: FileServer): FileServer {
  const slow: Record<string, unknown> = { ...tree };
  for (const name of ["attach", "walk", "getattr", "open", "create", "close", "remove"] as const) {
    const operation = tree[name] as (...args: unknown[]) => unknown;
    slow[name] = async (...args: unknown[]) => {
      await sleep(Math.random() * 3);
      return await operation(...args);
    };
  }
  return slow as unknown as FileServer;
}
