import type { Principal } from "../../9p/mod.ts";

/** Who has the root directory of a new volume. */
export interface Owned {
  readonly uid: Principal;
  readonly gid: Principal;
}

/** What the main isolate says to the state Worker. */
export type ToWorker =
  | { readonly kind: "open"; readonly folder: string; readonly owned: Owned }
  /** The log is open and durable up to that number: apply it, and settle what is open. */
  | { readonly kind: "recover"; readonly last: number }
  /** Operations up to that number are durable in the log. */
  | { readonly kind: "logged"; readonly last: number }
  /** Apply what is logged, and end. */
  | { readonly kind: "close"; readonly last: number };

/** What the state Worker says. */
export type FromWorker =
  /** The database is open. Records up to `needless` are not needed any more; `applied` is the last one it has. */
  | { readonly kind: "opened"; readonly needless: number; readonly applied: number }
  | { readonly kind: "recovered"; readonly damage: readonly string[] }
  | { readonly kind: "applied"; readonly needless: number }
  /** Applying does not work, as on a full disk, and is tried again. */
  | { readonly kind: "stuck"; readonly errno: number; readonly message: string }
  | { readonly kind: "failed"; readonly errno: number; readonly message: string }
  | { readonly kind: "closed" };
