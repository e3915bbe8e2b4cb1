import assert from "node:assert/strict";
import { Guest } from "./fixture.ts";

Deno.test("sock_*: no descriptor is a socket", () => {
  using guest = new Guest();
  for (
    const [name, rest] of [["sock_accept", 2], ["sock_recv", 5], ["sock_send", 4], [
      "sock_shutdown",
      1,
    ]] as const
  ) {
    const args = new Array(rest).fill(0);
    assert.equal(guest.call(name, 0, ...args), "NOTSOCK", name);
    assert.equal(guest.call(name, 3, ...args), "BADF", name);
    assert.equal(guest.call(name, 0xffffffff, ...args), "BADF", name);
  }
});
