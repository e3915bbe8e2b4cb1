import { type Address, formatAddress } from "../address.ts";
import { accept } from "./accept.ts";
import { Connection } from "./connection.ts";
import { Attention } from "./eager/mod.ts";
import type { Engine } from "./engine.ts";
import type { Listener } from "./listener.ts";
import { openSocket } from "./socket.ts";

/** How long `stop` waits for requests that are under way, ms. */
const DRAIN_MS = 2000;
/** And then for files to be closed: one of an import whose other side hangs never is. */
const CLOSE_MS = 300;

export interface ServiceOptions {
  /**
   * Whether to look for the next request of a lone busy TCP client for some 50 µs before sleeping. By default unless
   * the environment has LUX9_POLL=0.
   */
  readonly poll?: boolean;
}

/** A tree that is served on sockets. */
export class Service {
  readonly connections = new Set<Connection>();
  readonly #sockets: { socket: Deno.Listener; address: Address }[] = [];

  readonly #attention: Attention | undefined;

  constructor(readonly engine: Engine, { poll = isPollWanted() }: ServiceOptions = {}) {
    if (poll) this.#attention = new Attention();
  }

  /**
   * Listens, and serves whoever comes until `stop`. Returns the address, with the port that was found for port 0.
   * Throws EBUSY, EACCES or EINVAL with what to do.
   */
  listen(wanted: Address, who: Omit<Listener, "address">): Address {
    const socket = openSocket(wanted);
    const address = wanted.net === "tcp" ? { ...wanted, port: (socket.addr as Deno.NetAddr).port } : wanted;
    this.#sockets.push({ socket, address });
    const listener: Listener = { ...who, address: formatAddress(address) };
    accept(socket, (conn) => {
      const connection = new Connection(this.engine, listener, this.#attention?.wrap(conn) ?? conn);
      this.connections.add(connection);
      connection.run().finally(() => this.connections.delete(connection));
    }, (thrown) => this.engine.reportQuiet(thrown));
    return address;
  }

  /** Takes no more clients, finishes what is under way, closes the others, and removes its unix sockets. */
  async stop(): Promise<void> {
    for (const { socket } of this.#sockets) socket.close();
    await this.#drained();
    const closed = Promise.all([...this.connections].map((connection) => connection.stop()));
    let timer: ReturnType<typeof setTimeout> | undefined;
    await Promise.race([closed, new Promise((late) => timer = setTimeout(late, CLOSE_MS))]);
    clearTimeout(timer);
    for (const { address } of this.#sockets) if (address.net === "unix") removeIfThere(address.path);
    this.#sockets.length = 0;
  }

  /** Until no request is under way, though not for ever: a blocked read has no end. */
  async #drained(): Promise<void> {
    const until = performance.now() + DRAIN_MS;
    while (performance.now() < until && [...this.connections].some((connection) => connection.isBusy)) {
      await new Promise((wake) => setTimeout(wake, 10));
    }
  }
}

function isPollWanted(): boolean {
  const { state } = Deno.permissions.querySync({ name: "env", variable: "LUX9_POLL" });
  return state !== "granted" || Deno.env.get("LUX9_POLL") !== "0";
}

function removeIfThere(path: string): void {
  try {
    Deno.removeSync(path);
  } catch (thrown) {
    if (!(thrown instanceof Deno.errors.NotFound)) throw thrown;
  }
}
