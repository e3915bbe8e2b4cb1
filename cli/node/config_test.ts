import assert from "node:assert/strict";
import { parseConfig } from "./config.ts";

const problem = (text: string): string => {
  try {
    parseConfig(text, "lux9.yaml");
  } catch (thrown) {
    return (thrown as Error).message;
  }
  return "";
};

Deno.test("parseConfig: an empty file is all defaults", () => {
  assert.deepEqual(parseConfig(""), { listen: [], mounts: [], users: {}, groups: {} });
});

Deno.test("parseConfig: takes listeners, mounts of every kind, users and groups", () => {
  const config = parseConfig(`
listen: ["tcp!127.0.0.1!5640,users=none"]
mounts:
  - {at: /data, host: files}
  - {at: /tmp, mem: {bytesMax: 1000000}}
  - {at: /n/other, import: "tcp!127.0.0.1!5641"}
  - {at: /x, bind: /data/x, order: before, create: true}
  - {at: /notes, volume: notes, durable: clunk}
users: {alice: {uid: 1000, groups: [staff]}}
groups: {staff: 50}
`);
  assert.equal(config.mounts.length, 5);
  assert.equal(config.mounts[1].place, "lux9.yaml:5:5");
  assert.deepEqual(config.users.alice, { uid: 1000, groups: ["staff"] });
});

Deno.test("parseConfig: a rule of merging is a list of globs", () => {
  assert.deepEqual(parseConfig('merge: ["*.md", "!drafts/**"]').merge, ["*.md", "!drafts/**"]);
  assert.throws(() => parseConfig('merge: ["!"]'), /merge.*must be a glob/s);
  assert.throws(() => parseConfig("merge: ['']"), /must be a glob/);
});

Deno.test("parseConfig: how long copies are waited for is days", () => {
  assert.deepEqual(parseConfig("copies: {days: 30}").copies, { days: 30 });
  assert.match(problem("copies: {days: -1}"), /^lux9\.yaml:1:16: copies\.days/);
});

Deno.test("parseConfig: a mistake is told with file, line and column", () => {
  assert.match(problem("mounts:\n  - {at: data, mem: {}}\n"), /^lux9\.yaml:2:\d+: mounts\.0/);
  assert.match(problem("users:\n  alice: {uid: -1}\n"), /^lux9\.yaml:2:16: users\.alice\.uid/);
  assert.match(problem("mounts:\n\t- x\n"), /^lux9\.yaml:2:1: /);
  assert.match(problem("listen: ['tcp!0.0.0.0!564']\n"), /^lux9\.yaml:1:10: .*beyond-loopback/);
  assert.match(problem("listen: []\ncolour: blue\n"), /^lux9\.yaml:2:1: .*colour/);
  assert.match(
    problem("users:\n  alice:\n    uid: 1\n    name: x\n"),
    /^lux9\.yaml:4:5: users\.alice: .*name/,
  );
  assert.match(
    problem("mounts:\n  - {at: /a, volume: a, durable: always}\n"),
    /^lux9\.yaml:2:\d+: mounts\.0.*clunk/,
  );
  assert.match(problem("&a [*a, *a]"), /lux9\.yaml/);
});
