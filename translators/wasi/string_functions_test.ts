import assert from "node:assert/strict";
import { Guest } from "./fixture.ts";

const options = { args: ["program", "", "größer"], env: [["HOME", "/"], ["EMPTY", ""]] as const };

Deno.test("args_get and environ_get give the strings that the sizes announce", () => {
  using guest = new Guest(options);
  const cases = [
    ["args", ["program", "", "größer"]],
    ["environ", ["HOME=/", "EMPTY="]],
  ] as const;
  for (const [name, strings] of cases) {
    const [count, bytes] = [guest.room(4), guest.room(4)];
    guest.must(`${name}_sizes_get`, count, bytes);
    const [pointers, buffer] = [guest.room(4 * guest.u32(count)), guest.room(guest.u32(bytes) + 1)];
    guest.memory.bytes[buffer + guest.u32(bytes)] = 0xff;
    guest.must(`${name}_get`, pointers, buffer);
    const text = guest.text(buffer, guest.u32(bytes));
    assert.equal(text, strings.map((string) => string + "\0").join(""));
    assert.equal(guest.memory.bytes[buffer + guest.u32(bytes)], 0xff);
    const seen = strings.map((_, i) => {
      const at = guest.u32(pointers + 4 * i);
      return guest.text(at, guest.memory.bytes.indexOf(0, at) - at);
    });
    assert.deepEqual(seen, strings);
  }
});

Deno.test("args and environ: pointers outside the memory are FAULT, and nothing is written", () => {
  using guest = new Guest(options);
  const end = guest.memoryBytes;
  for (const name of ["args", "environ"]) {
    for (const call of [`${name}_sizes_get`, `${name}_get`]) {
      assert.equal(guest.call(call, 16, end - 3), "FAULT");
      assert.equal(guest.call(call, end - 3, 16), "FAULT");
      assert.equal(guest.call(call, 0xffffffff, 16), "FAULT");
    }
  }
  assert.ok(guest.memory.bytes.every((byte) => byte === 0));
});

Deno.test("WasiProcess refuses arguments and variables that a guest could not be given", () => {
  const refused = { code: "EINVAL" };
  assert.throws(() => new Guest({ args: ["a\0b"] }), refused);
  assert.throws(() => new Guest({ env: [["A=B", ""]] }), refused);
  assert.throws(() => new Guest({ env: [["", "value"]] }), refused);
  assert.throws(() => new Guest({ env: [["NAME", "a\0b"]] }), refused);
});
