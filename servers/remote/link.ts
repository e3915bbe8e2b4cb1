import {
  type Address,
  type AttachOptions,
  Client,
  type ClientOptions,
  dial,
  formatAddress,
  isLost,
  NineError,
  orAborted,
  reasonOf,
  type RemoteFile,
  Tree,
} from "../../9p/mod.ts";

/** One life of the connection. Fids belong to one and die with it. */
export interface Life {
  readonly client: Client;
  readonly root: RemoteFile;
}

export type LinkOptions = ClientOptions & AttachOptions;

/** How long the other side has to say what became of a request that was given up, ms. */
const FLUSH_MS_MAX = 1000;
/** How long to wait for a connection and its attach, ms. */
const DIAL_MS_MAX = 10_000;
/** After a failure, this long nobody dials; doubled by each further one. */
const WAIT_MS_MIN = 100;
const WAIT_MS_MAX = 10_000;

/**
 * The connection to the other side: made when first needed, and made again when it has died. While the other side is
 * away, requests fail at once and one in a while tries again.
 */
export class Link implements AsyncDisposable {
  readonly name: string;
  readonly #address: Address | undefined;
  readonly #options: LinkOptions;
  #life: Life | undefined;
  #dialling: Promise<Life> | undefined;
  #given: Client | undefined;
  #waitMs = 0;
  #notBefore = 0;
  #lastReason = "";
  #closed = false;

  /** With a client instead of an address there is one life only. */
  constructor(to: Address | Client, options: LinkOptions) {
    this.#options = { flushMs: FLUSH_MS_MAX, ...options };
    if (to instanceof Client) {
      this.#given = to;
      this.name = "the given connection";
    } else {
      this.#address = to;
      this.name = formatAddress(to);
    }
  }

  get isConnected(): boolean {
    return this.#life !== undefined && this.#life.client.end === undefined;
  }

  /** The life that goes on now, or a new one. ENOTCONN while the other side is away. */
  life(signal?: AbortSignal): Life | Promise<Life> {
    if (this.#life && !this.#life.client.end) return this.#life;
    if (this.#closed) {
      throw new NineError("ENOTCONN", `The connection to ${this.name} was closed: the mount has gone`);
    }
    if (!this.#dialling) {
      const restMs = this.#notBefore - performance.now();
      if (restMs > 0) {
        throw new NineError(
          "ENOTCONN",
          `${this.name} is away (${this.#lastReason}); the next try is in ${Math.ceil(restMs)} ms`,
        );
      }
      this.#dialling = this.#begin().finally(() => this.#dialling = undefined);
      this.#dialling.catch(() => {});
    }
    return orAborted(this.#dialling, signal);
  }

  async #begin(): Promise<Life> {
    try {
      const client = this.#given ?? await this.#connect();
      this.#given = undefined;
      try {
        const signal = AbortSignal.timeout(DIAL_MS_MAX);
        const { root } = await Tree.attach(client, { ...this.#options, signal });
        if (this.#closed) throw new NineError("ENOTCONN", "The mount has gone meanwhile");
        this.#waitMs = 0;
        return this.#life = { client, root };
      } catch (thrown) {
        await client[Symbol.asyncDispose]();
        throw thrown;
      }
    } catch (thrown) {
      this.#waitMs = Math.min(Math.max(this.#waitMs * 2, WAIT_MS_MIN), WAIT_MS_MAX);
      this.#notBefore = performance.now() + this.#waitMs;
      this.#lastReason = reasonOf(thrown);
      if (thrown instanceof NineError) throw thrown;
      throw new NineError("ENOTCONN", `${this.name} does not answer: ${this.#lastReason}`);
    }
  }

  async #connect(): Promise<Client> {
    if (!this.#address) {
      throw new NineError(
        "ENOTCONN",
        `${this.name} is gone, and there is no address to dial again: mount it anew`,
      );
    }
    const signal = AbortSignal.timeout(DIAL_MS_MAX);
    return await Client.start(await dial(this.#address, signal), { ...this.#options, signal });
  }

  /** What a request throws whose connection died under it says so: it may have happened or not. */
  explain(life: Life, thrown: unknown): unknown {
    if (!isLost(life.client, thrown)) return thrown;
    return new NineError(
      "EIO",
      `The connection to ${this.name} broke during the request: ${life.client.end!.message}`,
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    await (this.#life?.client ?? this.#given)?.[Symbol.asyncDispose]();
    await this.#dialling?.catch(() => {});
  }
}
