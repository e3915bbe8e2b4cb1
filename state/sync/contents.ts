import { type Content, type Incoming, MERGE_BYTES_MAX, parseKey, unpackVersion } from "../tree/mod.ts";
import type { Stored } from "./sync_store.ts";

/** The contents that records name, and what these were made from, each once. The records were checked before. */
export function contentsIn(changes: Iterable<Incoming["changes"]>): Stored[] {
  const found = new Map<string, Stored>();
  const add = ({ size, descriptor }: Pick<Content, "size" | "descriptor">, isMerged: boolean) => {
    if (size === 0 && descriptor.length === 0) return;
    const name = `${size} ${descriptor}`;
    const isNeeded = isMerged && size <= MERGE_BYTES_MAX || found.get(name)?.isNeeded === true;
    found.set(name, { size, descriptor, isNeeded });
  };
  for (const each of changes) {
    for (const puts of each.values()) {
      for (const { key, payload } of puts) {
        const parts = parseKey(key);
        if (!parts || !payload || parts.kind !== "content" && parts.kind !== "lost") continue;
        const version = unpackVersion(payload, parts.node);
        add(version, version.text);
        for (const base of version.bases ?? []) add(base, true);
      }
    }
  }
  return [...found.values()];
}
