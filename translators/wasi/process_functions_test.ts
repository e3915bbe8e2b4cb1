import assert from "node:assert/strict";
import { Guest } from "./fixture.ts";
import { WasiExit, WasiStop } from "./stop.ts";

Deno.test("clock_time_get and clock_res_get: four clocks, of which three move", () => {
  using guest = new Guest();
  const at = guest.room(8);
  const look = (id: number) => {
    guest.must("clock_time_get", id, 0n, at);
    return guest.u64(at);
  };
  assert.equal(look(0), look(0));
  for (const id of [1, 2, 3]) {
    const before = look(id);
    assert.ok(look(id) > before);
  }
  for (const id of [0, 1, 2, 3]) {
    guest.must("clock_res_get", id, at);
    assert.equal(guest.u64(at), 1000n);
  }
  for (const id of [4, 0xffffffff]) {
    assert.equal(guest.call("clock_time_get", id, 0n, at), "INVAL");
    assert.equal(guest.call("clock_res_get", id, at), "INVAL");
  }
  assert.equal(guest.call("clock_time_get", 0, 0n, guest.memoryBytes - 7), "FAULT");
  assert.equal(guest.call("clock_res_get", 0, guest.memoryBytes - 7), "FAULT");
});

Deno.test("proc_exit ends the run with all 32 bits of its code", () => {
  using guest = new Guest();
  for (const code of [0, 1, 255, 0xffffffff]) {
    assert.throws(
      () => guest.call("proc_exit", code),
      (thrown) => thrown instanceof WasiExit && thrown.code === code,
    );
  }
});

Deno.test("proc_raise does what each signal does to a process without a handler", () => {
  using guest = new Guest();
  for (const ignored of [0, 16, 17, 22, 27]) assert.equal(guest.call("proc_raise", ignored), "SUCCESS");
  for (const stopping of [18, 19, 20, 21]) assert.equal(guest.call("proc_raise", stopping), "NOTSUP");
  for (const deadly of [1, 6, 9, 15, 30]) {
    assert.throws(
      () => guest.call("proc_raise", deadly),
      (thrown) => thrown instanceof WasiExit && thrown.code === 128 + deadly,
    );
  }
  for (const unknown of [31, 0xffffffff]) assert.equal(guest.call("proc_raise", unknown), "INVAL");
});

Deno.test("random_get fills just what it is asked to, the same in every run", () => {
  const fill = () => {
    using guest = new Guest();
    const at = guest.room(1000);
    guest.must("random_get", at + 1, 998);
    assert.equal(guest.memory.bytes[at], 0);
    assert.equal(guest.memory.bytes[at + 999], 0);
    return guest.bytes(at, 1000);
  };
  assert.deepEqual(fill(), fill());
  assert.ok(new Set(fill()).size > 200);
  using guest = new Guest();
  guest.must("random_get", 0, 0);
  guest.must("random_get", guest.memoryBytes, 0);
  assert.equal(guest.call("random_get", guest.memoryBytes - 10, 11), "FAULT");
  assert.equal(guest.call("random_get", 0xffffffff, 0xffffffff), "FAULT");
});

Deno.test("random_get asks between pieces whether the run may go on", () => {
  let asked = 0;
  const checkpoint = () => {
    if (++asked === 2) throw new TypeError("over");
  };
  using guest = new Guest({ checkpoint }, 5 * 1024 * 1024);
  assert.throws(
    () => guest.call("random_get", 0, guest.memoryBytes),
    (thrown) => thrown instanceof WasiStop && (thrown.cause as Error).message === "over",
  );
});

Deno.test("sched_yield does nothing", () => {
  using guest = new Guest();
  assert.equal(guest.call("sched_yield"), "SUCCESS");
});
