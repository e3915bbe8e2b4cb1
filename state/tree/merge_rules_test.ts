import { deepStrictEqual as assertEquals, throws as assertThrows } from "node:assert/strict";
import { MergeRules } from "./merge_rules.ts";
import { mergeText } from "../automerge/mod.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const merged = (base: string, ...sides: string[]) => {
  const result = mergeText(bytes(base), sides.map(bytes));
  return result && new TextDecoder().decode(result);
};

Deno.test("MergeRules merge prose and source text, and nothing that breaks when merged", () => {
  const rules = new MergeRules();
  for (const path of ["notes.md", "a/b/main.rs", "README", "d/Makefile"]) {
    assertEquals(rules.allows(path), true, path);
  }
  for (
    const path of [
      ".git/description.md",
      "a/.git/hooks/x.sh",
      "package-lock.json",
      "pnpm-lock.yaml",
      "Cargo.lock",
      "deno.lock",
      "data.json",
      "table.csv",
      "x.yaml",
      "page.md.fn",
      "photo.jpg",
      "noending",
      "app.min.js",
    ]
  ) assertEquals(rules.allows(path), false, path);
});

Deno.test("MergeRules of a volume hold instead, except for what never merges", () => {
  const rules = new MergeRules(["**", "*", "!drafts/**", "drafts/*/keep.?d"]);
  assertEquals(rules.allows("a/b.json"), true);
  assertEquals(rules.allows("drafts/x"), false);
  assertEquals(rules.allows("drafts/a/keep.md"), true);
  assertEquals(rules.allows("drafts/a/b/keep.md"), false);
  assertEquals(rules.allows("a/.git/config"), false);
  assertEquals(rules.allows("x.fn"), false);
  assertThrows(() => new MergeRules([""]), RangeError);
  assertThrows(() => new MergeRules(["x".repeat(256)]), RangeError);
});

Deno.test("MergeRules take no long time for a glob of many stars", () => {
  assertEquals(new MergeRules(["*a".repeat(100) + "b"]).allows("a".repeat(255)), false);
  assertEquals(new MergeRules(["**/a/".repeat(50) + "b"]).allows("a/".repeat(1000) + "c"), false);
});

Deno.test("MergeRules take what is no text, or too long, for binary", () => {
  const rules = new MergeRules();
  assertEquals(rules.merges("a.md", bytes("text")), true);
  assertEquals(rules.merges("a.md", new Uint8Array([0x66, 0xff])), false);
  assertEquals(rules.merges("a.md", new Uint8Array([0x66, 0])), false);
  assertEquals(rules.merges("a.md", new Uint8Array(65537).fill(0x61)), false);
});

Deno.test("mergeText keeps the edits of all sides", () => {
  assertEquals(merged("a\nb\nc\n", "A\nb\nc\n", "a\nb\nC\n"), "A\nb\nC\n");
  assertEquals(merged("a\n", "a\nmine\n", "a\nyours\n"), "a\nyours\nmine\n");
  assertEquals(merged("the quick fox", "the slow fox", "the fast fox"), "the fastslow fox");
  assertEquals(merged("one\ntwo\n", "", "one\ntwo\nthree\n"), "three\n");
  assertEquals(merged("", "x\n", "y\n", "z\n"), "z\ny\nx\n");
  assertEquals(merged("😀 a", "😀😀 a", "😀 b"), "😀😀 b");
});

Deno.test("mergeText has nothing to say to what is no text", () => {
  assertEquals(mergeText(bytes("a"), [bytes("b"), new Uint8Array([0xff])]), undefined);
  assertEquals(mergeText(bytes("a"), [bytes("b"), new Uint8Array(65537).fill(0x61)]), undefined);
});

Deno.test("mergeText of two whole rewrites of 64 KiB ends soon", () => {
  const lines = (word: string) => Array.from({ length: 4000 }, (_, i) => `${word} ${i}`).join("\n");
  const result = merged(lines("base"), lines("mine"), lines("yours"));
  assertEquals(result?.includes("mine 17"), true);
  assertEquals(result?.includes("yours 17"), true);
});
