import { type Address, formatAddress } from "../address.ts";
import { Principals } from "../principal.ts";
import { Connection } from "../server/connection.ts";
import { Engine, type EngineOptions } from "../server/engine.ts";
import type { FileServer } from "../server/file_server.ts";
import type { Listener } from "../server/listener.ts";

/** A file server behind a unix socket, for tests. */
export interface Served extends AsyncDisposable {
  readonly address: Address;
  readonly engine: Engine;
  /** Cuts all connections; new ones are still taken. */
  cut(): void;
}

/** Serves every session as the owner, but for who attaches as `none`, until it is disposed of. */
export async function served<N, H>(
  server: FileServer<N, H>,
  options: Partial<EngineOptions> = {},
): Promise<Served> {
  const folder = await Deno.makeTempDir({ prefix: "lux9-client-" });
  const address: Address = { net: "unix", path: `${folder}/9p` };
  const engine = new Engine(server as FileServer, { principals: new Principals(), ...options });
  const listener: Listener = {
    address: formatAddress(address),
    identify: (uname) =>
      uname === "none"
        ? { name: "none", groups: new Set(), standing: "none" }
        : { name: "owner", groups: new Set(["owner"]), standing: "owner" },
    strict: false,
  };
  const socket = Deno.listen({ transport: "unix", path: address.path });
  const connections = new Map<Connection, Promise<void>>();
  const accepting = (async () => {
    for await (const duplex of socket) {
      const connection = new Connection(engine, listener, duplex);
      connections.set(connection, connection.run().finally(() => connections.delete(connection)));
    }
  })();
  return {
    address,
    engine,
    cut() {
      for (const connection of connections.keys()) connection.close();
    },
    async [Symbol.asyncDispose]() {
      socket.close();
      await accepting;
      for (const connection of connections.keys()) connection.close();
      await Promise.all(connections.values());
      await Deno.remove(folder, { recursive: true });
    },
  };
}
