import assert from "node:assert/strict";
import { engineTest, theLibrary } from "./_testing.ts";
import { selfTest } from "./native_check.ts";
import type { Native } from "./symbols.ts";

engineTest({
  name: "selfTest passes with the library, also with garbage collected at every pointer read",
  async fn() {
    selfTest(theLibrary().symbols);
    const url = (name: string) => JSON.stringify(new URL(name, import.meta.url).href);
    const program = `
      import { command, CAT, testEngine, theLibrary } from ${url("./_testing.ts")};
      import { selfTest } from ${url("./native_check.ts")};
      selfTest(theLibrary().symbols);
      await using test = testEngine();
      for (let i = 0; i < 3; i++) {
        const bytes = new Uint8Array(200_000).fill(i);
        const { failure, output } = await test.engine.run(test.request(command(CAT), { stdin: { kind: "bytes", bytes } }));
        if (failure) throw failure.error;
        if (output.length !== bytes.length) throw new Error("the output is another one");
      }
      console.log("collected");`;
    const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["eval", "--no-config", "--ext=ts", program],
      env: { LUX9_GC: "1" },
    }).output();
    assert.equal(new TextDecoder().decode(stdout), "collected\n", new TextDecoder().decode(stderr));
  },
});

engineTest({
  name: "selfTest says what a library does wrong",
  fn() {
    const { symbols } = theLibrary();
    const wrong: [Partial<Native>, RegExp][] = [
      [{ wasmtime_memory_data_size: () => 65537 }, /a memory of a page has not 65536 bytes/],
      [{ wasmtime_store_limiter: () => {} }, /the limit of memory is not kept/],
      [{ wasmtime_trap_code: () => false }, /expected "unreachable code reached"/],
      [{ wasmtime_config_cranelift_nan_canonicalization_set: () => {} }, /NaN is not canonical/],
      [{ wasmtime_instance_export_get: () => false }, /add is not found/],
    ];
    for (const [change, reason] of wrong) {
      assert.throws(() => selfTest({ ...symbols, ...change }), (error: Error) => {
        assert.match(error.message, reason);
        assert.match(error.message, /translators are off/);
        return true;
      });
    }
  },
});
