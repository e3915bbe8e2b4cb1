import assert from "node:assert/strict";
import { isSameHome } from "./side.ts";

Deno.test("a home is not brought together with itself, whatever it is called", async () => {
  const folder = await Deno.makeTempDir({ prefix: "lux9-side-" });
  try {
    const [home, other, link] = ["home", "other", "link"].map((name) => `${folder}/${name}`);
    for (const each of [home, other, `${home}/run`]) Deno.mkdirSync(each);
    Deno.writeTextFileSync(`${home}/run/9p`, "");
    Deno.symlinkSync(home, link);
    for (const same of [home, `${home}/`, link, `${link}/run/9p`, `unix!${home}/run/9p`]) {
      assert.ok(isSameHome({ home }, same), same);
    }
    for (const another of [other, "tcp!host!5640", `${folder}/none`]) {
      assert.ok(!isSameHome({ home }, another));
    }
    assert.ok(!isSameHome({ addr: "tcp!host!5640" }, home));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
