/** What neither 9P nor Linux's client for it can express, so that no server passes these tests of pjdfstest. */

interface Expected {
  test: string;
  reason: string;
  /** Not even tried, because trying takes minutes. */
  costly?: boolean;
}

const EXPECTED: Expected[] = [
  {
    test: "utimensat::subsecond",
    reason:
      "Linux's 9p file system keeps the kernel's default grain of one second for times that a client sets",
  },
  {
    test: "link::link_count_max",
    reason:
      "9P does not carry LINK_MAX: the C library guesses it from the type of the file system that the server " +
      "names, and the test then makes up to 65,000 links",
    costly: true,
  },
];

/** Why no server can pass it, or undefined. */
export function cannotPass(test: string): string | undefined {
  return EXPECTED.find((expected) => expected.test === test)?.reason;
}

export function costlyTests(): string[] {
  return EXPECTED.filter(({ costly }) => costly).map(({ test }) => test);
}
