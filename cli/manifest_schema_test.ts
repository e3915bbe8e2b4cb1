import assert from "node:assert/strict";
import { manifestJsonSchema } from "../translators/manifest/mod.ts";

Deno.test("docs/manifest.schema.json is what lux9 translator schema prints", async () => {
  const published = await Deno.readTextFile(new URL("../docs/manifest.schema.json", import.meta.url));
  assert.equal(
    published,
    `${JSON.stringify(manifestJsonSchema(), null, 2)}\n`,
    "Write it anew: ./lux9 translator schema > docs/manifest.schema.json",
  );
});
