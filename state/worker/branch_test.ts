import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { copyKey, newCopyKey } from "../record/mod.ts";
import { sign } from "../sync/mod.ts";
import { authorOf } from "../tree/mod.ts";
import { DATABASE } from "../volume/mod.ts";
import { type Copy, World } from "./_copies.ts";

/** When each copy was let in, by its key. */
function since(copy: Copy, key: Uint8Array): number {
  using db = new DatabaseSync(`${copy.folder}/${DATABASE}`, { readOnly: true });
  return Number(db.prepare("SELECT since FROM copy WHERE key = ?").get(key)!.since);
}

Deno.test("a copy that gives way waits for the others as long as before, although what they said of the old names is gone", async () => {
  await World.with(1, ([copy]) => {
    const { keeper } = copy;
    const other = copyKey(newCopyKey());
    keeper.copy.letIn(other.publicKey);
    const letIn = since(copy, other.publicKey);
    using store = keeper.copy.store({ name: "", heals: false, take: () => Promise.resolve([]) });
    const author = authorOf(new Uint8Array(8).fill(9));
    store.learn(sign({ author, numbers: new Map(), time: letIn + 1000 }, other));
    assert.equal(store.statements().length, 2);
    copy.write("file", "written twice");
    const self = keeper.author;
    keeper.giveWay(self, keeper.numberOf(self), keeper.applied, new Set());
    assert.notEqual(keeper.author, self);
    assert.equal(since(copy, other.publicKey), letIn + 1000);
  });
});
