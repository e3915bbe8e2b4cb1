/** A disk that is full, and a folder that the node's own user may not enter. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { DIALECTS } from "../../9p/wire/field.ts";
import type { Client } from "../conformance/client.ts";
import { refuses } from "./connect.ts";
import { makeHome, TestNode } from "./node.ts";
import { asUser, MOUNTS, NOBODY, UNPRIVILEGED } from "./privileges.ts";
import { MIB } from "./process.ts";
import { skipUnless } from "./skip.ts";

const DISK_BYTES = 8 * MIB;

/** A file system of that size, until the end of the block. */
async function mountSmall(folder: string): Promise<AsyncDisposable> {
  await Deno.mkdir(folder);
  await run("mount", "-t", "tmpfs", "-o", `size=${DISK_BYTES}`, "lux9-scenario", folder);
  return {
    async [Symbol.asyncDispose]() {
      await run("umount", folder);
    },
  };
}

async function run(command: string, ...args: string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command(command, { args }).output();
  if (!success) throw new Error(`${command} ${args.join(" ")}: ${new TextDecoder().decode(stderr)}`);
}

/** Writes until the disk is full; says how many bytes it took. */
async function fill(client: Client, fid: number): Promise<number> {
  const data = new Uint8Array(32 * 1024).fill(9);
  for (let at = 0;;) {
    try {
      const count = await client.write(fid, at, data);
      assert.ok(count > 0, "a write that takes nothing says why");
      at += count;
    } catch (thrown) {
      await refuses("ENOSPC", Promise.reject(thrown));
      return at;
    }
  }
}

Deno.test("a full disk: ENOSPC for who writes, the others go on, and so does writing once there is space", async (t) => {
  if (!skipUnless(t.name, MOUNTS)) return;
  const home = await makeHome();
  {
    await using _disk = await mountSmall(join(home, "data"));
    await using node = await TestNode.start({ home });
    const reader = await node.connect();
    const data = await reader.walk(reader.root, "data");
    await reader.put(data, "kept", "kept");
    const held = await reader.walk(data, "kept");
    await reader.open(held, "rw");

    for (const dialect of DIALECTS) {
      await t.step(dialect, async () => {
        const writer = await node.connect({ dialect });
        const dir = await writer.walk(writer.root, "data");
        const large = await writer.create(dir, "large");
        const took = await fill(writer, large);
        assert.equal((await writer.info(large)).size, took, "what was answered is there, and no more");
        await refuses("ENOSPC", writer.write(large, took, new Uint8Array(40_000).fill(1)));

        assert.equal(await reader.get(data, "kept"), "kept");
        assert.equal(await reader.readText(held), "kept");
        assert.equal(await reader.write(held, 0, "KEPT"), 4, "what has its page goes on being written");
        await reader.write(held, 0, "kept");
        assert.deepEqual(await reader.names(data), ["kept", "large"]);

        await writer.truncate(large, 4096);
        assert.equal(await writer.write(large, 4096, "more"), 4);
        await writer.put(dir, "new", "new");
        assert.equal(await writer.get(dir, "new"), "new");
        for (const name of ["large", "new"]) await writer.unlink(dir, name);
        writer.wire.close();
      });
    }
    await t.step("the reason is in /log/errors, and the node stops as ever", async () => {
      const [line] = (await node.errors()).filter(({ code }) => code === "ENOSPC");
      assert.match(line.reason, /^Write \d+ bytes at \d+ of .*large: ENOSPC, No space left on device$/);
      reader.wire.close();
      assert.equal((await node.stop()).code, 0);
    });
  }
  await Deno.remove(home, { recursive: true });
});

Deno.test("a folder without permission: EACCES for what is about it, its parent is listed", async (t) => {
  if (!skipUnless(t.name, UNPRIVILEGED)) return;
  const home = await makeHome(NOBODY);
  try {
    await Deno.mkdir(join(home, "data"));
    await Deno.mkdir(join(home, "data", "closed"), { mode: 0o700 });
    await Deno.writeTextFile(join(home, "data", "closed", "file"), "secret");
    await Deno.writeTextFile(join(home, "data", "unreadable"), "secret", { mode: 0o600 });
    await Deno.mkdir(join(home, "data", "fixed"), { mode: 0o755 });
    await Deno.mkdir(join(home, "data", "open"), { mode: 0o777 });
    await Deno.chmod(join(home, "data", "open"), 0o777);
    // The node's own user owns nothing in there.
    await using node = await TestNode.start({ home, before: asUser() });
    for (const dialect of DIALECTS) {
      const client = await node.connect({ dialect });
      const data = await client.walk(client.root, "data");
      assert.deepEqual(await client.names(data), ["closed", "fixed", "open", "unreadable"]);
      const closed = await client.walk(data, "closed");
      assert.equal((await client.info(closed)).mode, 0o700, "it can be looked at from outside");
      await refuses("EACCES", client.open(await client.walk(closed), "r"), "to list it");
      await refuses("EACCES", client.walk(closed, "file"), "to walk into it");
      await refuses("EACCES", client.create(closed, "new"), "to make a file in it");
      await refuses(
        "EACCES",
        client.create(await client.walk(data, "fixed"), "new"),
        "to make a file beside",
      );
      await refuses("EACCES", client.open(await client.walk(data, "unreadable"), "r"));
      await refuses("EPERM", client.chmod(closed, 0o777));
      await client.put(await client.walk(data, "open"), dialect, "goes on");
      assert.equal(await client.get(data, "open", dialect), "goes on");
      client.wire.close();
    }
    assert.ok(
      (await node.errors()).some(({ code, reason }) => code === "EACCES" && reason.includes("/closed")),
    );
  } finally {
    await Deno.remove(home, { recursive: true });
  }
});
