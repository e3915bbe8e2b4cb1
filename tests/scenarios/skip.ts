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
