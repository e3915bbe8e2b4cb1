import assert from "node:assert/strict";
import fc from "fast-check";
import { escapeJson, escapeLines, escapeText } from "./escape.ts";

/** C0 and C1, what turns the direction of text, what has no width, separators, and a tag beyond the BMP. */
const OBEYED = [
  ..."\x00\x07\x1b\x7f\x85\x9b\xad\u061c\u200b\u200d\u200e\u200f\u2028\u2029\u202a\u202b\u202c\u202d\u202e",
  ..."\u2060\u2066\u2067\u2068\u2069\ufeff\u{e0041}",
];

Deno.test("escapeText shows nothing raw that a terminal obeys or that cannot be seen", () => {
  for (const char of OBEYED) assert.match(escapeText(`a${char}b`), /^a(\\u[0-9a-f]{4})+b$/);
  assert.equal(escapeText("a\x1b[0m\u202e\n\t\\"), "a\\u001b[0m\\u202e\\n\\t\\");
  assert.equal(escapeText("größe 文件 🙂 ½"), "größe 文件 🙂 ½");
  assert.equal(escapeText("\ud800"), "\\ud800");
});

Deno.test("escapeLines leaves lines as they are", () => {
  assert.equal(escapeLines("a\x1b\nb\r\n"), "a\\u001b\nb\\u000d\n");
});

Deno.test("escapeJson is read back as the same value, in lines or in one", () => {
  for (const char of OBEYED) {
    const text = escapeJson({ name: `a${char}` });
    assert.match(text, /^[\x20-\x7e]*$/);
    assert.equal(JSON.parse(text).name, `a${char}`);
  }
  fc.assert(fc.property(fc.jsonValue(), fc.constantFrom(undefined, 2), (value, indent) => {
    const text = escapeJson(value, indent);
    assert.doesNotMatch(text, /(?!\n)\p{C}/u);
    assert.deepEqual(JSON.parse(text), JSON.parse(JSON.stringify(value)));
  }));
  assert.equal(escapeJson({ path: 2n ** 60n }), '{"path":"1152921504606846976"}');
});
