import { existsSync, readdirSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { Errno, errnoOf, NineError } from "../9p/mod.ts";
import { Exit } from "./exit.ts";

/** A home has some of these, from before its first node or from then on. */
const PARTS = ["volumes", "lux9.yaml", "lock", "run", "key", "data"];
/** In the folder of a volume, which may be called as one of these is. */
const VOLUME_FILE = "index.sqlite";

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

/** Exit code 2 for a folder that is no home, before anything is written to it. */
export function checkHome(folder: string): void {
  if (isHome(folder)) return;
  const above = [dirname(folder), dirname(dirname(folder))].find(isHome);
  throw new Exit(
    "usage",
    `${folder} is no home of lux9, which has one of ${PARTS.join(", ")}${
      above === undefined ? "" : `: did you mean ${above}`
    }`,
  );
}

function isHome(folder: string): boolean {
  try {
    const names = readdirSync(folder);
    return !names.includes(VOLUME_FILE) &&
      PARTS.some((part) => names.includes(part) && !existsSync(join(folder, part, VOLUME_FILE)));
  } catch (thrown) {
    // That it is somebody else's says whoever opens it.
    return errnoOf(thrown) === Errno.EACCES;
  }
}
