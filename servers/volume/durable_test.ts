import assert from "node:assert/strict";
import { O } from "../../9p/mod.ts";
import { VolumeStore } from "../../state/volume/mod.ts";
import { call, file, now, type Place, type Server } from "./_fixture.ts";
import { volume, type VolumeOptions } from "./mod.ts";

const text = (words: string) => new TextEncoder().encode(words);

/** A volume whose log nobody makes durable unasked. */
async function slowly(
  options: VolumeOptions,
  act: (server: Server, root: Place, store: VolumeStore) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "lux9-durable-" });
  const onTrouble = (message: string) => {
    throw new Error(message);
  };
  const store = await VolumeStore.open(folder, { onTrouble, gatherMs: 600_000 });
  try {
    const server = volume(store, options);
    await act(server, now(server.attach("", call)), store);
  } finally {
    await store.close();
    await Deno.remove(folder, { recursive: true });
  }
}

function begin(server: Server, root: Place, name: string) {
  const { node, handle } = now(server.create(root, name, file, O.RDWR, call));
  server.hold(node);
  now(server.write(node, handle, 0, text(name), call));
  return { node, close: () => server.close(node, handle, call) };
}

Deno.test("durable: clunk: a close of what was changed is answered when it survives the loss of power, many at once", async () => {
  await slowly({ durable: "clunk" }, async (server, root, store) => {
    const { node, close } = begin(server, root, "one");
    assert.ok(store.log.synced < store.log.last);
    const closed = close();
    assert.ok(closed instanceof Promise, "it takes until the disk has it");
    await closed;
    assert.equal(store.log.synced, store.log.last);
    const emptied = now(server.open(node, O.WRONLY | O.TRUNC, call));
    await server.close(node, emptied, call);
    assert.equal(store.log.synced, store.log.last);

    const syncs: unknown[] = [];
    const sync = store.sync.bind(store);
    store.sync = () => {
      const done = sync();
      syncs.push(done);
      return done;
    };
    const files = Array.from({ length: 20 }, (_, i) => begin(server, root, `many-${i}`));
    await Promise.all(files.map(({ close }) => close()));
    assert.equal(store.log.synced, store.log.last);
    assert.equal(syncs.length, 20);
    // Nothing was changed through these.
    for (const flags of [O.RDONLY, O.RDWR]) {
      now(server.close(node, now(server.open(node, flags, call)), call));
    }
    assert.equal(syncs.length, 20);
  });
});

Deno.test("durable: clunk is asked for: without it a close does not wait for the disk", async () => {
  await slowly({}, (server, root, store) => {
    now(begin(server, root, "one").close());
    assert.ok(store.log.synced < store.log.last);
    return Promise.resolve();
  });
});
