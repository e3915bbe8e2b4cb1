import { Engine, formatAddress, NineError, Service } from "../../9p/mod.ts";
import { join } from "node:path";
import { socketOf } from "../home.ts";
import { type Config, parseConfig } from "./config.ts";
import { formatListen, type Listen, parseListen } from "./listen.ts";
import { prepareHome, prepareSocketFolder } from "./prepare_home.ts";
import { takeHome } from "./running.ts";
import { buildTree, type Tree } from "./tree.ts";
import { loadUsers } from "./users.ts";

export interface NodeOptions {
  readonly home: string;
  /** Beside the home's own unix socket and what `lux9.yaml` lists. */
  readonly listen: readonly string[];
  readonly version: string;
  /** Told when the Worker of a volume has ended, as there was nothing to do. */
  readonly onRested?: () => void;
  /** After so long with nothing to do it does; 30 s if not given. */
  readonly restMs?: number;
}

export interface RunningNode {
  /** Dial strings, the home's own socket first. */
  readonly addresses: readonly string[];
  /** What `/data` is, unless lux9.yaml says so. */
  readonly data: Tree["data"];
  /** Finishes what is in flight, syncs, and leaves no socket behind. */
  stop(): Promise<void>;
}

/** Starts a node: its home is locked, its tree built, and clients are served until `stop`. */
export async function startNode(options: NodeOptions): Promise<RunningNode> {
  const { home } = options;
  prepareHome(home);
  const taken = await takeHome(home);
  if (taken.by !== "nobody") throw taken.busy;
  const { lock } = taken;
  const started: Service[] = [];
  try {
    const config = readConfig(home);
    const users = loadUsers(config);
    const startedAt = new Date().toISOString();
    const listens = [ownSocket(home), ...[...config.listen, ...options.listen].map(parseListen)];
    const tree = await buildTree({
      home,
      config,
      users,
      onRested: options.onRested,
      restMs: options.restMs,
      status: () => ({
        version: options.version,
        pid: Deno.pid,
        startedAt,
        home,
        listen: listens.map(formatListen),
        connections: service.connections.size,
        fids: engine.fids,
        bytesInFlight: engine.budget.used,
        rssBytes: Deno.memoryUsage().rss,
      }),
    });
    const engine: Engine = new Engine(tree.server, {
      principals: users.principals,
      onError: (report) => tree.onError(report),
    });
    const service: Service = new Service(engine);
    started.push(service);
    const addresses = listens.map(({ address, users: believes, strict }) =>
      formatAddress(service.listen(address, {
        strict,
        identify: (uname, nUname) => users.identify(believes, uname, nUname),
      }))
    );
    return {
      addresses,
      data: tree.data,
      async stop() {
        await service.stop();
        await tree.close();
        lock.release();
      },
    };
  } catch (thrown) {
    await Promise.all(started.map((service) => service.stop()));
    lock.release();
    throw thrown;
  }
}

function ownSocket(home: string): Listen {
  prepareSocketFolder(home);
  // Not by a dial string: a path may have the characters that those are made of.
  return { address: { net: "unix", path: socketOf(home) }, users: "owner", strict: false };
}

export function readConfig(home: string): Config {
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
