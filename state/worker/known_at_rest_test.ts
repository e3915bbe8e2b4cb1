import assert from "node:assert/strict";
import { haveNothingToTell, knownAtRest } from "../volume/mod.ts";
import { carry } from "./_carry.ts";
import { copyFolder } from "./_exchange.ts";
import { Volume } from "./_tree.ts";

const nowSec = () => Math.floor(Date.now() / 1000);

/** What is seen of two closed volumes without opening them. */
function isOne(a: string, b: string, sec = nowSec()): boolean | undefined {
  const [own, other] = [knownAtRest(a), knownAtRest(b)];
  return own && other && haveNothingToTell(own, other, sec);
}

async function meet(a: string, b: string): Promise<void> {
  await using one = await Volume.open(a);
  await using other = await Volume.open(b);
  await carry(await one.store.exchange(), await other.store.exchange());
}

Deno.test("two closed copies are seen to be one without opening them, and only where they are", async () => {
  const folder = await Deno.makeTempDir({ prefix: "lux9-rest-" });
  const [a, b] = [`${folder}/a`, `${folder}/b`];
  try {
    Deno.mkdirSync(a);
    {
      await using volume = await Volume.open(a);
      await volume.put("file", "first");
    }
    copyFolder(a, b);
    assert.equal(isOne(a, b), undefined, "the copied folder has no name of its own yet");
    await meet(a, b);
    // Each has told that it has what the other one has.
    await meet(a, b);
    assert.equal(isOne(a, b), true);
    assert.equal(isOne(a, b, nowSec() + 25 * 3600), false, "after a day they tell it again");
    assert.equal(isOne(a, a), false, "a copy is no other one");
    {
      await using volume = await Volume.open(b);
      await volume.put("file", "second");
    }
    assert.equal(isOne(a, b), false);
    await meet(a, b);
    await meet(a, b);
    assert.equal(isOne(a, b), true);
    {
      // It dies with a change in its log.
      const volume = await Volume.open(a);
      volume.store.append({
        ...{ kind: "snapshot", by: "me", time: { sec: nowSec(), nsec: 0 }, name: "unapplied" },
      });
      volume.store.abandon();
    }
    assert.equal(isOne(a, b), undefined);
    {
      await using volume = await Volume.open(b);
      assert.throws(() => knownAtRest(b), { name: "NineError" }, "somebody has it open");
      assert.ok(volume.tree().length > 0);
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
