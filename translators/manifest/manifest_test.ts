import { deepStrictEqual, match, ok, strictEqual, throws } from "node:assert/strict";
import { LIMITS_DEFAULT, manifestJsonSchema, parseManifest } from "./mod.ts";

Deno.test("parseManifest reads all that a module may say", () => {
  const { name, limits, parameters, capabilities } = parseManifest(`
name: head
version: 1.0.0
description: The first lines
input: [text/*]
output: text/plain
parameters:
  - {name: n, type: integer, default: 10}
limits: {fuel: 1000, memory: 64MiB, time: 500ms, output: 1GiB}
capabilities: [{read: /data/templates}]
`);
  strictEqual(name, "head");
  deepStrictEqual(limits, { fuel: 1000, memory: 64 * 1024 ** 2, time: 500, output: 1024 ** 3 });
  deepStrictEqual(parameters, [{ name: "n", type: "integer", default: 10 }]);
  deepStrictEqual(capabilities, [{ read: "/data/templates" }]);
});

Deno.test("parseManifest fills in safe limits", () => {
  deepStrictEqual(parseManifest("name: wc").limits, { fuel: undefined, ...LIMITS_DEFAULT });
});

for (
  const [what, text, complaint] of [
    ["a name with capitals", "name: Head", /manifest\.yaml:1:7: name: must be lower-case/],
    ["no name", "version: '1'", /name/],
    ["what it does not know", "name: a\nlimit: {fuel: 1}", /manifest\.yaml:2:1: .*limit/],
    [
      "more memory than a guest may have",
      "name: a\nlimits: {memory: 8GiB}",
      /manifest\.yaml:2:\d+: limits\.memory/,
    ],
    ["a time without unit", "name: a\nlimits: {time: '10'}", /limits\.time: must be a time/],
    [
      "a capability that is a relative path",
      "name: a\ncapabilities: [{read: data}]",
      /capabilities\.0\.read/,
    ],
    ["what is no YAML", "name: [", /manifest\.yaml:1:/],
    [
      "an alias bomb",
      `a: &a [x,x,x,x,x,x,x,x,x]\n${
        "bcdefgh".split("").map((k, i) => `${k}: &${k} [${Array(9).fill(`*${"abcdefgh"[i]}`).join()}]`).join(
          "\n",
        )
      }`,
      /alias/i,
    ],
  ] as const
) {
  Deno.test(`parseManifest refuses ${what}`, () => {
    throws(() => parseManifest(text), (error: Error) => {
      match(error.message, complaint);
      return true;
    });
  });
}

Deno.test("manifestJsonSchema describes what parseManifest takes", () => {
  const schema = manifestJsonSchema() as { properties: Record<string, unknown>; required: string[] };
  deepStrictEqual(schema.required, ["name"]);
  ok("capabilities" in schema.properties);
});
