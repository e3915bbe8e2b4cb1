import assert from "node:assert/strict";
import { pastPath } from "./past_path.ts";

Deno.test("pastPath: a recipe in a snapshot looks there for what is in its volume, and nowhere else", () => {
  const placesOf = (volume: string) => volume === "data" ? ["/data", "/data/also", "/"] : [];
  const past = (recipe: string, path: string) => pastPath(recipe, path, placesOf);
  assert.equal(past("/snap/data/one/a/x.fn", "/data/b/*.csv"), "/snap/data/one/b/*.csv");
  assert.equal(past("/snap/data/one/x.fn", "/data/also/b"), "/snap/data/one/b");
  assert.equal(
    past("/snap/data/one/x.fn", "/elsewhere"),
    "/snap/data/one/elsewhere",
    "by its place at the root",
  );
  assert.equal(past("/snap/other/one/x.fn", "/data/b"), "/data/b");
  assert.equal(past("/data/a/x.fn", "/data/b"), "/data/b");
});
