import { deepStrictEqual, match, ok, strictEqual, throws } from "node:assert/strict";
import { fits, isGlob, literal, parseRecipe } from "./mod.ts";

Deno.test("parseRecipe reads a path, a list, a glob and inline text", () => {
  deepStrictEqual(parseRecipe("from: notes.md\npipe: [md2html, {name: head, with: {n: 3}}]", "a.fn"), {
    from: ["notes.md"],
    text: undefined,
    stages: [{ name: "md2html", args: [] }, { name: "head", args: ["n=3"] }],
  });
  deepStrictEqual(parseRecipe("from: [a, /data/b]\npipe: 'gunzip,wc'", "a.fn").stages.length, 2);
  strictEqual(parseRecipe("text: |\n  hello\npipe: wc", "a.fn").text, "hello\n");
});

for (
  const [what, text, complaint] of [
    ["no pipe", "from: a", /pipe/],
    ["neither from nor text", "pipe: wc", /must have from/],
    ["both from and text", "from: a\ntext: b\npipe: wc", /must have from/],
    ["a name that is none", "from: a\npipe: [wc, Wc]", /a\.fn:2:\d+: "Wc" in the pipeline/],
    ["an unknown key", "from: a\npipe: wc\nto: b", /a\.fn:3:1: .*to/],
    [
      "a pipeline as the name of one stage",
      "from: a\npipe: [{name: '', with: {}}]",
      /no name of a translator/,
    ],
  ] as const
) {
  Deno.test(`parseRecipe refuses ${what}`, () => {
    throws(() => parseRecipe(text, "a.fn"), (error: Error) => {
      match(error.message, complaint);
      return true;
    });
  });
}

Deno.test("fits is glob(7)", () => {
  for (
    const [pattern, name] of [
      ["*.csv", "a.csv"],
      ["a?c", "abc"],
      ["[a-c]x", "bx"],
      ["[!a-c]x", "dx"],
      ["*", "a"],
      [
        "a*b*c",
        "aXXbYYbc",
      ],
      ["\\*", "*"],
      ["[", "["],
      ["[]]", "]"],
      [".*", ".a"],
      ["?", "😀"],
    ] as const
  ) ok(fits(pattern, name), `${pattern} ${name}`);
  for (
    const [pattern, name] of [["*.csv", ".csv"], ["*.csv", "a.csvx"], ["a?c", "ac"], ["[a-c]x", "dx"], [
      "\\*",
      "a",
    ], [
      "*",
      ".a",
    ]] as const
  ) ok(!fits(pattern, name), `${pattern} ${name}`);
});

Deno.test("fits takes no exponential time", () => {
  ok(!fits("a*".repeat(100) + "b", "a".repeat(255)));
});

Deno.test("isGlob and literal see what a backslash takes back", () => {
  ok(isGlob("a*") && isGlob("a\\\\*") && !isGlob("a\\*") && !isGlob("a"));
  strictEqual(literal("a\\*\\\\b"), "a*\\b");
});
