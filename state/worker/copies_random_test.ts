import { simulateMany } from "./copies_random.ts";

Deno.test("copies that work apart at random show the same once they met, and each of them always what its documents show", () =>
  simulateMany(1, 12));
