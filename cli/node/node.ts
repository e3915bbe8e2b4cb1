import { Connection, Engine, formatAddress, type Listener, NineError } from "../../9p/mod.ts";
import { join } from "node:path";
import { socketOf } from "../home.ts";
import { accept } from "./accept.ts";
import { type Config, parseConfig } from "./config.ts";
import { lockHome } from "./lock.ts";
import { type Listen, parseListen } from "./listen.ts";
import { openSocket } from "./socket.ts";
import { buildTree } from "./tree.ts";
import { loadUsers } from "./users.ts";

export interface NodeOptions {
  readonly home: string;
  /** Beside the home's own unix socket and what `lux9.yaml` lists. */
  readonly listen: readonly string[];
  readonly version: string;
}

export interface RunningNode {
  /** Dial strings, the home's own socket first. */
  readonly addresses: readonly string[];
  /** Finishes what is in flight, syncs, and leaves no socket behind. */
  stop(): Promise<void>;
}

/** How long a stopping node waits for requests that are under way, ms. */
const DRAIN_MS = 2000;

/** Starts a node: its home is locked, its tree built, and clients are served until `stop`. */
export async function startNode(options: NodeOptions): Promise<RunningNode> {
  const { home } = options;
  Deno.mkdirSync(home, { recursive: true, mode: 0o700 });
  const lock = lockHome(home);
  const listeners: Deno.Listener[] = [];
  try {
    const config = readConfig(home);
    const users = loadUsers(config);
    const connections = new Set<Connection>();
    const startedAt = new Date().toISOString();
    const listens = [ownSocket(home), ...[...config.listen, ...options.listen].map(parseListen)];
    const tree = await buildTree({
      home,
      config,
      users,
      status: () => ({
        version: options.version,
        pid: Deno.pid,
        startedAt,
        home,
        listen: listens.map(({ address, users }) => `${formatAddress(address)},users=${users}`),
        connections: connections.size,
        fids: [...connections].reduce((sum, { session }) => sum + session.fids.size, 0),
        bytesInFlight: engine.budget.used,
        rssBytes: Deno.memoryUsage().rss,
      }),
    });
    const engine: Engine = new Engine(tree.namespace.server, {
      principals: users.principals,
      onError: (report) => tree.onError(report),
    });
    for (const { address } of listens) listeners.push(openSocket(address));
    listens.forEach((listen, i) => {
      const who: Listener = {
        address: formatAddress(listen.address),
        strict: listen.strict,
        identify: (uname, nUname) => users.identify(listen.users, uname, nUname),
      };
      accept(listeners[i], (conn) => {
        const connection = new Connection(engine, who, conn);
        connections.add(connection);
        connection.run().finally(() => connections.delete(connection));
      }, (thrown) => engine.reportQuiet(thrown));
    });
    return {
      addresses: listens.map(({ address }) => formatAddress(address)),
      async stop() {
        for (const listener of listeners) listener.close();
        await drain(connections);
        for (const { address } of listens) if (address.net === "unix") removeIfThere(address.path);
        tree.close();
        lock.release();
      },
    };
  } catch (thrown) {
    for (const listener of listeners) listener.close();
    lock.release();
    throw thrown;
  }
}

function ownSocket(home: string): Listen {
  const path = socketOf(home);
  const folder = join(path, "..");
  Deno.mkdirSync(folder, { recursive: true, mode: 0o700 });
  Deno.chmodSync(folder, 0o700);
  return parseListen(`unix!${path}`);
}

function readConfig(home: string): Config {
  const file = join(home, "lux9.yaml");
  let text: string;
  try {
    text = Deno.readTextFileSync(file);
  } catch (thrown) {
    if (thrown instanceof Deno.errors.NotFound) return parseConfig("", file);
    throw new NineError("EACCES", `${file} cannot be read: ${(thrown as Error).message}`);
  }
  return parseConfig(text, file);
}

/** Waits until no request is under way, though not for ever: a blocked read has no end. */
async function drain(connections: ReadonlySet<Connection>): Promise<void> {
  const until = performance.now() + DRAIN_MS;
  while (performance.now() < until && [...connections].some((connection) => connection.isBusy)) {
    await new Promise((wake) => setTimeout(wake, 10));
  }
  await Promise.all([...connections].map((connection) => connection.stop()));
}

function removeIfThere(path: string): void {
  try {
    Deno.removeSync(path);
  } catch (thrown) {
    if (!(thrown instanceof Deno.errors.NotFound)) throw thrown;
  }
}
