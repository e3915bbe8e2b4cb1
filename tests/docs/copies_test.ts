import { checkPage, ROOT } from "./page.ts";

Deno.test("docs/copies.md: every command of its sessions prints what it shows", async (t) => {
  const folder = await Deno.makeTempDir({ prefix: "lux9-docs-" });
  try {
    const env = {
      HOME: folder,
      XDG_DATA_HOME: `${folder}/.local/share`,
      PATH: `${ROOT}:${Deno.env.get("PATH")}`,
    };
    await Deno.mkdir(`${folder}/work`);
    await checkPage(t, { page: "docs/copies.md", cwd: `${folder}/work`, env, needs: [] });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
