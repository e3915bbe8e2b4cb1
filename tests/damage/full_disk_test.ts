/** A disk that is full at whatever place of the store it comes to that: writes fail, what was answered is there, and it goes on. */
import assert from "node:assert/strict";
import { Errno, NineError, O } from "../../9p/mod.ts";
import { call, file, get, now, type Place, type Server, walk } from "../../servers/volume/_fixture.ts";
import { volume } from "../../servers/volume/mod.ts";
import { VolumeStore } from "../../state/volume/mod.ts";
import { verify } from "../../state/worker/mod.ts";
import { MOUNTS } from "../scenarios/privileges.ts";
import { skipUnless } from "../scenarios/skip.ts";
import { bytesOf } from "./made.ts";

const DISK_BYTES = 32 * 1024 * 1024;
const PAGE = 4096;
/** Free pages when the load begins. For all of them: `LUX9_PAGES=300`. */
const ALL = Number(Deno.env.get("LUX9_PAGES") ?? 0);
const FREE = ALL > 0 ? Array.from({ length: ALL }, (_, i) => i) : [0, 1, 3, 8, 20, 50, 120, 250];
const FILES = 60;

Deno.test("on a disk that is full at any place writes fail, what was answered is there, and it goes on when there is room", async (t) => {
  if (!skipUnless(t.name, MOUNTS)) return;
  const folder = await Deno.makeTempDir({ prefix: "lux9-full-" });
  await run("mount", "-t", "tmpfs", "-o", `size=${DISK_BYTES}`, "lux9-full", folder);
  const path = `${folder}/volume`;
  const answered = new Map<string, string>();
  const failures = new Map<string, number>();
  try {
    for (const [turn, free] of FREE.entries()) {
      let store = await open(path, failures);
      let server = volume(store);
      let root = now(server.attach("", call));
      await makeRoom(server, root, answered, store);
      // The disk is asked for its space now, and not again before all is written.
      write(server, root, answered, `turn ${free}`, 1);
      Deno.writeFileSync(`${folder}/ballast`, new Uint8Array(0));
      fill(folder, free * PAGE);
      for (let i = 0; i < FILES; i++) {
        const failed = write(server, root, answered, `file ${free}.${i}`, (i * 7919) % 30_000);
        if (failed !== undefined) failures.set(failed, (failures.get(failed) ?? 0) + 1);
      }
      await Promise.race([store.caughtUp().catch((thrown) => isFull(thrown)), sleep(300)]);
      areThere(server, root, answered, `with ${free} pages`);
      if (turn % 2 === 1) {
        // Also a start does without room, but for the rows of what is in the log.
        await store.close();
        let full: VolumeStore | undefined;
        try {
          full = await open(path, failures);
        } catch (thrown) {
          isFull(thrown);
          failures.set("open", (failures.get("open") ?? 0) + 1);
          Deno.removeSync(`${folder}/ballast`);
        }
        store = full ?? await open(path, failures);
        server = volume(store);
        root = now(server.attach("", call));
        areThere(server, root, answered, `opened again with ${free} pages`);
      }
      await Deno.remove(`${folder}/ballast`).catch(() => {});
      await caughtUp(store);
      assert.equal(write(server, root, answered, `after ${free}`, 5000), undefined, "there is room again");
      await caughtUp(store);
      areThere(server, root, answered, `after ${free} pages`);
      await store.close();
      assert.deepEqual(verify(path).problems, [], `after ${free} pages`);
    }
    console.log(
      `${FREE.length} disks, ${answered.size} files answered; failed: ${JSON.stringify([...failures])}`,
    );
    assert.ok(failures.size > 0, "nothing failed");
  } finally {
    await run("umount", "-l", folder);
    await Deno.remove(folder, { recursive: true });
  }
});

async function open(path: string, failures: Map<string, number>): Promise<VolumeStore> {
  return await VolumeStore.open(path, {
    gatherMs: 0,
    checkpointOperations: 40,
    onTrouble(message) {
      const kind = message.replace(/\d+/g, "N").slice(0, 80);
      failures.set(kind, (failures.get(kind) ?? 0) + 1);
    },
  });
}

/** Says what failed, with ENOSPC, if anything. */
function write(
  server: Server,
  root: Place,
  answered: Map<string, string>,
  name: string,
  length: number,
): string | undefined {
  let at = "create";
  try {
    const { node, handle } = now(server.create(root, name, file, O.RDWR, call));
    answered.set(name, "");
    server.hold(node);
    try {
      at = "write";
      const bytes = bytesOf(length, length).map((byte) => 97 + byte % 26);
      now(server.write(node, handle, 0, bytes, call));
      answered.set(name, new TextDecoder().decode(bytes));
      at = "close";
      now(server.close(node, handle, call));
    } finally {
      server.drop(node);
    }
  } catch (thrown) {
    isFull(thrown);
    return at;
  }
}

/** The disk stays less than half full from turn to turn. */
async function makeRoom(
  server: Server,
  root: Place,
  answered: Map<string, string>,
  store: VolumeStore,
): Promise<void> {
  if (store.space().free > DISK_BYTES / 2) return;
  for (const name of answered.keys()) now(server.remove(walk(server, root, name), call));
  answered.clear();
  await store.collect();
}

function areThere(server: Server, root: Place, answered: ReadonlyMap<string, string>, when: string): void {
  for (const [name, text] of answered) {
    assert.equal(get(server, walk(server, root, name)), text, `${name}, ${when}`);
  }
}

/** Applying is tried again by itself. */
async function caughtUp(store: VolumeStore): Promise<void> {
  for (let tries = 0;; tries++) {
    try {
      return await store.caughtUp();
    } catch (thrown) {
      isFull(thrown);
      assert.ok(tries < 100, `It does not go on: ${thrown}`);
      await sleep(100);
    }
  }
}

function isFull(thrown: unknown): void {
  if (thrown instanceof NineError && thrown.errno === Errno.ENOSPC) return;
  throw thrown;
}

/** Leaves so many bytes free. */
function fill(folder: string, free: number): void {
  using ballast = Deno.openSync(`${folder}/ballast`, { write: true });
  const block = new Uint8Array(PAGE);
  let pages = 0;
  try {
    for (;; pages++) ballast.writeSync(block);
  } catch {
    ballast.truncateSync(Math.max(0, pages * PAGE - free));
  }
}

async function run(command: string, ...args: string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command(command, { args }).output();
  if (!success) throw new Error(`${command} ${args.join(" ")}: ${new TextDecoder().decode(stderr)}`);
}

const sleep = (ms: number) => new Promise<void>((wake) => setTimeout(wake, ms));
