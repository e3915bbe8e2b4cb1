import { Errno } from "../errno.ts";
import { NineError } from "../error.ts";
import type { Client } from "./client.ts";

/** Whether a request failed because its connection is gone, and not by the server's answer. */
export function isLost(client: Client, thrown: unknown): boolean {
  return client.end !== undefined && thrown instanceof NineError && thrown.errno === Errno.ECONNRESET;
}
