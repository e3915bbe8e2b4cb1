import assert from "node:assert/strict";
import { NineError } from "../../9p/mod.ts";
import { GrowingFile } from "./growing_file.ts";

/** A file that grows by what is said. */
async function growing(): Promise<
  { file: GrowingFile; add(text: string): void; path: string } & AsyncDisposable
> {
  const path = await Deno.makeTempFile();
  const file = new GrowingFile(path);
  let length = 0;
  return {
    file,
    path,
    add(text) {
      Deno.writeTextFileSync(path, text, { append: true });
      file.grew(length += text.length);
    },
    async [Symbol.asyncDispose]() {
      file.close();
      await Deno.remove(path).catch(() => {});
    },
  };
}

async function next(file: GrowingFile, offset: number, most = 100): Promise<string> {
  const into = new Uint8Array(most);
  return new TextDecoder().decode(into.subarray(0, await file.read(offset, into)));
}

Deno.test("GrowingFile gives what is there, waits for more, and ends", async () => {
  await using one = await growing();
  const { file, add } = one;
  const waiting = next(file, 0);
  add("hello");
  assert.equal(await waiting, "hello");
  add(" world");
  assert.equal(await next(file, 5, 3), " wo");
  const rest = next(file, 8);
  assert.equal(await rest, "rld");
  const last = next(file, 11);
  file.end();
  assert.equal(await last, "");
});

Deno.test("GrowingFile gives what was written before a failure, also of a file that is removed", async () => {
  await using one = await growing();
  one.add("part");
  await Deno.remove(one.path);
  one.file.fail(new NineError("EIO", "It broke"));
  assert.equal(await next(one.file, 0), "part");
  await assert.rejects(next(one.file, 4), /It broke/);
});

Deno.test("GrowingFile is read once, in order", async () => {
  await using one = await growing();
  one.add("text");
  assert.equal(await next(one.file, 0), "text");
  await assert.rejects(next(one.file, 0), { code: "ESPIPE" });
});
