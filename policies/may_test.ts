import assert from "node:assert/strict";
import { type Action, may, type Subject } from "./mod.ts";

const ACTIONS: Action[] = ["walk", "read", "write", "create", "remove", "setattr", "bind"];
const path = () => "/data/file";
const effects = (subject: Subject) => ACTIONS.map((action) => may(subject, action, path).effect);

Deno.test("may: the owner may do everything", () => {
  assert.deepEqual(new Set(effects({ name: "owner", standing: "owner" })), new Set(["allow"]));
});

Deno.test("may: a claimed user is held to permission bits, and never changes the namespace", () => {
  const permissions = Array<string>(6).fill("permissions");
  assert.deepEqual(effects({ name: "alice", standing: "claimed" }), [...permissions, "deny"]);
});

Deno.test("may: none reads what permission bits allow and changes nothing", () => {
  assert.deepEqual(effects({ name: "none", standing: "none" }), [
    "permissions",
    "permissions",
    "deny",
    "deny",
    "deny",
    "deny",
    "deny",
  ]);
});
