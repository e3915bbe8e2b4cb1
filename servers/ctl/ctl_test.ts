import assert from "node:assert/strict";
import { type Call, NineError, O } from "../../9p/mod.ts";
import { ctl, quoteWord, splitWords } from "./mod.ts";

const call: Call = {
  user: { name: "owner", groups: new Set(), standing: "owner" },
  signal: new AbortController().signal,
};
const bytes = (text: string) => new TextEncoder().encode(text);

Deno.test("ctl: a status file is read as it was at open, a command takes whole lines", async () => {
  const lines: string[] = [];
  let state = "first";
  const server = ctl({
    status: { text: () => state },
    ctl: { command: (line) => void lines.push(line) },
  }, { uid: "owner", gid: "owner" });
  const root = await server.attach("", call);
  const status = await server.walk(root, "status", call);
  const handle = await server.open!(status, O.RDONLY, call);
  state = "second";
  const into = new Uint8Array(10);
  assert.equal(server.read!(status, handle, 0, into, call), 5);
  assert.equal(new TextDecoder().decode(into.subarray(0, 5)), "first");
  assert.equal(server.qid(status).version, 0);

  const control = await server.walk(root, "ctl", call);
  const open = await server.open!(control, O.WRONLY, call);
  assert.equal(await server.write!(control, open, 0, bytes("one 'two three'\n\nfour\n"), call), 22);
  assert.deepEqual(lines, ["one 'two three'", "four"]);
  assert.throws(() => server.write!(control, open, 0, new Uint8Array(9000), call), NineError);
  assert.throws(() => server.write!(control, open, 0, Uint8Array.of(0xff, 0xfe), call), NineError);
  assert.throws(() => server.open!(status, O.WRONLY, call), NineError);
});

Deno.test("splitWords: reads back what quoteWord wrote", () => {
  const words = ["plain", "two words", "it's", "", "''", "tab\there"];
  assert.deepEqual(splitWords(words.map(quoteWord).join(" ")), words);
  assert.throws(() => splitWords("open 'quote"), NineError);
  assert.throws(() => splitWords("mid'dle"), NineError);
});
