import type { User } from "./file_server.ts";

/** What a way in makes of the sessions that arrive on it. */
export interface Listener {
  /** For messages and events: `unix!/run/…/9p`, `tcp!127.0.0.1!5640`. */
  readonly address: string;
  /** Who a session is that claims this name and number (`nUname` is ~0 where none was given). EPERM where nobody. */
  identify(uname: string, nUname: number): User;
  /** Renaming onto an existing name by wstat is an error, as the manual says, instead of replacing it (rule R34). */
  readonly strict: boolean;
}
