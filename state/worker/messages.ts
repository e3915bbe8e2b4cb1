/** What the main isolate says to the state Worker. */
export type ToWorker =
  | { readonly kind: "open"; readonly folder: string }
  /** The log is open and durable up to that number: apply it, and settle what is open. */
  | { readonly kind: "recover"; readonly last: number }
  /** Operations up to that number are durable in the log. */
  | { readonly kind: "logged"; readonly last: number }
  | {
    readonly kind: "call";
    readonly call: number;
    readonly method: Method;
    readonly args: readonly unknown[];
  }
  /** Apply what is logged, and end. */
  | { readonly kind: "close"; readonly last: number };

/** What can be asked of the Worker beside applying. */
export type Method = never;

/** What the state Worker says. */
export type FromWorker =
  /** The database is open. Records up to `needless` are not needed any more; `applied` is the last one it has. */
  | { readonly kind: "opened"; readonly needless: number; readonly applied: number }
  | { readonly kind: "recovered"; readonly damage: readonly string[] }
  | { readonly kind: "applied"; readonly needless: number }
  /** Applying does not work, as on a full disk, and is tried again. */
  | { readonly kind: "stuck"; readonly errno: number; readonly message: string }
  | { readonly kind: "answer"; readonly call: number; readonly value: unknown }
  | { readonly kind: "failed"; readonly call?: number; readonly errno: number; readonly message: string }
  | { readonly kind: "closed" };
