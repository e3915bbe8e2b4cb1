import { Engine, type EngineOptions, type FileServer, Service } from "../../9p/mod.ts";
import { parseConfig } from "../../cli/node/config.ts";
import { buildTree } from "../../cli/node/tree.ts";
import { type Believes, loadUsers } from "../../cli/node/users.ts";
import { freePort, makeDataFolder, makeHome } from "./node.ts";

/** The tree of a node in this process, for what only the engine's own options make testable. */
export interface Served extends AsyncDisposable {
  readonly engine: Engine;
  readonly service: Service;
  readonly socket: string;
  readonly tcp: string;
  /** The node's folder; its /data is the folder `data` in it. */
  readonly home: string;
}

export interface ServedOptions extends Omit<EngineOptions, "principals" | "onError"> {
  /** Put around the tree, as to delay it. */
  wrap?(tree: FileServer): FileServer;
  /** What lux9.yaml says. */
  readonly config?: string;
  /** As of a listener; by default all are the owner. */
  readonly users?: Believes;
}

export async function serveHere(
  { wrap = (tree) => tree, users: believes = "owner", config = "", ...options }: ServedOptions = {},
): Promise<Served> {
  const home = await makeHome();
  await makeDataFolder(home);
  const users = loadUsers({ users: {}, groups: {} });
  const tree = await buildTree({ home, config: parseConfig(config), users, status: () => ({}) });
  const engine = new Engine(wrap(tree.server as FileServer), {
    ...options,
    principals: users.principals,
    onError: (report) => tree.onError(report),
  });
  const service = new Service(engine);
  const who = {
    strict: false,
    identify: (uname: string, nUname: number) => users.identify(believes, uname, nUname),
  };
  const path = `${home}/9p`;
  const port = freePort();
  service.listen({ net: "unix", path }, who);
  service.listen({ net: "tcp", host: "127.0.0.1", port }, who);
  return {
    engine,
    service,
    socket: `unix!${path}`,
    tcp: `tcp!127.0.0.1!${port}`,
    home,
    async [Symbol.asyncDispose]() {
      await service.stop();
      await tree.close();
      await Deno.remove(home, { recursive: true });
    },
  };
}
