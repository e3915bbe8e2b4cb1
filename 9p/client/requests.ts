import type { Message, MessageName, RName, TName } from "../wire/messages.ts";

/** The reply that a request gets when it succeeds. */
export type ReplyOf<K extends TName> = K extends `T${infer Rest}` ? Extract<`R${Rest}`, RName> : never;

/** One request on its way: whom to tell. */
export interface Waiting {
  readonly expected: MessageName;
  /** Takes what it needs out of the reply at once: byte fields of it die when this function returns. */
  readonly take: (reply: Message) => void;
  readonly fail: (reason: unknown) => void;
  /** What was sent, until nobody waits any more. */
  body: object | undefined;
  /** Set once a Tflush was sent for it: the reason for its caller, and what ends the waiting for its Rflush. */
  cancelled:
    | { readonly reason: unknown; readonly timer: ReturnType<typeof setTimeout> | undefined }
    | undefined;
  /** The reply came, though a Tflush is out: the tag stays taken until its Rflush. */
  answered: boolean;
  /** Nobody waits any more, though neither the reply nor the Rflush has come: resolves when one does. */
  owed: Owed | undefined;
  /** Stops listening to the caller's signal. */
  readonly unlisten: () => void;
}

/** An end that the server still owes. */
export interface Owed extends PromiseWithResolvers<void> {
  /** The fids that the request is about. */
  readonly fids: readonly number[];
}

/** Requests have the tags below this, and the Tflush for tag t has the tag FLUSH_TAG + t, so that it always finds one. */
export const FLUSH_TAG = 0x7fff;

/** The tags of one session and who waits for each. A tag is given again only when its request is over. */
export class Requests {
  readonly #byTag: (Waiting | undefined)[] = [];
  readonly #free: number[] = [];
  #queue: (() => void)[] = [];
  #count = 0;

  /** Requests that are under way. */
  get size(): number {
    return this.#count;
  }

  /** All tags are taken: `freed` tells when one is not. */
  get isFull(): boolean {
    return this.#count >= FLUSH_TAG;
  }

  /** Takes a tag, while not `isFull`. */
  add(waiting: Waiting): number {
    const tag = this.#free.pop() ?? this.#byTag.length;
    this.#byTag[tag] = waiting;
    this.#count++;
    return tag;
  }

  get(tag: number): Waiting | undefined {
    return this.#byTag[tag];
  }

  remove(tag: number): void {
    this.#byTag[tag] = undefined;
    this.#free.push(tag);
    this.#count--;
    this.#queue.shift()?.();
  }

  /** Resolves when a tag may be free. */
  freed(signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const wake = () => {
        signal?.removeEventListener("abort", abort);
        resolve();
      };
      const abort = () => {
        // A wake that came to who has gone would be lost for who is next.
        this.#queue = this.#queue.filter((one) => one !== wake);
        reject(signal!.reason);
      };
      signal?.addEventListener("abort", abort, { once: true });
      this.#queue.push(wake);
    });
  }

  /** Ends all of them, those that wait for a tag too. */
  clear(): Waiting[] {
    const all = this.#byTag.filter((waiting) => waiting !== undefined);
    this.#byTag.length = this.#free.length = this.#count = 0;
    const queue = this.#queue;
    this.#queue = [];
    for (const wake of queue) wake();
    return all;
  }
}
