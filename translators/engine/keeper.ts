/**
 * The isolate that owns the engines. It checks the library, tests it, makes the engines that all Workers share, and then
 * does nothing but move their epochs on: whatever becomes of the others, guests are interrupted in time.
 */
import { errnoOf, reasonOf } from "../../9p/mod.ts";
import { Clockwork } from "./clockwork.ts";
import { checkLibrary, openLibrary } from "./library.ts";
import type { FromKeeper, KeeperStart } from "./messages.ts";
import { selfTest } from "./self_test.ts";
import { newEngine } from "./settings.ts";

const scope = self as unknown as {
  onmessage: (event: MessageEvent<KeeperStart>) => void;
  postMessage(message: FromKeeper): void;
  close(): void;
};

scope.onmessage = ({ data }) => {
  try {
    checkLibrary(data.library);
    const native = openLibrary(data.library).symbols;
    selfTest(native);
    const engines = [false, true].map((metered) => newEngine(native, { metered }, data.storesMax));
    const [plain, metered] = engines.map((engine) => engine.ptr());
    const address = (pointer: typeof plain) => BigInt(Deno.UnsafePointer.value(pointer));
    scope.postMessage({ engines: [address(plain), address(metered)] });
    new Clockwork(data.clockwork).keep(() => {
      native.wasmtime_engine_increment_epoch(plain);
      native.wasmtime_engine_increment_epoch(metered);
    });
    // The engines are not deleted: a Worker that could not be stopped may still be inside one.
  } catch (thrown) {
    scope.postMessage({ failed: reasonOf(thrown), errno: errnoOf(thrown) });
  }
  scope.close();
};
