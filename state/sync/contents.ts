import { type Incoming, parseKey, unpackVersion } from "../tree/mod.ts";
import type { Stored } from "./sync_store.ts";

/** The contents that records name, and what these were made from, each once. The records were checked before. */
export function contentsIn(changes: Iterable<Incoming["changes"]>): Stored[] {
  const found = new Map<string, Stored>();
  const add = ({ size, descriptor }: Stored) => {
    if (size > 0 || descriptor.length > 0) found.set(`${size} ${descriptor}`, { size, descriptor });
  };
  for (const each of changes) {
    for (const puts of each.values()) {
      for (const { key, payload } of puts) {
        const parts = parseKey(key);
        if (!parts || !payload || parts.kind !== "content" && parts.kind !== "lost") continue;
        const version = unpackVersion(payload, parts.node);
        add(version);
        for (const base of version.bases ?? []) add(base);
      }
    }
  }
  return [...found.values()];
}
