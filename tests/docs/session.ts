/** A command in a ```console block of a page, and the output that the page shows for it. */
export interface Step {
  readonly command: string;
  readonly expected: string;
  readonly line: number;
}

/** The sessions of a Markdown page: one list of steps a block. `$ ` starts a command, and `> ` goes on with it. */
export function sessionsOf(markdown: string): Step[][] {
  const sessions: Step[][] = [];
  let steps: Step[] | undefined;
  markdown.split("\n").forEach((line, i) => {
    if (line === "```console") sessions.push(steps = []);
    else if (line.startsWith("```")) steps = undefined;
    else if (line.startsWith("$ ")) steps?.push({ command: line.slice(2), expected: "", line: i + 1 });
    else if (steps && steps.length > 0) {
      const last = steps[steps.length - 1];
      const goesOn = last.expected === "" && /^>( |$)/.test(line);
      steps[steps.length - 1] = goesOn
        ? { ...last, command: `${last.command}\n${line.slice(2)}` }
        : { ...last, expected: `${last.expected}${line}\n` };
    }
  });
  return sessions;
}

/** Whether an output is what the page shows; `…` there stands for anything. */
export function matches(expected: string, actual: string): boolean {
  const escaped = expected.split("…").map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  return new RegExp(`^${escaped.join("[^]*")}$`).test(actual);
}
