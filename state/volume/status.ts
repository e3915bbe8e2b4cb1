import { join } from "node:path";
import { PACKS } from "../guard/mod.ts";
import type { Log } from "../log/mod.ts";
import type { IndexReader } from "../store/mod.ts";

export interface StatusOptions {
  readonly folder: string;
  readonly index: IndexReader;
  readonly log: Log;
  /** Copies that said nothing since then, in seconds since 1970, are not waited for. */
  readonly waitedSinceSec: number;
  readonly isAtRest: boolean;
  /** Why the index does not follow. */
  readonly trouble: string | undefined;
}

/** How a volume is, in words and numbers. */
export function statusOf(options: StatusOptions): Record<string, unknown> {
  const { folder, index, log, waitedSinceSec, isAtRest, trouble } = options;
  return {
    folder,
    volume: index.meta("volume"),
    incarnation: Array.from(
      index.meta("incarnation") as Uint8Array,
      (byte) => byte.toString(16).padStart(2, "0"),
    )
      .join(""),
    ...index.counts(),
    operations: log.last,
    waiting: log.last - index.applied,
    logBytes: log.bytes,
    packBytes: packBytes(folder),
    snapshots: index.past.snapshots().map(({ name, sec, by }) => ({
      name,
      time: new Date(sec * 1000).toISOString(),
      by,
    })),
    contents: index.meta("contents") ?? "whole",
    copies: index.copies(waitedSinceSec),
    isAtRest,
    ...(trouble !== undefined ? { trouble } : {}),
  };
}

function packBytes(volume: string): number {
  const folder = join(volume, PACKS);
  return [...Deno.readDirSync(folder)].reduce(
    (sum, { name }) => sum + Deno.statSync(join(folder, name)).size,
    0,
  );
}
