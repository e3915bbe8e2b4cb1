/** What is about to be done to a file. */
export type Action = "walk" | "read" | "write" | "create" | "remove" | "setattr" | "bind";

export interface Subject {
  /** The principal: `alice`, `uid:1000`, `node:alpha`, `none`. */
  readonly name: string;
  /** `owner`: acts for the node's own process; `claimed`: a name that a trusted listener believes; `none`: nobody. */
  readonly standing: "owner" | "claimed" | "none";
}

export interface Decision {
  /** `permissions`: whatever the Unix permission bits of the file say. */
  readonly effect: "allow" | "deny" | "permissions";
  /** The rule that decided, for people. */
  readonly rule: string;
}

const OWNER: Decision = { effect: "allow", rule: "the owner may do everything" };
const CLAIMED: Decision = {
  effect: "permissions",
  rule: "a claimed user is held to permission bits and groups",
};
const NONE_READS: Decision = {
  effect: "permissions",
  rule: "none may read what permission bits give to others",
};
const NONE_ONLY_READS: Decision = { effect: "deny", rule: "none may only read" };
const BIND: Decision = { effect: "deny", rule: "only the owner may change the namespace" };

/**
 * The one decision about who may do what: a pure function. These are the built-in defaults; they look at neither the
 * path nor the context, which are for rules to come.
 */
export function may(subject: Subject, action: Action, _path: () => string, _context?: unknown): Decision {
  switch (subject.standing) {
    case "owner":
      return OWNER;
    case "claimed":
      return action === "bind" ? BIND : CLAIMED;
    case "none":
      return action === "walk" || action === "read" ? NONE_READS : NONE_ONLY_READS;
  }
}
