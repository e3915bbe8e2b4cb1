import type { Later, Principal, User } from "../9p/mod.ts";

/** A change that was made through the node. */
export interface ChangeEvent {
  /**
   * `write` stands for all writes from open to close, and is told at close or after a second of writing; `restore` for all
   * changes at and below the path by which it became what it was.
   */
  readonly event: "create" | "remove" | "rename" | "write" | "setattr" | "mount" | "unmount" | "restore";
  readonly path: string;
  /** Where a renamed file was before. */
  readonly from?: string;
  readonly user: Principal;
}

/** The change as somebody may see it: all of it, a part, or nothing. To be asked before the listener returns. */
export type View = (user: User) => ChangeEvent | undefined;

type Listener = (event: ChangeEvent, view: View) => void;

/** Tells whoever listens; costs nothing while nobody does. */
export class Events {
  readonly #listeners = new Set<Listener>();

  get isWatched(): boolean {
    return this.#listeners.size > 0;
  }

  /** Returns what ends the listening. */
  listen(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  tell(event: ChangeEvent, view: View): void {
    for (const listener of this.#listeners) listener(event, view);
  }
}

/** Goes on to `after` once the change was made, now or later, and passes its result on. */
export function afterwards<T>(result: Later<T>, after: () => void): Later<T> {
  if (result instanceof Promise) {
    return result.then((value) => {
      after();
      return value;
    });
  }
  after();
  return result;
}
