import assert from "node:assert/strict";
import { formatListen, parseListen } from "./listen.ts";

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

Deno.test("parseListen: a backslash keeps a comma in the path, and formatListen writes it so", () => {
  const paths = ["/run/a,b!c/9p", "/run/9p,users=none", "/run/back\\slash", "/run/,", "/run/a\\,b"];
  for (const path of paths) {
    const listen = { address: { net: "unix", path }, users: "trust", strict: true } as const;
    assert.deepEqual(parseListen(formatListen(listen)), listen);
  }
  assert.equal(formatListen(parseListen("unix!/run/a\\,b!c/9p")), "unix!/run/a\\,b!c/9p,users=owner");
  assert.throws(() => parseListen("unix!/run/a,b"), /write \\, for a comma in a path/);
  assert.throws(() => parseListen("unix!/run/a\\"), /backslash/);
});

Deno.test("parseListen: beyond loopback it takes a word that says what it means", () => {
  assert.throws(() => parseListen("tcp!0.0.0.0!5640,users=owner"), /whoever reaches it may do everything/);
  assert.throws(() => parseListen("tcp!example.org!5640,users=trust"), /claim to be any user/);
  assert.equal(parseListen("tcp!*!5640,users=none,beyond-loopback").address.net, "tcp");
  assert.throws(() => parseListen("tcp!127.0.0.1!5640,user=none"), /no option of a listener/);
});
