import { join } from "node:path";
import { WASMTIME } from "../scenarios/skip.ts";
import { checkPage, type Need, ROOT } from "./page.ts";

const NEEDS: readonly Need[] = [
  {
    pattern: /lux9 mount/,
    missing: () => has9pfuse() ? undefined : "no 9pfuse on PATH, or no use of /dev/fuse",
  },
  { pattern: /\/x\//, missing: () => WASMTIME.isThere() ? undefined : WASMTIME.reason },
];

Deno.test("README: every command of its sessions prints what it shows", async (t) => {
  const home = await Deno.makeTempDir({ prefix: "lux9-readme-" });
  try {
    await checkPage(t, {
      page: "README.md",
      cwd: ROOT,
      env: { HOME: home, XDG_DATA_HOME: "" },
      needs: NEEDS,
    });
  } finally {
    await new Deno.Command("umount", { args: [join(home, "tree")], stderr: "null" }).output();
    await Deno.remove(home, { recursive: true });
  }
});

function has9pfuse(): boolean {
  try {
    Deno.openSync("/dev/fuse", { read: true, write: true }).close();
  } catch {
    return false;
  }
  return (Deno.env.get("PATH") ?? "").split(":").some((folder) => {
    try {
      return Deno.statSync(join(folder, "9pfuse")).isFile;
    } catch {
      return false;
    }
  });
}
