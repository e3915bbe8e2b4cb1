import { WASMTIME } from "../scenarios/skip.ts";
import { missingTool } from "../../translators/sdk/mod.ts";
import { checkPage, type Need, ROOT } from "./page.ts";

/** Each language has translators of its own on the page. */
const NEEDS: readonly Need[] = [
  { pattern: /./, missing: () => WASMTIME.isThere() ? undefined : WASMTIME.reason },
  { pattern: /shout/, missing: () => missingTool("rust") },
  { pattern: /redact/, missing: () => missingTool("go") },
  { pattern: /numbered/, missing: () => missingTool("c") },
];

Deno.test("docs/translators.md: every command of its sessions prints what it shows", async (t) => {
  const folder = await Deno.makeTempDir({ prefix: "lux9-docs-" });
  try {
    // Compilers keep what they have in HOME.
    const env = { XDG_DATA_HOME: `${folder}/home`, PATH: `${ROOT}:${Deno.env.get("PATH")}` };
    await Deno.mkdir(`${folder}/work`);
    await checkPage(t, { page: "docs/translators.md", cwd: `${folder}/work`, env, needs: NEEDS });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
