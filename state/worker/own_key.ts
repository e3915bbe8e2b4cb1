import { Buffer } from "node:buffer";
import { existsSync, readdirSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { DATABASE } from "../guard/mod.ts";

/** A copy of a volume: where it is, which volume it is of, and the 32 secret bytes of its key. */
export interface Signing {
  readonly folder: string;
  readonly volume: string;
  readonly secret: Uint8Array;
}

/**
 * Whether another copy of the volume in the same home has that key. Of a key that says something nobody waits for a copy that has said nothing yet, so each needs one of its own. What cannot be read counts as none: it
 * costs the copy to join anew.
 */
export function isTaken({ folder, volume, secret }: Signing): boolean {
  const home = dirname(folder);
  return readdirSync(home).some((name) => {
    const path = join(home, name, DATABASE);
    // Of one that is being made nobody knows yet what it will be.
    if (name.startsWith(".") || name === basename(folder) || !existsSync(path)) return false;
    try {
      using db = new DatabaseSync(path, { readOnly: true });
      const metaOf = (key: string) => db.prepare("SELECT value FROM meta WHERE key = ?").get(key)?.value;
      const other = metaOf("secret");
      return metaOf("volume") === volume && other instanceof Uint8Array &&
        Buffer.compare(other, secret) === 0;
    } catch {
      return false;
    }
  });
}

/** Keeps the other volumes of a home from taking a key until it is closed. */
export function holdKeys(folder: string): Disposable {
  const home = Deno.openSync(dirname(folder));
  home.lockSync(true);
  return home;
}
