import assert from "node:assert/strict";
import { NONUNAME } from "../../9p/mod.ts";
import { loadUsers } from "./users.ts";

const FILES = {
  passwd: "root:x:0:0:root:/root:/bin/sh\nalice:x:1000:100:Alice:/home/alice:/bin/sh\n",
  group: "root:x:0:\nusers:x:100:\nstaff:x:50:alice,bob\n",
};
const users = loadUsers({ users: { bob: { uid: 1001, groups: ["staff"] } }, groups: { build: 900 } }, FILES);

Deno.test("loadUsers: under trust the number wins over the name, and uid 0 is the node's own process", () => {
  assert.equal(users.identify("trust", "nobody", 1000).name, "alice");
  assert.equal(users.identify("trust", "alice", NONUNAME).name, "alice");
  assert.equal(users.identify("trust", "1001", NONUNAME).name, "bob");
  assert.equal(users.identify("trust", "eve", 4711).name, "uid:4711");
  assert.equal(users.identify("trust", "alice", 0).standing, "owner");
  assert.equal(users.identify("trust", "root", NONUNAME).standing, "owner");
  assert.equal(users.identify("trust", "", NONUNAME).standing, "none");
});

Deno.test("loadUsers: the primary group comes first, the others from both tables", () => {
  assert.deepEqual([...users.identify("trust", "", 1000).groups], ["users", "staff"]);
  assert.deepEqual([...users.identify("trust", "", 1001).groups], ["staff"]);
  assert.deepEqual([...users.identify("trust", "", 4711).groups], ["gid:4711"]);
  assert.equal(users.principals.gid("build"), 900);
});

Deno.test("loadUsers: owner and none listeners look at no claim", () => {
  assert.equal(users.identify("owner", "eve", 4711).standing, "owner");
  assert.equal(users.identify("none", "root", 0).standing, "none");
});
