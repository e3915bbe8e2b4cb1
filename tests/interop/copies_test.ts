/** Two homes mounted by 9pfuse, on which git and an editor work, exchanged round after round. */
import { exchangeRounds } from "./copies/rounds.ts";
import { interopTest } from "./interop_test_case.ts";
import { ninepfuseMissing } from "./ninepfuse.ts";

interopTest(
  "two mounted copies: git and notes on both sides, exchanged 6 times",
  ninepfuseMissing(),
  async () => {
    await exchangeRounds(6);
  },
);
