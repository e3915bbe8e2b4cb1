import { createHash } from "node:crypto";
import { DatabaseSync } from "node:sqlite";

/** What a copy has, and what it knows of others, as far as it takes to say that two copies have nothing to tell each other. */
export interface Known {
  readonly volume: string;
  /** Who the copy writes as. */
  readonly incarnation: Uint8Array;
  /** The same for two copies that have the same records of the same authors, let the same copies in and heard the same of all of them. */
  readonly digest: string;
  /** When the copy last told what it has, seconds since 1970; 0 for never. */
  readonly told: number;
  /** Contents that are not here, and not because nobody read them yet. */
  readonly absent: number;
}

/** Reads it from a database that nobody writes to. */
export function knownIn(path: string): Known {
  const db = new DatabaseSync(path, { readOnly: true });
  try {
    const meta = (key: string) => db.prepare("SELECT value FROM meta WHERE key = ?").get(key)?.value;
    const incarnation = meta("incarnation") as Uint8Array;
    const hash = createHash("sha256");
    for (const sql of DIGESTED) {
      for (const row of db.prepare(sql).iterate()) {
        for (const value of Object.values(row)) {
          const bytes = value as Uint8Array;
          hash.update(`${bytes.length} `).update(bytes);
        }
      }
      hash.update("/");
    }
    const told = db.prepare("SELECT time FROM statement WHERE author = ? AND slot = 0").get(incarnation);
    const isOnDemand = meta("contents") === "on-demand";
    const { absent } = db.prepare(
      `SELECT count(*) AS absent FROM absent${isOnDemand ? " WHERE later = 0" : ""}`,
    ).get() as { absent: number };
    return {
      ...{ volume: String(meta("volume")), incarnation, absent },
      digest: hash.digest("hex"),
      told: Number(told?.time ?? 0),
    };
  } finally {
    db.close();
  }
}

/** An author's last hash stands for all that it wrote. */
const DIGESTED = [
  "SELECT author, hash FROM author ORDER BY author",
  "SELECT key FROM copy ORDER BY key",
  "SELECT author, bytes FROM statement WHERE slot = 0 ORDER BY author",
];
