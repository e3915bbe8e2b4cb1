import { findLibrary } from "../../translators/engine/mod.ts";

/** What some machines can do and others cannot. */
export interface Ability {
  isThere(): boolean;
  /** What is missing where it is not. */
  readonly reason: string;
}

/** Whether the test can run; where not, says so in the words that the test runner counts as a skip. */
export function skipUnless(name: string, ability: Ability): boolean {
  const can = ability.isThere();
  if (!can) console.log(`SKIP ${name}: ${ability.reason}`);
  return can;
}

/** That modules can run. */
export const WASMTIME: Ability = {
  reason: "libwasmtime.so is not installed: lux9 wasmtime says why",
  isThere() {
    try {
      findLibrary();
      return true;
    } catch {
      return false;
    }
  },
};
