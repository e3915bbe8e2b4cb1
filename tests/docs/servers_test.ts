import assert from "node:assert/strict";

const ROOT = new URL("../../", import.meta.url);

Deno.test("docs/servers.md shows the whole of examples/clock.ts", async () => {
  const page = await Deno.readTextFile(new URL("docs/servers.md", ROOT));
  const example = await Deno.readTextFile(new URL("examples/clock.ts", ROOT));
  assert.ok(
    page.includes("```ts\n" + example + "```\n"),
    "Copy examples/clock.ts into docs/servers.md again",
  );
});
