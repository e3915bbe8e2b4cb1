import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { existsSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { FRAME } from "../volume/mod.ts";
import { carry } from "./_carry.ts";
import { noise, Volume } from "./_tree.ts";
import { receiveClone, type Source, verify } from "./mod.ts";
import { newPackMessage, STATE, stateMessage } from "./state_words.ts";

async function withFolder(act: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "lux9-clone-" });
  try {
    await act(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function made(folder: string): Promise<Volume> {
  const volume = await Volume.open(folder);
  await volume.put("large", noise(3_000_000, 1));
  await volume.mkdir("folder");
  await volume.put("folder/a.txt", "one\n");
  await volume.store.snapshot("before", "me");
  await volume.put("folder/a.txt", "two\n");
  await volume.mv("large", "folder/large");
  return volume;
}

Deno.test("a clone is a copy of its own: it shows the same, now and in snapshots, and the two meet", async () => {
  await withFolder(async (folder) => {
    await using source = await made(`${folder}/a`);
    const told: number[] = [];
    const { files } = await receiveClone(`${folder}/b`, await source.source(), {
      onProgress: ({ bytes }) => told.push(bytes),
    });
    assert.equal(files, 4);
    assert.ok(told.at(-1)! >= 3_000_000);
    assert.deepEqual(verify(`${folder}/b`).problems, []);
    const troubles: string[] = [];
    await using clone = await Volume.open(`${folder}/b`, { onTrouble: (message) => troubles.push(message) });
    assert.deepEqual(troubles, []);
    assert.deepEqual(clone.tree(), source.tree());
    const [before, there] = [source, clone].map(({ store }) => store.index.past.snapshot("before")!.seq);
    assert.deepEqual(clone.tree(there), source.tree(before));
    assert.notEqual(clone.store.status().incarnation, source.store.status().incarnation);
    await clone.put("of the clone", "x");
    await source.put("of the source", "y");
    const { a, b } = await carry(await source.store.exchange(), await clone.store.exchange());
    assert.ok("ended" in a && a.ended?.kind === "done", JSON.stringify(a));
    assert.ok("ended" in b && b.ended?.kind === "done", JSON.stringify(b));
    assert.deepEqual(clone.tree(), source.tree());
    assert.equal(clone.tree().length, 5);
  });
});

Deno.test("what is written while a clone is made comes with the next exchange, and nothing of it is half there", async () => {
  await withFolder(async (folder) => {
    await using source = await made(`${folder}/a`);
    const plain = await source.source();
    let count = 0;
    const slow: Source = {
      async read(signal) {
        const frames = await plain.read(signal);
        for (const _ of frames) {
          await source.put(`new ${count++}`, noise(100_000, count));
          await source.put("folder/a.txt", `now ${count}\n`);
        }
        await source.store.collect();
        return frames;
      },
      write: (frame) => plain.write(frame),
    };
    await receiveClone(`${folder}/b`, slow);
    assert.ok(count > 3);
    assert.deepEqual(verify(`${folder}/b`).problems, []);
    await using clone = await Volume.open(`${folder}/b`);
    assert.ok(clone.tree().includes("folder/a.txt = two\n 644"));
    await carry(await source.store.exchange(), await clone.store.exchange());
    assert.deepEqual(clone.tree(), source.tree());
  });
});

Deno.test("a clone that is interrupted anywhere is no volume, and the next try makes one", async () => {
  await withFolder(async (folder) => {
    await using source = await made(`${folder}/a`);
    let isDone = false;
    for (let after = 0; !isDone; after++) {
      assert.ok(after < 50);
      const plain = await source.source();
      let messages = 0;
      const cut: Source = {
        async read(signal) {
          const frames = (await plain.read(signal)).filter(({ kind }) => kind === FRAME.message);
          return messages + frames.length > after ? [] : (messages += frames.length, frames);
        },
        write: (frame) => plain.write(frame),
      };
      try {
        await receiveClone(`${folder}/b`, cut);
        isDone = true;
      } catch (thrown) {
        assert.match((thrown as Error).message, /is not whole/);
        assert.throws(() => Deno.statSync(`${folder}/b`), Deno.errors.NotFound);
      }
    }
    assert.deepEqual(verify(`${folder}/b`).problems, []);
    assert.deepEqual([...Deno.readDirSync(folder)].map(({ name }) => name).sort(), ["a", "b"]);
    using db = new DatabaseSync(`${folder}/b/index.sqlite`, { readOnly: true });
    assert.equal(
      db.prepare("SELECT count(*) AS keys FROM copy").get()!.keys,
      2,
      "the source lets one in, once",
    );
    await using clone = await Volume.open(`${folder}/b`);
    assert.deepEqual(clone.tree(), source.tree());
    await assert.rejects(receiveClone(`${folder}/b`, await source.source()), /has something in it already/);
  });
});

Deno.test("a clone that was stopped goes on with the contents that came, as far as they are sound", async () => {
  await withFolder(async (folder) => {
    await using source = await made(`${folder}/a`);
    // How many bytes of contents come in a try that is cut after so many messages with some.
    const attempt = async (messages: number): Promise<number> => {
      const plain = await source.source();
      let bytes = 0;
      const cut: Source = {
        async read(signal) {
          const frames = await plain.read(signal);
          for (const { kind, payload } of frames) {
            if (kind !== FRAME.message || payload[0] !== STATE.pack) continue;
            if (messages-- === 0) return [];
            bytes += payload.byteLength;
          }
          return frames;
        },
        write: (frame) => plain.write(frame),
      };
      await receiveClone(`${folder}/b`, cut).catch((thrown) => assert.match(thrown.message, /is not whole/));
      return bytes;
    };
    assert.ok(await attempt(2) > 1_900_000);
    const pack = `${folder}/.b.cloning/packs/000001`;
    assert.ok(Deno.statSync(pack).size > 1_800_000);
    // Power was lost, and what was not durable yet is gone.
    const bytes = Deno.readFileSync(pack);
    Deno.writeFileSync(pack, bytes.fill(0, 1_500_000));
    Deno.writeFileSync(`${folder}/.b.cloning/packs/000007`, bytes);
    const second = await attempt(1);
    assert.ok(second > 900_000 && second < 1_000_000, `${second} bytes`);
    // The other copy may move its chunks meanwhile, so that some are in another pack than they came in.
    await source.put("folder/large", "short");
    await source.put("other", noise(300_000, 5));
    await source.store.collect();
    const third = await attempt(Infinity);
    assert.ok(third > 300_000 && third < 2_500_000, `${third} bytes`);
    assert.deepEqual(verify(`${folder}/b`).problems, []);
    const has = (name: string) => existsSync(`${folder}/b/${name}`);
    assert.deepEqual(["packs", "packs/000007", "earlier", "key"].map(has), [true, false, false, false]);
    await using clone = await Volume.open(`${folder}/b`);
    assert.deepEqual(clone.tree(), source.tree());
  });
});

Deno.test("a clone on demand has nothing left of one that was to be whole and was stopped", async () => {
  await withFolder(async (folder) => {
    await using source = await made(`${folder}/a`);
    const plain = await source.source();
    let packs = 0;
    const cut: Source = {
      async read(signal) {
        const frames = await plain.read(signal);
        packs += frames.filter(({ kind, payload }) =>
          kind === FRAME.message && payload[0] === STATE.pack
        ).length;
        return packs > 2 ? [] : frames;
      },
      write: (frame) => plain.write(frame),
    };
    await assert.rejects(receiveClone(`${folder}/b`, cut), /is not whole/);
    assert.ok(existsSync(`${folder}/.b.cloning/packs/000001`));
    await receiveClone(`${folder}/b`, await source.source(), { contents: "on-demand" });
    assert.deepEqual([...Deno.readDirSync(`${folder}/b/packs`)], []);
  });
});

Deno.test("a new copy that asks for contents from a place that cannot be is told so", async () => {
  await withFolder(async (folder) => {
    await using source = await made(`${folder}/a`);
    for (const offset of [-1, 0.5, NaN, 2 ** 53]) {
      const plain = await source.source();
      const liar: Source = {
        read: (signal) => plain.read(signal),
        write: ({ kind, payload }) => {
          const place = { pack: 1, offset };
          return plain.write({
            kind,
            payload: kind === FRAME.message ? newPackMessage(place, 0, STATE.from).message : payload,
          });
        },
      };
      await assert.rejects(receiveClone(`${folder}/b`, liar), /from where on it lacks contents/, `${offset}`);
    }
  });
});

Deno.test("what a source tells that is not sound makes no volume", async () => {
  await withFolder(async (folder) => {
    await using source = await made(`${folder}/a`);
    const wrong = async (change: (message: Uint8Array) => Uint8Array, why: RegExp) => {
      const plain = await source.source();
      const liar: Source = {
        read: async (signal) =>
          (await plain.read(signal)).map((frame) =>
            frame.kind === FRAME.message ? { ...frame, payload: change(frame.payload.slice()) } : frame
          ),
        write: (frame) => plain.write(frame),
      };
      await assert.rejects(receiveClone(`${folder}/b`, liar), why);
      assert.throws(() => Deno.statSync(`${folder}/b`), Deno.errors.NotFound);
    };
    const head = (act: (head: Record<string, unknown>) => void) => (message: Uint8Array) => {
      if (message[0] !== STATE.head) return message;
      const told = JSON.parse(new TextDecoder().decode(message.subarray(1)));
      act(told);
      return stateMessage(STATE.head, new TextEncoder().encode(JSON.stringify(told)));
    };
    const text = (from: string, to: string) => (message: Uint8Array) => {
      if (message[0] !== STATE.rows) return message;
      const latin = Array.from(message, (byte) => String.fromCharCode(byte)).join("");
      return Uint8Array.from(latin.replaceAll(from, to), (character) => character.charCodeAt(0));
    };
    await wrong(head((told) => told.format = 99), /format 99.*update this program/);
    await wrong(head((told) => (told.tables as unknown[]).pop()), /has other tables/);
    await wrong(head((told) => told.volume = "another"), /two volumes at once/);
    await wrong(
      (message) => message[0] === STATE.rows ? stateMessage(STATE.pack, new Uint8Array(20)) : message,
      /out of turn/,
    );
    await wrong(
      (message) => message[0] === STATE.pack ? stateMessage(STATE.end) : message,
      /where nothing is/,
    );
    // A name is changed in the index alone, a key is taken for a secret, and a name of a file becomes a path.
    await wrong(text("folder", "folded"), /is not sound/);
    await wrong(text("lastIno", "secrets"), /"secrets" of itself, which is not asked/);
    await wrong((message) => {
      const row = Buffer.from("\0\x02\x03\0\0\0key\x03\x20\0\0\0", "latin1");
      const at = message[0] === STATE.rows ? Buffer.from(message).indexOf(row) : -1;
      if (at < 0) return message;
      return Buffer.concat([message.subarray(0, at), message.subarray(at + row.byteLength + 32)]);
    }, /does not tell the key/);
    await wrong(
      (message) => message[0] === STATE.rows ? message.fill(7, 2, 3) : message,
      /A value of kind 7/,
    );
    await receiveClone(`${folder}/b`, await source.source());
    assert.deepEqual(verify(`${folder}/b`).problems, []);
  });
});

Deno.test("a clone of a copy with damaged contents is there without them, says of which files, and another copy brings them", async () => {
  await withFolder(async (folder) => {
    await using source = await made(`${folder}/a`);
    await receiveClone(`${folder}/whole`, await source.source());
    {
      using file = Deno.openSync(`${folder}/a/packs/000001`, { read: true, write: true });
      file.seekSync(1_500_000, Deno.SeekMode.Start);
      file.writeSync(new Uint8Array(8));
    }
    const { damaged, lacking } = await receiveClone(`${folder}/b`, await source.source());
    assert.equal(damaged, 1);
    assert.deepEqual(lacking, { count: 1, paths: ["/folder/large"] });
    const { problems, absent } = verify(`${folder}/b`);
    assert.deepEqual([problems, absent], [[], 1]);
    {
      await using clone = await Volume.open(`${folder}/b`);
      await using whole = await Volume.open(`${folder}/whole`);
      await carry(await clone.store.exchange(), await whole.store.exchange());
      assert.deepEqual(clone.tree(), whole.tree());
    }
    assert.deepEqual(verify(`${folder}/b`), verify(`${folder}/whole`));
  });
});
