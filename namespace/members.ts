import { Errno, errnoOf, type Later, then } from "../9p/mod.ts";
import type { Node } from "./node.ts";

/** Whether something may be done with a member of a directory: returns nothing, or throws EACCES. */
export type Ask = (member: Node) => Later<void>;

/** The members that `ask` lets pass, in order. Where it refuses them all: the refusal of the first. */
export function passing(members: readonly Node[], ask: Ask): Later<readonly Node[]> {
  if (members.length === 1) return then(ask(members[0]), () => members);
  return passingFrom(members, 0, [], undefined, ask);
}

function passingFrom(
  members: readonly Node[],
  from: number,
  passed: readonly Node[],
  refusal: unknown,
  ask: Ask,
): Later<readonly Node[]> {
  if (from === members.length) {
    if (passed.length === 0) throw refusal;
    return passed;
  }
  return attempt(
    () => ask(members[from]),
    () => passingFrom(members, from + 1, [...passed, members[from]], refusal, ask),
    (thrown) => {
      if (errnoOf(thrown) !== Errno.EACCES) throw thrown;
      return passingFrom(members, from + 1, passed, refusal ?? thrown, ask);
    },
  );
}

/** Goes on by what came of the action, now or later. What is thrown on the way on is not caught. */
export function attempt<T, R>(
  action: () => Later<T>,
  succeeded: (value: T) => Later<R>,
  failed: (thrown: unknown) => Later<R>,
): Later<R> {
  let value: Later<T>;
  try {
    value = action();
  } catch (thrown) {
    return failed(thrown);
  }
  return value instanceof Promise ? value.then(succeeded, failed) : succeeded(value);
}
