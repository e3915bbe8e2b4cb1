import assert from "node:assert/strict";
import { RULES } from "./rules.ts";

Deno.test("every rule from R01 to R48 has a test, and no two tests have one name", () => {
  const wanted = Array.from({ length: 48 }, (_, i) => `R${String(i + 1).padStart(2, "0")}`);
  assert.deepEqual([...new Set(RULES.map(({ id }) => id))].sort(), wanted);
  const names = RULES.flatMap(({ id, what, dialects }) =>
    dialects.map((dialect) => `${id} ${what} ${dialect}`)
  );
  assert.equal(new Set(names).size, names.length);
});
