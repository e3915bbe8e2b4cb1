import assert from "node:assert/strict";
import { decodeDescriptor } from "../chunks/mod.ts";
import { copyKey, newCopyKey } from "../record/mod.ts";
import { meet as meetBySessions } from "../sync/_channel.ts";
import type { SyncStore } from "../sync/mod.ts";
import { type Copy, meet, World } from "./_copies.ts";

const NOTHING = { everything: 0, hourly: 0, daily: 0 };

function collect(copy: Copy): void {
  const { packs } = copy.keeper.collect(NOTHING);
  copy.index.renew();
  copy.keeper.removePacks(packs);
}

function storeOf(copy: Copy): SyncStore & Disposable {
  return copy.keeper.copy.store({
    name: "",
    heals: false,
    take: (records, absent) => {
      const { number } = copy.log("receive", {});
      copy.apply();
      const refused = copy.keeper.copy.receive({ records, chunks: [], absent }, number, new Set());
      copy.index.renew();
      return Promise.resolve(refused);
    },
  });
}

const begun = (first: Copy) => {
  first.keeper.copy.letIn(copyKey(newCopyKey()).publicKey);
  first.write("file", "begun");
};

Deno.test("a file that was removed and collected here is there with its contents where another copy gave it a name or moved it meanwhile", async () => {
  for (const act of [(copy: Copy) => copy.ln("file", "name"), (copy: Copy) => copy.mv("file", "name")]) {
    await World.with(2, ([a, b]) => {
      a.write("file", "written since");
      a.rm("file");
      collect(a);
      act(b);
      assert.deepEqual(meet([a, b]), ["name = written since"]);
    }, begun);
  }
});

Deno.test("contents of a file that is gone go with it where there is no other copy", async () => {
  await World.with(1, ([copy]) => {
    copy.write("file", "passing ".repeat(99));
    copy.write("other", "staying");
    const [passing, staying] = ["file", "other"].map((path) => decodeDescriptor(copy.row(path).content!).id!);
    copy.rm("file");
    collect(copy);
    const store = storeOf(copy);
    assert.deepEqual([store.hasChunk(passing), store.hasChunk(staying)], [false, true]);
  });
});

Deno.test("what came for an exchange stays as long as that or another one counts on it, and goes then", async () => {
  await World.with(2, async ([a, b]) => {
    b.write("file", "on its way ".repeat(99));
    const { id } = decodeDescriptor(b.row("file").content!);
    const bytes = storeOf(b).chunk(id!)!;
    const isHere = (store: SyncStore) => {
      collect(a);
      return store.hasChunk(id!);
    };
    const [one, other, third] = [storeOf(a), storeOf(a), storeOf(a)];
    assert.ok(one.putChunk(id!, bytes));
    await other.take([], []);
    assert.ok(isHere(one), "the other one took in something else");
    await one.take([], []);
    assert.ok(!isHere(third), "nothing names it");
    assert.ok(one.putChunk(id!, bytes) && other.hasChunk(id!));
    one[Symbol.dispose]();
    assert.ok(isHere(other), "the first one was cut off");
    other[Symbol.dispose]();
    third[Symbol.dispose]();
    assert.ok(!isHere(storeOf(a)));
  }, begun);
});

Deno.test("of history another copy may not have had the contents, and verify says nothing of that", async () => {
  await World.with(2, async ([a, b]) => {
    a.write("file", "one");
    a.write("file", "two");
    collect(a);
    const limits = { fillBytes: 1, windowBytes: 1, batchBytes: 1 };
    const [, session] = await meetBySessions(storeOf(a), storeOf(b), { limits });
    assert.equal(session.ending?.kind, "done");
    assert.equal(session.summary.absent, 1);
    b.check();
    assert.deepEqual(b.tree(), ["file = two"]);
  }, begun);
});
