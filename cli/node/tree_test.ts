import assert from "node:assert/strict";
import type { Call } from "../../9p/mod.ts";
import { VolumeStore } from "../../state/volume/mod.ts";
import { parseConfig } from "./config.ts";
import { buildTree } from "./tree.ts";
import { loadUsers } from "./users.ts";

Deno.test("a volume that does not open is told of, and all else is served", async () => {
  const home = await Deno.makeTempDir({ prefix: "lux9-tree-" });
  try {
    for (const name of ["bad", "good", "listed"]) {
      Deno.mkdirSync(`${home}/volumes/${name}`, { recursive: true });
      await (await VolumeStore.open(`${home}/volumes/${name}`)).close();
      if (name !== "good") Deno.writeTextFileSync(`${home}/volumes/${name}/index.sqlite`, "x".repeat(5000));
    }
    const users = loadUsers({ users: {}, groups: {} });
    const config = parseConfig("mounts:\n  - { at: /listed, volume: listed }\n");
    const tree = await buildTree({ home, config, users, status: () => ({}) });
    try {
      const call: Call = { user: users.owner, signal: new AbortController().signal };
      const { server } = tree;
      const root = await server.attach("", call);
      const walk = async (...path: string[]) => {
        let at = root;
        for (const name of path) at = await server.walk(at, name, call);
        return at;
      };
      await walk("vol", "good");
      await assert.rejects(walk("vol", "bad"));
      const errors = await walk("log", "errors");
      const into = new Uint8Array(8192);
      const handle = await server.open!(errors, 0, call);
      const count = await server.read!(errors, handle, 0, into, call);
      const text = new TextDecoder().decode(into.subarray(0, Number(count)));
      assert.match(text, /volume bad.*It is not served: index.sqlite is damaged/);
      assert.match(text, /volume listed.*It is not served/);
    } finally {
      await tree.close();
    }
  } finally {
    await Deno.remove(home, { recursive: true });
  }
});
