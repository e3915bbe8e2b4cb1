import { strictEqual } from "node:assert/strict";
import { outputName, recipeName } from "./recipe_name.ts";

Deno.test("outputName names what a recipe makes, which is never a recipe", () => {
  strictEqual(outputName("report.html.fn"), "report.html");
  for (const name of ["report.html", ".fn", "..fn", "...fn", "a.fn.fn", "fn"]) {
    strictEqual(outputName(name), undefined);
  }
});

Deno.test("recipeName is the other way", () => {
  strictEqual(recipeName("report.html"), "report.html.fn");
  for (const name of ["report.fn", ".", ".."]) strictEqual(recipeName(name), undefined);
});
