/**
 * The engine with one file server and nothing else: `deno run -A bench/engine.ts PORT host|mem FOLDER`. Compared with
 * the whole node, it says what namespace, guard and logs cost.
 */
import { Connection, Engine, type FileServer, type Listener, Principals, type User } from "../9p/mod.ts";
import { host } from "../servers/host/mod.ts";
import { mem } from "../servers/mem/mod.ts";

const [port, tree, folder] = Deno.args;
const principals = new Principals();
const server = tree === "host" ? host(folder, { principals }) : mem();
const engine = new Engine(server as FileServer, { principals });
const owner: User = { name: "root", groups: new Set(["root"]), standing: "owner" };
const who: Listener = { address: `tcp!127.0.0.1!${port}`, strict: false, identify: () => owner };

for await (const connection of Deno.listen({ hostname: "127.0.0.1", port: Number(port) })) {
  connection.setNoDelay(true);
  new Connection(engine, who, connection).run();
}
