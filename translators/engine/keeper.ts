/**
 * The isolate that owns the engines. It checks the library, tests it, makes the engines that all Workers share, and then
 * does nothing but move their epochs on: whatever becomes of the others, guests are interrupted in time.
 */
import { errnoOf, reasonOf } from "../../9p/mod.ts";
import { Clockwork } from "./clockwork.ts";
import { checkLibrary, openLibrary } from "./library.ts";
import type { Engines, FromKeeper, KeeperStart } from "./messages.ts";
import { selfTest } from "./native_check.ts";
import { newEngine } from "./settings.ts";
import type { Native } from "./symbols.ts";

const scope = self as unknown as {
  onmessage: (event: MessageEvent<KeeperStart>) => void;
  postMessage(message: FromKeeper): void;
  close(): void;
};

scope.onmessage = ({ data }) => {
  try {
    if (data.engines === undefined) checkLibrary(data.library);
    const native = openLibrary(data.library).symbols;
    const engines = data.engines ?? makeEngines(native, data.storesMax);
    const [plain, metered] = engines.map((address) => Deno.UnsafePointer.create(address));
    scope.postMessage({ engines });
    new Clockwork(data.clockwork).keep(() => {
      native.wasmtime_engine_increment_epoch(plain);
      native.wasmtime_engine_increment_epoch(metered);
    });
  } catch (thrown) {
    scope.postMessage({ failed: reasonOf(thrown), errno: errnoOf(thrown) });
  }
  scope.close();
};

/** For the rest of the process: a Worker that could not be stopped may be inside one until then. */
function makeEngines(native: Native, storesMax: number): Engines {
  selfTest(native);
  const [plain, metered] = [false, true].map((metered) =>
    newEngine(native, { metered }, storesMax).consume()
  );
  return [BigInt(Deno.UnsafePointer.value(plain)), BigInt(Deno.UnsafePointer.value(metered))];
}
