/** Users whose results are told apart; those of more count together. */
const USERS_MAX = 1000;
const OTHERS = "others together";

/** What the results of one user take. */
export interface Share {
  readonly user: string;
  /** In the order of use. */
  readonly keys: Set<string>;
  bytes: number;
}

/** Whose results there are: when there are too many, one goes of whoever has the most. */
export class Shares {
  readonly #shares = new Map<string, Share>();

  /** Adds a result, as the one used last, and returns the share that it is now in. */
  add(user: string, key: string, bytes: number): Share {
    const name = this.#shares.has(user) || this.#shares.size < USERS_MAX ? user : OTHERS;
    let share = this.#shares.get(name);
    if (!share) this.#shares.set(name, share = { user: name, keys: new Set(), bytes: 0 });
    share.keys.add(key);
    share.bytes += bytes;
    return share;
  }

  use({ keys }: Share, key: string): void {
    keys.delete(key);
    keys.add(key);
  }

  remove(share: Share, key: string, bytes: number): void {
    share.keys.delete(key);
    share.bytes -= bytes;
    if (share.keys.size === 0) this.#shares.delete(share.user);
  }

  /** Which one goes first, of those that `mayGo`: the one used least recently of whoever has the most. */
  first(most: "bytes" | "files", mayGo: (key: string) => boolean): string | undefined {
    const amount = ({ keys, bytes }: Share) => most === "bytes" ? bytes : keys.size;
    for (const { keys } of [...this.#shares.values()].sort((a, b) => amount(b) - amount(a))) {
      for (const key of keys) if (mayGo(key)) return key;
    }
    return undefined;
  }
}
