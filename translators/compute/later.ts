import type { Later } from "../../9p/mod.ts";

/** Runs `act`, and then `end`, however and whenever it ended; what is there at once costs no microtask. */
export function always<T>(act: () => Later<T>, end: () => void): Later<T> {
  let value: Later<T>;
  try {
    value = act();
  } catch (thrown) {
    end();
    throw thrown;
  }
  if (value instanceof Promise) return value.finally(end);
  end();
  return value;
}

/** The same where `undo` is for what went wrong only. */
export function orElse<T>(act: () => Later<T>, undo: () => void): Later<T> {
  const failed = (thrown: unknown): never => {
    undo();
    throw thrown;
  };
  try {
    const value = act();
    return value instanceof Promise ? value.catch(failed) : value;
  } catch (thrown) {
    return failed(thrown);
  }
}
