/** What `lux9` exits with: the one place that says so, and the text of `lux9 help`. */
export const EXITS = {
  done: { code: 0, meaning: "done" },
  failed: { code: 1, meaning: "the operation failed, or a part of it" },
  usage: { code: 2, meaning: "the command line is wrong" },
  unreachable: { code: 3, meaning: "the node cannot be reached" },
  interrupted: { code: 130, meaning: "stopped by ^C" },
} as const;

/** Ends the program with that code, after its message. */
export class Exit extends Error {
  readonly code: number;

  constructor(how: keyof typeof EXITS, message: string) {
    super(message);
    this.code = EXITS[how].code;
  }
}

export function exitsText(): string {
  return `Exit codes: ${Object.values(EXITS).map(({ code, meaning }) => `${code} ${meaning}`).join("; ")}.`;
}
