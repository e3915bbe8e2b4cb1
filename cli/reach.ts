import type { Command } from "commander";
import { type Address, formatAddress, parseAddress, reasonOf, Tree } from "../9p/mod.ts";
import { Exit } from "./exit.ts";
import { homeOf, socketOf } from "./home.ts";
import { machinePrincipals } from "./node/users.ts";

/** Which node a command is for. */
export interface Where {
  readonly addr?: string;
  readonly home?: string;
  readonly aname?: string;
}

/** How long a node may take to answer the first time, ms. */
const ANSWER_MS_MAX = 10_000;

/** Adds the options of a command that speaks to a node. `flag` is another one where `-a` means something else. */
export function withWhere(command: Command, flag = "-a, --addr <address>"): Command {
  return command
    .option(flag, "the 9P server, as tcp!host!port, unix!/path or host:port (default: this user's node)")
    .option("--home <dir>", "the home of the node (default: $XDG_DATA_HOME/lux9, else ~/.local/share/lux9)")
    .option("--aname <tree>", "which of the server's trees");
}

/** The address that the options name: the one given, else the node's own socket. */
export function addressOf({ addr, home }: Where): Address {
  try {
    return parseAddress(addr ?? `unix!${socketOf(homeOf(home))}`);
  } catch (thrown) {
    throw new Exit("usage", reasonOf(thrown));
  }
}

/** The tree of the node, or exit code 3. Closing it closes the connection. Throws what `stop` is aborted with meanwhile. */
export async function reach(where: Where, stop?: AbortSignal): Promise<Tree> {
  const address = addressOf(where);
  try {
    const timeout = AbortSignal.timeout(ANSWER_MS_MAX);
    const signal = stop ? AbortSignal.any([timeout, stop]) : timeout;
    return await Tree.dial(address, {
      uname: userName(),
      aname: where.aname,
      principals: machinePrincipals(),
      signal,
    });
  } catch (thrown) {
    stop?.throwIfAborted();
    const isTimeout = thrown instanceof DOMException && thrown.name === "TimeoutError";
    const reason = isTimeout
      ? `${formatAddress(address)} took the connection but did not answer for ${
        ANSWER_MS_MAX / 1000
      } s: is it a 9P server?`
      : reasonOf(thrown);
    throw new Exit("unreachable", reason);
  }
}

/** The name to attach by: a claim, of which the server makes what it wants. */
export function userName(): string {
  return Deno.env.get("USER") ?? Deno.env.get("LOGNAME") ?? "none";
}
