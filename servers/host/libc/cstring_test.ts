import assert from "node:assert/strict";
import { component, digits, procfd, procfdChild } from "./cstring.ts";

function text(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes.subarray(0, bytes.indexOf(0)));
}

Deno.test("digits and procfd name a descriptor", () => {
  for (const fd of [0, 7, 10, 99, 1_048_575]) {
    assert.equal(text(digits(fd)), `${fd}`);
    assert.equal(text(procfd(fd)), `/proc/self/fd/${fd}`);
    assert.equal(text(procfdChild(fd, component("name"))), `/proc/self/fd/${fd}/name`);
  }
});

Deno.test("digits and procfd refuse what is no descriptor: as a name it would be the root of the machine", () => {
  for (const fd of [-1, -2, -100, NaN]) {
    for (const name of [() => digits(fd), () => procfd(fd), () => procfdChild(fd, component("name"))]) {
      assert.throws(name, { code: "EBADF" });
    }
  }
});

Deno.test("component refuses what would lead out of the folder", () => {
  for (const name of ["", ".", "..", "a/b", "/", "a\0b", "é/b"]) {
    assert.throws(() => component(name), { code: "EINVAL" }, JSON.stringify(name));
  }
});
