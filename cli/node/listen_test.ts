import assert from "node:assert/strict";
import { parseListen } from "./listen.ts";

Deno.test("parseListen: a unix socket is the owner's, TCP is nobody's, unless something else is said", () => {
  assert.deepEqual(parseListen("unix!/run/9p"), {
    address: { net: "unix", path: "/run/9p" },
    users: "owner",
    strict: false,
  });
  assert.equal(parseListen("tcp!127.0.0.1!5640").users, "none");
  assert.equal(parseListen("tcp!127.0.0.1!5640,users=trust").users, "trust");
  assert.equal(parseListen("tcp!localhost!5640,strict").strict, true);
});

Deno.test("parseListen: beyond loopback it takes a word that says what it means", () => {
  assert.throws(() => parseListen("tcp!0.0.0.0!5640,users=owner"), /whoever reaches it may do everything/);
  assert.throws(() => parseListen("tcp!example.org!5640,users=trust"), /claim to be any user/);
  assert.equal(parseListen("tcp!*!5640,users=none,beyond-loopback").address.net, "tcp");
  assert.throws(() => parseListen("tcp!127.0.0.1!5640,user=none"), /no option of a listener/);
});
