import assert from "node:assert/strict";
import { Output, Tail } from "./output.ts";

const pattern = (length: number) => new Uint8Array(length).map((_, i) => (i * 31) >> 3);

Deno.test("Tail keeps the last bytes, however they came", () => {
  for (const sizes of [[3], [8], [9], [4, 4, 1], [20, 1, 7], [8, 8], [1, 16, 1], []]) {
    const tail = new Tail(8);
    const bytes = pattern(sizes.reduce((sum, size) => sum + size, 0));
    let at = 0;
    for (const size of sizes) tail.write(bytes.subarray(at, at += size));
    assert.deepEqual(tail.take(), bytes.slice(-8), `sizes ${sizes}`);
  }
  const none = new Tail(0);
  none.write(pattern(5));
  assert.equal(none.take().length, 0);
});

Deno.test("Output is bytes up to its limit and a file of mode 0600 beyond, with the same content", () => {
  const folder = Deno.makeTempDirSync();
  try {
    for (
      const sizes of [
        [],
        [10],
        [100],
        [60, 40],
        [101],
        [50, 51],
        [70_000, 1, 70_000, 3, 200_000],
        Array(3000).fill(77),
      ]
    ) {
      const path = `${folder}/${crypto.randomUUID()}`;
      const told: number[] = [];
      const output = new Output(100, path, (bytes) => told.push(bytes));
      const total = sizes.reduce((sum, size) => sum + size, 0);
      const bytes = pattern(total);
      let at = 0;
      for (const size of sizes) {
        output.write(bytes.subarray(at, at += size));
        assert.equal(output.bytes, at);
      }
      const end = output.finish();
      if (total <= 100) {
        assert.deepEqual(end, { bytes });
        assert.throws(() => Deno.statSync(path), Deno.errors.NotFound);
        continue;
      }
      assert.deepEqual(end, { length: total });
      assert.deepEqual(Deno.readFileSync(path), bytes);
      assert.equal(Deno.statSync(path).mode! & 0o777, 0o600);
      assert.ok(
        told.length > 0 && told.every((bytes, i) => bytes <= total && bytes > (told[i - 1] ?? 0)),
        `${told}`,
      );
    }
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});

Deno.test("Output.settle lets a reader have all that there is", () => {
  const folder = Deno.makeTempDirSync();
  try {
    const told: number[] = [];
    const output = new Output(10, `${folder}/new`, (bytes) => told.push(bytes));
    output.write(pattern(5));
    output.settle();
    assert.deepEqual(told, [], "it is kept");
    output.write(pattern(20));
    for (let i = 0; i < 3; i++) {
      output.write(pattern(1));
      output.settle();
      output.settle();
      assert.equal(told.at(-1), 26 + i);
      assert.equal(Deno.statSync(`${folder}/new`).size, 26 + i);
    }
    assert.equal(told.length, new Set(told).size);
    output.discard();
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});

Deno.test("Output never writes into a file that is there, and discards its own", () => {
  const folder = Deno.makeTempDirSync();
  try {
    Deno.writeTextFileSync(`${folder}/mine`, "mine");
    const intruder = new Output(1, `${folder}/mine`, () => {});
    assert.throws(() => intruder.write(pattern(10)), Deno.errors.AlreadyExists);
    intruder.discard();
    assert.equal(Deno.readTextFileSync(`${folder}/mine`), "mine");
    const output = new Output(1, `${folder}/new`, () => {});
    output.write(pattern(10));
    output.discard();
    assert.deepEqual([...Deno.readDirSync(folder)].map(({ name }) => name), ["mine"]);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});
