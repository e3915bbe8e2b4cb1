import { NineError } from "../9p/mod.ts";
import { join, resolve } from "node:path";

/** The node's home: `--home DIR`, else `$XDG_DATA_HOME/lux9`, else `~/.local/share/lux9`. */
export function homeOf(option: string | undefined): string {
  if (option) return resolve(option);
  const data = Deno.env.get("XDG_DATA_HOME");
  if (data) return join(data, "lux9");
  const home = Deno.env.get("HOME");
  if (!home) {
    throw new NineError(
      "ENOENT",
      "Neither XDG_DATA_HOME nor HOME is set: say where the home is by --home DIR",
    );
  }
  return join(home, ".local", "share", "lux9");
}

/** The unix socket of the node with that home; its folder is for the owner only. */
export function socketOf(home: string): string {
  return join(home, "run", "9p");
}
