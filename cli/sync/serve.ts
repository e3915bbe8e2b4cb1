import { control } from "../control.ts";
import { type HomeLock, lockHome } from "../node/lock.ts";

/** Has the node of a home serve a volume that is new in it; whether there is a node. */
export async function serveOnNode(home: string, volume: string): Promise<boolean> {
  let lock: HomeLock;
  try {
    lock = lockHome(home);
  } catch {
    await control(["volume", "serve", volume], { home });
    return true;
  }
  lock.release();
  return false;
}
