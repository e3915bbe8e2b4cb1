import { Errno as LinuxErrno, type ErrnoName as LinuxName, NineError } from "../../9p/mod.ts";
import assert from "node:assert/strict";
import { Errno, errnoOfThrown, WasiError } from "./errno.ts";
import { WasiExit, WasiStop } from "./stop.ts";

/** Linux names that preview 1 has no number for. */
const WITHOUT: readonly LinuxName[] = ["ENODATA"];

Deno.test("errnoOfThrown keeps the meaning of every errno that a file server has", () => {
  for (const name of Object.keys(LinuxErrno) as LinuxName[]) {
    const expected = name === "EOPNOTSUPP"
      ? Errno.NOTSUP
      : WITHOUT.includes(name)
      ? Errno.IO
      : Errno[name.slice(1) as keyof typeof Errno];
    assert.equal(typeof expected, "number", name);
    assert.equal(errnoOfThrown(new NineError(name, "as a test")), expected, name);
  }
});

Deno.test("errnoOfThrown makes IO of what nobody foresaw, and keeps a number of its own", () => {
  assert.equal(errnoOfThrown(new TypeError("a bug")), Errno.IO);
  assert.equal(errnoOfThrown(undefined), Errno.IO);
  assert.equal(errnoOfThrown(new NineError(999, "no name")), Errno.IO);
  assert.equal(errnoOfThrown(new WasiError("NOTCAPABLE", "as a test")), 76);
});

Deno.test("errnoOfThrown throws on what ends the run", () => {
  for (const stop of [new WasiStop("as a test"), new WasiExit(3)]) {
    assert.throws(() => errnoOfThrown(stop), (thrown) => thrown === stop);
  }
});
