import { type Address, formatAddress, NineError, parseAddress } from "../../9p/mod.ts";
import type { Believes } from "./users.ts";

/** A way in: where, and what it makes of those who come. */
export interface Listen {
  readonly address: Address;
  readonly users: Believes;
  /** A rename by wstat never replaces a file. */
  readonly strict: boolean;
}

const BELIEVES: readonly Believes[] = ["owner", "none", "trust"];
const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|::1)$/;

/** The word that lets a listener be reached from other machines. */
const BEYOND = "beyond-loopback";

/**
 * `ADDRESS[,users=owner|none|trust][,strict][,beyond-loopback]`. The default for a unix socket is `users=owner`, for TCP
 * `users=none`. In ADDRESS, `\,` is a comma and `\\` a backslash: without that, an option with a slip in it would become
 * a part of a path. EINVAL with what to write instead.
 */
export function parseListen(text: string): Listen {
  const [dial, ...options] = splitListen(text);
  const address = parseAddress(dial);
  let users: Believes = address.net === "unix" ? "owner" : "none";
  let strict = false;
  let beyond = false;
  for (const option of options) {
    const [key, value] = option.split("=");
    if (key === "users" && BELIEVES.includes(value as Believes)) users = value as Believes;
    else if (option === "strict") strict = true;
    else if (option === BEYOND) beyond = true;
    else {
      throw new NineError(
        "EINVAL",
        `${
          JSON.stringify(option)
        } is no option of a listener: there are users=owner, users=none, users=trust, strict and ${BEYOND}; ` +
          "write \\, for a comma in a path",
      );
    }
  }
  if (address.net === "tcp" && !LOOPBACK.test(address.host) && !beyond) {
    throw new NineError(
      "EINVAL",
      `${
        formatAddress(address)
      } can be reached from other machines, and 9P over TCP has neither passwords nor encryption: ` +
        `${
          WHO[users]
        }. Listen on 127.0.0.1, or write ${dial},users=${users},${BEYOND} if that is what you want`,
    );
  }
  return { address, users, strict };
}

/** The listener as `parseListen` takes it. */
export function formatListen({ address, users, strict }: Listen): string {
  const dial = formatAddress(address).replace(/[\\,]/g, "\\$&");
  const beyond = address.net === "tcp" && !LOOPBACK.test(address.host) ? `,${BEYOND}` : "";
  return `${dial},users=${users}${strict ? ",strict" : ""}${beyond}`;
}

/** The address, without its backslashes, and the options. */
function splitListen(text: string): string[] {
  const dial = /^(?:[^\\,]|\\[\\,])*/.exec(text)![0];
  const rest = text.slice(dial.length);
  if (rest.startsWith("\\")) {
    throw new NineError(
      "EINVAL",
      `${JSON.stringify(text)}: a backslash stands before a comma or another backslash, write \\\\ for one`,
    );
  }
  return [dial.replace(/\\(.)/g, "$1"), ...rest.split(",").slice(1)];
}

const WHO: Record<Believes, string> = {
  owner: "whoever reaches it may do everything that you may",
  none: "whoever reaches it may read what permission bits give to others",
  trust: "whoever reaches it may claim to be any user, root included",
};
