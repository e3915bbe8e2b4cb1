import {
  Connection,
  Engine,
  type FileServer,
  type Listener,
  NONUNAME,
  Principals,
  type User,
} from "../../9p/mod.ts";

/** Numbers that the tests' users have on every Linux machine. */
export const USERS: [string, number][] = [["root", 0], ["daemon", 1], ["nobody", 65534]];

/** A server in this process, listening on two unix sockets of its own. */
export interface Served {
  readonly engine: Engine;
  readonly address: string;
  /** Where a wstat never replaces a file (rule R34). */
  readonly strictAddress: string;
  /** What the engine and the server still hold, one line each. */
  residue(): string[];
  close(): Promise<void>;
}

/** Serves a tree to whoever claims to be somebody, as a listener with `users=trust` does. */
export async function serve(server: FileServer<object, unknown>): Promise<Served> {
  const balance = new Balance();
  const principals = new Principals(USERS, USERS);
  const engine = new Engine(counted(server, balance), { principals });
  const folder = await Deno.makeTempDir({ prefix: "lux9-9p-" });
  const connections = new Set<Promise<void>>();
  const live = new Set<Connection>();

  function listen(name: string, strict: boolean): Deno.Listener {
    const path = `${folder}/${name}`;
    const listener: Listener = { address: `unix!${path}`, strict, identify: trust(principals) };
    const socket = Deno.listen({ transport: "unix", path });
    accept(socket, listener);
    return socket;
  }

  async function accept(socket: Deno.Listener, listener: Listener): Promise<void> {
    for await (const conn of socket) {
      const connection = new Connection(engine, listener, conn);
      live.add(connection);
      const running = connection.run().finally(() => {
        live.delete(connection);
        connections.delete(running);
      });
      connections.add(running);
    }
  }

  const sockets = [listen("9p", false), listen("strict", true)];
  return {
    engine,
    address: `unix!${folder}/9p`,
    strictAddress: `unix!${folder}/strict`,
    residue: () => [
      ...live.size > 0 ? [`${live.size} connections`] : [],
      ...engine.locks.size > 0 ? [`${engine.locks.size} locks`] : [],
      ...engine.budget.used > 0 ? [`${engine.budget.used} bytes of the budget`] : [],
      ...balance.lines(),
    ],
    async close() {
      for (const socket of sockets) socket.close();
      for (const connection of live) connection.close();
      await Promise.all(connections);
      await Deno.remove(folder, { recursive: true });
    },
  };
}

function trust(principals: Principals): Listener["identify"] {
  return (uname, nUname): User => {
    const name = nUname === NONUNAME ? uname : principals.user(nUname);
    const standing = name === "root" ? "owner" : "claimed";
    return { name, groups: new Set([name]), standing };
  };
}

/** Counts what was taken from a server and not given back. */
class Balance {
  holds = 0;
  opens = 0;

  lines(): string[] {
    return [
      ...this.holds !== 0 ? [`${this.holds} holds without a drop`] : [],
      ...this.opens !== 0 ? [`${this.opens} opens without a close`] : [],
    ];
  }
}

function counted(server: FileServer<object, unknown>, balance: Balance): FileServer<object, unknown> {
  return {
    ...server,
    hold(node) {
      balance.holds++;
      server.hold?.(node);
    },
    drop(node) {
      balance.holds--;
      server.drop?.(node);
    },
    open(node, flags, call) {
      const opened = () => balance.opens++;
      const later = server.open?.(node, flags, call);
      if (later instanceof Promise) {
        return later.then((handle) => {
          opened();
          return handle;
        });
      }
      opened();
      return later;
    },
    create: server.create && ((...args) => {
      const opened = () => balance.opens++;
      const later = server.create!(...args);
      if (later instanceof Promise) {
        return later.then((created) => {
          opened();
          return created;
        });
      }
      opened();
      return later;
    }),
    close(node, handle, call) {
      balance.opens--;
      return server.close?.(node, handle, call);
    },
  };
}
