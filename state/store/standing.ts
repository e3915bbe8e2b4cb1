import { DatabaseSync } from "node:sqlite";
import { FORMAT, formatOf } from "./schema.ts";

/** What has to be known of a database before it is only read. */
export interface Standing {
  /** The last operation that it has. */
  readonly applied: number;
  /** Where it is, by whoever wrote to it last. */
  readonly place: string;
  /** Whether files are in it that a start has to settle or to forget, or it is not wholly brought to today's format. */
  readonly isAnyLeft: boolean;
}

/** How a database stands. Undefined for one of another format than today's, and for one that was not finished. */
export function standingOf(path: string): Standing | undefined {
  const db = new DatabaseSync(path, { readOnly: true });
  try {
    if (formatOf(db) !== FORMAT) return undefined;
    const { applied, place, isAnyLeft } = db.prepare(SQL).get() as Record<string, number | string | null>;
    if (typeof applied !== "number" || typeof place !== "string") return undefined;
    return { applied, place, isAnyLeft: isAnyLeft !== 0 };
  } finally {
    db.close();
  }
}

/** The id of the volume in a database of any format; undefined for one that was not finished. */
export function volumeIdIn(path: string): string | undefined {
  const db = new DatabaseSync(path, { readOnly: true });
  try {
    const { value } = db.prepare("SELECT value FROM meta WHERE key = 'volume'").get() ?? {};
    return typeof value === "string" ? value : undefined;
  } finally {
    db.close();
  }
}

const SQL = `SELECT
  (SELECT value FROM meta WHERE key = 'applied') AS applied, (SELECT value FROM meta WHERE key = 'place') AS place,
  EXISTS(SELECT 1 FROM unsettled) OR EXISTS(SELECT 1 FROM orphan)
    OR EXISTS(SELECT 1 FROM meta WHERE key = 'isOfFormat3') AS isAnyLeft`;
