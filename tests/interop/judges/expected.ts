/** What neither 9P nor Linux's client for it can express, so that no server passes these tests of pjdfstest. */

const EXPECTED: { tests: RegExp; reason: string }[] = [];

export function expectedFailure(test: string): string | undefined {
  return EXPECTED.find(({ tests }) => tests.test(test))?.reason;
}
