import { type Dialect, DIALECTS } from "../../9p/wire/field.ts";
import { type Rule, Skip, Trial } from "./rule.ts";
import type { Started, Subject } from "./subject.ts";
import { Wire } from "./wire.ts";

export interface Result {
  readonly id: string;
  readonly what: string;
  readonly dialect: Dialect;
  readonly outcome: "pass" | "FAIL" | "skip";
  /** Why it failed or was skipped. */
  readonly reason: string;
  readonly ms: number;
}

export interface RunOptions {
  readonly dialects?: readonly Dialect[];
  /** Rule numbers, as `R07`; all where absent. */
  readonly only?: readonly string[];
  readonly onResult?: (result: Result) => void | Promise<void>;
}

/** No single test may take longer. */
const TEST_MS = 60_000;
const REASON_CHARS_MAX = 300;

/** Runs every rule in every dialect where it applies, one after the other. */
export async function runRules(
  rules: readonly Rule[],
  { subject, restart }: Pick<Started, "subject" | "restart">,
  options: RunOptions = {},
): Promise<Result[]> {
  const results: Result[] = [];
  for (const one of rules) {
    if (options.only && !options.only.includes(one.id)) continue;
    for (const dialect of DIALECTS) {
      if (!one.dialects.includes(dialect)) continue;
      if (options.dialects && !options.dialects.includes(dialect)) continue;
      let result = await runRule(one, subject, dialect);
      if (result.outcome === "FAIL" && restart) {
        if (!await answers(subject)) result = { ...result, reason: `the server died: ${result.reason}` };
        await restart();
      }
      results.push(result);
      await options.onResult?.(result);
    }
  }
  return results;
}

async function answers({ address, dialects }: Subject): Promise<boolean> {
  try {
    const wire = await Wire.dial(address);
    try {
      await wire.version(8192, dialects[0]);
      return true;
    } finally {
      wire.close();
      await wire.closed;
    }
  } catch {
    return false;
  }
}

async function runRule(one: Rule, subject: Subject, dialect: Dialect): Promise<Result> {
  const { id, what } = one;
  const start = performance.now();
  const result = (outcome: Result["outcome"], reason = ""): Result => ({
    id,
    what,
    dialect,
    outcome,
    reason,
    ms: performance.now() - start,
  });
  if (!subject.dialects.includes(dialect)) {
    return result("skip", `the subject speaks ${subject.dialects.join(", ")} only`);
  }
  const trial = new Trial(subject, dialect, one);
  let thrown: unknown;
  try {
    await within(one.run(trial), TEST_MS);
  } catch (caught) {
    thrown = caught;
  }
  const violations = await trial.end();
  if (thrown instanceof Skip) return result("skip", thrown.message);
  if (thrown !== undefined) return result("FAIL", reasonOf(thrown));
  if (violations.length > 0) return result("FAIL", violations.join("; "));
  return result("pass");
}

async function within(work: Promise<void>, ms: number): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`The test did not end within ${ms} ms`)), ms);
  });
  try {
    await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** The message and the place in the rule's file, in one line. */
function reasonOf(thrown: unknown): string {
  if (!(thrown instanceof Error)) return String(thrown);
  const place = /conformance\/((?:rules\/)\w+\.ts:\d+)/.exec(thrown.stack ?? "")?.[1];
  const message = thrown.message.replaceAll(/[\s\0]+/g, " ").trim().slice(0, REASON_CHARS_MAX);
  return place ? `${message} (${place})` : message;
}
