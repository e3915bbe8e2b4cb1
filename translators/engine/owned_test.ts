import assert from "node:assert/strict";
import { Owned } from "./owned.ts";

const somewhere = () => Deno.UnsafePointer.create(0x1000n);

Deno.test("Owned frees once, refuses use after that, and gives away", () => {
  let freed = 0;
  const free = () => void freed++;
  const owned = new Owned("thing", somewhere(), free);
  assert.ok(owned.ptr());
  owned.close();
  owned.close();
  assert.equal(freed, 1);
  assert.throws(() => owned.ptr(), /thing is used after it was closed/);
  assert.throws(() => owned.consume(), /thing is used after it was closed/);
  const given = new Owned("thing", somewhere(), free);
  given.consume();
  given.close();
  assert.equal(freed, 1);
  assert.throws(() => given.ptr(), /given away/);
  {
    using _ = new Owned("thing", somewhere(), free);
  }
  assert.equal(freed, 2);
  assert.throws(() => new Owned("thing", null, free), /made no thing/);
});
