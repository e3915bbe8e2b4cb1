/** 9pfuse as a client, over TCP and over a node's unix socket: the flows, as far as 9pfuse can express them. */
import { flowsHere, SHORT } from "./flows/flows.ts";
import { interopTest } from "./interop_test_case.ts";
import { mountFuse, ninepfuseMissing } from "./ninepfuse.ts";
import { serverMissing, startNode, testServer } from "./server.ts";

const FLOWS_MS_MAX = 300_000;

const missing = ninepfuseMissing() ?? serverMissing("9p2000");

interopTest("9pfuse mounts a TCP address: flows of real programs", missing, async () => {
  await using server = await testServer();
  await using mount = await mountFuse(server.address, server.aname);
  const result = await flowsHere({
    way: "9pfuse",
    size: SHORT,
    folder: `${mount.directory}${server.folder}`,
    only: Deno.env.get("LUX9_TEST_FLOW"),
    timeoutMs: FLOWS_MS_MAX,
  });
  if (result.failed > 0) throw new Error(`${result.failed} flows failed\n${result.failures}`);
});

const external = Deno.env.get("LUX9_TEST_ADDR") === undefined ? undefined : "only a node has a unix socket";

interopTest(
  "9pfuse mounts a unix socket: what one client wrote is on disk",
  missing ?? external,
  async () => {
    await using server = await startNode();
    await using mount = await mountFuse(`unix!${server.socket}`);
    await Deno.writeTextFile(`${mount.directory}/data/file`, "through 9pfuse\n");
    const onDisk = await Deno.readTextFile(`${server.hostFolder}/file`);
    if (onDisk !== "through 9pfuse\n") throw new Error(`on disk there is ${JSON.stringify(onDisk)}`);
  },
);
