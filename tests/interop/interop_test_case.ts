/** Tests that need what not every machine has: the reason is printed and the test counted as ignored. */

/** A test that is skipped when something is missing. The reasons come first, so that asking is part of the case. */
export function interopTest(
  name: string,
  missing: string | undefined,
  fn: (test: Deno.TestContext) => Promise<void>,
): void {
  if (missing !== undefined) console.log(`SKIP ${name}: ${missing}`);
  Deno.test({ name, ignore: missing !== undefined, fn });
}
