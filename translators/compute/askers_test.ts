import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { Askers } from "./askers.ts";

Deno.test("Askers are those who are there, and who of them came first is answerable", () => {
  const askers = new Askers("ann");
  let changes = 0;
  askers.onChange = () => changes++;
  strictEqual(askers.answerable, "ann");
  for (const name of ["ann", "bob", "ann", "carol"]) askers.add(name);
  deepStrictEqual([...askers.names], ["ann", "bob", "carol"]);
  askers.remove("ann");
  strictEqual(askers.answerable, "ann");
  strictEqual(changes, 3);
  askers.remove("ann");
  strictEqual(askers.answerable, "bob");
  askers.remove("bob");
  deepStrictEqual([...askers.names], ["carol"]);
  askers.remove("carol");
  strictEqual(askers.answerable, "carol");
  strictEqual(changes, 6);
});
