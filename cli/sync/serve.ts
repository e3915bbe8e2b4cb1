import { order } from "../control.ts";
import { takeHome } from "../node/running.ts";
import { reach } from "../reach.ts";
import { volumesOf } from "../volume_status.ts";

/** Has the node of a home serve a volume that is new in it: where it shows it. Nowhere while no node runs. */
export async function serveOnNode(home: string, volume: string): Promise<readonly string[]> {
  const taken = await takeHome(home);
  if (taken.by === "nobody") taken.lock.release();
  if (taken.by !== "node") return [];
  await using tree = await reach({ home });
  await order(tree, ["volume", "serve", volume], "/ctl");
  return (await volumesOf(tree)).find(({ name }) => name === volume)?.at ?? [];
}
