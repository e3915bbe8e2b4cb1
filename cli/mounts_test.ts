import assert from "node:assert/strict";
import { mountedAt, parseMountinfo, realFolder } from "./mounts.ts";

Deno.test("parseMountinfo: paths with blanks and backslashes, and what is no line of it", () => {
  const text = [
    "22 27 0:20 / /proc rw,nosuid shared:12 - proc proc rw",
    "40 27 0:35 / /mnt/two\\040words\\134\\011a rw - fuse /dev/fuse rw,user_id=0",
    "41 27 0:36 / /mnt/nine rw master:1 - 9p /run/a\\040b/9p rw,trans=unix",
    "",
    "no line",
  ].join("\n");
  assert.deepEqual(parseMountinfo(text), [
    { path: "/proc", type: "proc", source: "proc" },
    { path: "/mnt/two words\\\ta", type: "fuse", source: "/dev/fuse" },
    { path: "/mnt/nine", type: "9p", source: "/run/a b/9p" },
  ]);
});

Deno.test("realFolder: symlinks in the path and at its end, and paths that lead nowhere", async () => {
  const folder = await Deno.realPath(await Deno.makeTempDir());
  try {
    await Deno.mkdir(`${folder}/real/inner`, { recursive: true });
    await Deno.symlink("real", `${folder}/above`);
    await Deno.symlink("real/inner", `${folder}/link`);
    assert.equal(realFolder(`${folder}/above/inner/`), `${folder}/real/inner`);
    assert.equal(realFolder(`${folder}/link`), `${folder}/real/inner`);
    assert.equal(realFolder(`${folder}/none`), `${folder}/none`);
    assert.equal(realFolder(`${folder}/none/below`), `${folder}/none/below`);
    await Deno.symlink("/proc", `${folder}/proc`);
    assert.equal(realFolder(`${folder}/proc`), "/proc");
    assert.equal(mountedAt(realFolder(`${folder}/proc`))?.type, "proc");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
