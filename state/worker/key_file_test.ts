import assert from "node:assert/strict";
import { copyFileSync, readFileSync, statSync, truncateSync } from "node:fs";
import { secretIn } from "./key_file.ts";

Deno.test("a home has one key, which only its owner reads, and a copy of the home has another", async () => {
  const folder = await Deno.makeTempDir({ prefix: "lux9-key-" });
  try {
    const [file, copied] = [`${folder}/key`, `${folder}/copied`];
    const secret = secretIn(file);
    assert.equal(secret.byteLength, 32);
    assert.deepEqual(secretIn(file), secret);
    assert.equal(statSync(file).mode & 0o777, 0o600);
    copyFileSync(file, copied);
    const other = secretIn(copied);
    assert.notDeepEqual(other, secret);
    assert.deepEqual(secretIn(copied), other);
    assert.deepEqual(secretIn(file), secret);
    // Nobody would know it again.
    truncateSync(file, 31);
    assert.notDeepEqual(secretIn(file), secret);
    assert.ok(readFileSync(file).byteLength > 32);
    assert.deepEqual(Array.from(Deno.readDirSync(folder), ({ name }) => name).sort(), ["copied", "key"]);
    assert.notDeepEqual(secretIn(undefined), secretIn(undefined));
    Deno.mkdirSync(`${folder}/folder`);
    for (
      const [bad, reason] of [["folder", /cannot be read .*move it away/], [
        "none/key",
        /cannot be made/,
      ]] as const
    ) {
      assert.throws(() => secretIn(`${folder}/${bad}`), reason);
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
