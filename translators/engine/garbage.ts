import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/**
 * With `LUX9_GC=1` in the environment: collects all garbage, so that what native code still needs and JavaScript has let
 * go of fails at once and every time. Tests run so; it is far too slow for anything else.
 */
export const collectGarbage: (() => void) | undefined = Deno.env.get("LUX9_GC") === "1"
  ? collector()
  : undefined;

function collector(): () => void {
  setFlagsFromString("--expose-gc");
  return runInNewContext("gc");
}
