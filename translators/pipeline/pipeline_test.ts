import { deepStrictEqual, match, throws } from "node:assert/strict";
import fc from "fast-check";
import { parseManifest } from "../manifest/mod.ts";
import { argvOf, formatPipeline, parsePipeline } from "./mod.ts";

Deno.test("parsePipeline reads names, arguments and stages", () => {
  deepStrictEqual(parsePipeline("gunzip,csv2json,jq:.[0]"), [
    { name: "gunzip", args: [] },
    { name: "csv2json", args: [] },
    { name: "jq", args: [".[0]"] },
  ]);
  deepStrictEqual(parsePipeline("sort:key=2:reverse=true"), [{
    name: "sort",
    args: ["key=2", "reverse=true"],
  }]);
});

Deno.test("parsePipeline leaves commas and colons within brackets and quotes to the argument", () => {
  deepStrictEqual(parsePipeline('jq:{a: .x, b: (.y, .z)},grep:"a,b:c"'), [
    { name: "jq", args: ["{a: .x, b: (.y, .z)}"] },
    { name: "grep", args: ['"a,b:c"'] },
  ]);
});

Deno.test("parsePipeline takes a bracket that nothing closes as a character", () => {
  deepStrictEqual(parsePipeline("grep:[,wc"), [{ name: "grep", args: ["["] }, { name: "wc", args: [] }]);
});

Deno.test("parsePipeline takes % escapes, and a % that is none as itself", () => {
  deepStrictEqual(parsePipeline("grep:a%2Cb%2Fc%3A100%"), [{ name: "grep", args: ["a,b/c:100%"] }]);
});

Deno.test("parsePipeline takes paths of modules where they are asked for", () => {
  deepStrictEqual(parsePipeline("wc,./a%2Cb/x.wasm:n=1", { paths: true }), [
    { name: "wc", args: [] },
    { name: "./a,b/x.wasm", args: ["n=1"] },
  ]);
  throws(() => parsePipeline("./x.wasm"), { code: "EINVAL" });
  throws(() => parsePipeline("x.wasm", { paths: true }), { code: "EINVAL" });
});

for (const text of ["", ",", "a,,b", "Wc", "../x", "a b", "wc%2C", "grep:%ff", Array(17).fill("wc").join()]) {
  Deno.test(`parsePipeline refuses ${JSON.stringify(text)}`, () => {
    throws(() => parsePipeline(text), { code: "EINVAL" });
  });
}

Deno.test("formatPipeline writes what parsePipeline reads back", () => {
  const stage = fc.record({
    name: fc.stringMatching(/^[a-z][a-z0-9-]{0,8}$/),
    args: fc.array(fc.string({ unit: "grapheme", maxLength: 20 }), { maxLength: 3 }),
  }, { noNullPrototype: true });
  fc.assert(fc.property(fc.array(stage, { minLength: 1, maxLength: 4 }), (stages) => {
    deepStrictEqual(parsePipeline(formatPipeline(stages)), stages);
  }));
});

const sort = parseManifest(`
name: sort
parameters:
  - {name: key, type: integer, default: 1}
  - {name: reverse, type: boolean}
  - {name: locale, values: [C, en]}
`);

Deno.test("argvOf gives parameters in the manifest's order, with defaults", () => {
  deepStrictEqual(argvOf({ name: "sort", args: ["reverse=true"] }, sort), ["key=1", "reverse=true"]);
  deepStrictEqual(argvOf({ name: "sort", args: ["2", "reverse=true"] }, sort), ["key=2", "reverse=true"]);
});

Deno.test("argvOf leaves a value with = to the first parameter where it names none", () => {
  const jq = parseManifest("name: jq\nparameters: [{name: filter}]");
  deepStrictEqual(argvOf({ name: "jq", args: [".a=1"] }, jq), ["filter=.a=1"]);
});

for (
  const [args, complaint] of [
    [["key=x"], /type integer/],
    [["locale=de"], /one of C, en/],
    [["1", "2"], /its parameters are key, reverse, locale/],
    [["speed=1"], /its parameters are key, reverse, locale/],
    [["1", "key=2"], /twice/],
  ] as const
) {
  Deno.test(`argvOf refuses ${args.join(" ")}`, () => {
    throws(() => argvOf({ name: "sort", args }, sort), (error: Error) => {
      match(error.message, complaint);
      return true;
    });
  });
}
