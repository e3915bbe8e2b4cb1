import { strictEqual } from "node:assert/strict";
import { FileStamp } from "./mod.ts";

Deno.test("FileStamp tells whether a file is the one it was, unchanged", async () => {
  const folder = await Deno.makeTempDir();
  const path = `${folder}/größe`;
  const stamp = new FileStamp(path);
  strictEqual(stamp.isSame(), true, "missing, as at first");
  Deno.writeTextFileSync(path, "one");
  strictEqual(stamp.isSame(), false, "made");
  strictEqual(stamp.isSame(), true);
  Deno.utimeSync(path, 1, 1);
  strictEqual(stamp.isSame(), false, "touched");
  Deno.writeTextFileSync(`${path}2`, "two");
  Deno.utimeSync(`${path}2`, 1, 1);
  Deno.renameSync(`${path}2`, path);
  strictEqual(stamp.isSame(), false, "replaced");
  new FileStamp(folder).isSame();
  strictEqual(stamp.isSame(), true, "whatever others look at");
  Deno.removeSync(path);
  strictEqual(stamp.isSame(), false, "removed");
  strictEqual(stamp.isSame(), true);
  await Deno.remove(folder, { recursive: true });
});
