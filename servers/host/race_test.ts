import assert from "node:assert/strict";
import { fails, Fixture, owner, sleep } from "./fixture.ts";

Deno.test("a file that another program replaced is ESTALE, never the other file", () => {
  using f = new Fixture();
  const place = f.create(f.root, "file", "first");
  const handle = f.open(place, 2);
  Deno.writeTextFileSync(f.at("new"), "second");
  Deno.renameSync(f.at("new"), f.at("file"));
  fails("ESTALE", () => f.open(place, 0));
  fails("ESTALE", () => f.open(place, 0o1001));
  fails("ESTALE", () => f.server.getattr(place, undefined, owner));
  fails("ESTALE", () => f.server.remove(place, owner));
  fails("ESTALE", () => f.server.rename(place, f.root, "x", false, owner));
  fails("ESTALE", () => f.server.setattr(place, { mode: 0o777 }, undefined, owner));
  assert.equal(Deno.readTextFileSync(f.at("file")), "second");
  // What is open stays what it is.
  assert.equal((f.server.getattr(place, handle, owner) as { size: number }).size, 5);
  const into = new Uint8Array(10);
  assert.equal(f.server.read(place, handle, 0, into, owner), 5);
  f.close(place, handle);
  const next = f.walk("file");
  assert.notEqual(next, place);
  assert.equal(f.read(next), "second");
  fails("ESTALE", () => f.open(place, 0));
  f.drop(place);
  Deno.removeSync(f.at("file"));
  fails("ESTALE", () => f.server.getattr(next, undefined, owner));
  fails("ENOENT", () => f.server.walk(f.root, "file", owner));
});

Deno.test("a symlink or fifo that takes a name is neither followed nor waited for", () => {
  using f = new Fixture();
  Deno.mkdirSync(`${f.folder}/outside`);
  Deno.writeTextFileSync(`${f.folder}/outside/file`, "secret");
  const dir = f.mkdir(f.root, "dir");
  const file = f.create(dir, "file", "inside");
  Deno.removeSync(f.at("dir/file"));
  Deno.symlinkSync("../../outside/file", f.at("dir/file"));
  fails("ESTALE", () => f.open(file, 0));
  fails("ESTALE", () => f.open(file, 0o1001));
  Deno.removeSync(f.at("dir/file"));
  assert.ok(new Deno.Command("mkfifo", { args: [f.at("dir/file")] }).outputSync().success);
  fails("ESTALE", () => f.open(file, 0));
  Deno.removeSync(f.at("dir"), { recursive: true });
  Deno.symlinkSync("../outside", f.at("dir"));
  fails("ENOTDIR", () => f.server.walk(f.walk("dir"), "file", owner));
  assert.equal(Deno.readTextFileSync(`${f.folder}/outside/file`), "secret");
});

Deno.test("a directory that was moved out of the folder is served no longer", async () => {
  using f = new Fixture();
  const dir = f.mkdir(f.root, "dir");
  const sub = f.mkdir(dir, "sub");
  const file = f.create(sub, "file", "content");
  const listing = f.open(sub, 0);
  Deno.renameSync(f.at("dir"), `${f.folder}/outside`);
  await sleep(1100);
  fails("ESTALE", () => f.server.walk(sub, "file", owner));
  fails("ESTALE", () => f.server.getattr(file, undefined, owner));
  fails("ESTALE", () => f.open(file, 0));
  fails("ESTALE", () => f.server.list(sub, listing, 0, 10, false, owner));
  fails("ESTALE", () => f.create(sub, "new"));
  assert.deepEqual([...Deno.readDirSync(`${f.folder}/outside/sub`)].map((e) => e.name), ["file"]);
  // Back at its place, it is what it was.
  Deno.renameSync(`${f.folder}/outside`, f.at("dir"));
  assert.equal(f.read(file), "content");
  assert.equal(f.walk("dir/sub/file"), file);
  f.close(sub, listing);
});

Deno.test("no bytes from outside are served while another program swaps a directory for a symlink", async () => {
  using f = new Fixture();
  for (const dir of [f.at("dir"), `${f.folder}/outside`]) {
    Deno.mkdirSync(dir);
    Deno.writeTextFileSync(`${dir}/file`, dir.endsWith("outside") ? "secret" : "inside");
  }
  Deno.symlinkSync("../outside", `${f.folder}/link`);
  const swap = `
    const [a, b, c] = [${JSON.stringify(f.at("dir"))}, ${JSON.stringify(f.at("kept"))}, ${
    JSON.stringify(`${f.folder}/link`)
  }];
    const end = Date.now() + 1500;
    while (Date.now() < end) { Deno.renameSync(a, b); Deno.renameSync(c, a); Deno.renameSync(a, c); Deno.renameSync(b, a); }`;
  const swapper = new Deno.Command(Deno.execPath(), { args: ["eval", swap], stderr: "inherit" }).spawn();
  let finished = false;
  const done = swapper.status.then((status) => (finished = true, status));
  let good = 0;
  let bad = 0;
  const held = f.walk("dir");
  while (!finished) {
    for (let i = 0; i < 200; i++) {
      for (const from of ["fresh", "held"]) {
        try {
          const dir = from === "held" ? held : f.server.walk(f.root, "dir", owner) as typeof held;
          const content = f.read(f.server.walk(dir, "file", owner) as typeof held);
          assert.equal(content, "inside");
          good++;
        } catch (error) {
          if ((error as Error).name === "AssertionError") throw error;
          bad++;
        }
      }
    }
    await sleep(0);
  }
  assert.ok((await done).success);
  assert.ok(good > 0, `${good} reads, ${bad} errors`);
  assert.equal(f.read(f.walk("dir/file")), "inside");
});
