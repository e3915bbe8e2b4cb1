import { NineError } from "../9p/mod.ts";
import { visible } from "./output.ts";

/** Does something about a path, and names it in what is thrown: a server's answer does not. */
export async function onPath<T>(path: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (thrown) {
    if (thrown instanceof NineError) throw new NineError(thrown.errno, `${visible(path)}: ${thrown.message}`);
    throw thrown;
  }
}
