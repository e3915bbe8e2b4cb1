import { NineError } from "../../9p/mod.ts";
import { socketOf } from "../home.ts";
import { holderText, type HomeLock, lockHome } from "./lock.ts";

/** Who has a home: nobody, and now it is held for whoever asked; a node; or another command, as a sync without a node. */
export type Taken =
  | { readonly by: "nobody"; readonly lock: HomeLock }
  | { readonly by: "node"; readonly busy: NineError }
  | { readonly by: "command"; readonly busy: NineError };

/** Holds a home unless somebody else does. `busy` says who that is, to throw. */
export async function takeHome(home: string, advice = "choose another by --home DIR"): Promise<Taken> {
  const lock = lockHome(home, advice);
  if (lock !== undefined) return { by: "nobody", lock };
  const holder = holderText(home);
  if (await answers(home)) {
    const text =
      `Another node${holder} has the home ${home}: stop it, or give this one a home of its own by --home DIR`;
    return { by: "node", busy: new NineError("EBUSY", text) };
  }
  const text = `Another lux9${holder} has ${home}, which is no node: try again when it has ended`;
  return { by: "command", busy: new NineError("EBUSY", text) };
}

/** Whether a node takes connections there. */
async function answers(home: string): Promise<boolean> {
  try {
    (await Deno.connect({ transport: "unix", path: socketOf(home) })).close();
    return true;
  } catch {
    return false;
  }
}
