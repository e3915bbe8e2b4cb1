/**
 * What one operation costs without the protocol: `deno bench -A servers/host/host_bench.ts`. The folder is below
 * TMPDIR.
 */
import { Fixture, owner, sleep } from "./fixture.ts";
import type { Entry, U64 } from "../../9p/mod.ts";
import type { Place } from "./place.ts";

const f = new Fixture();
globalThis.addEventListener("unload", () => f[Symbol.dispose]());
const { server, root } = f;
const file = f.create(root, "file", "x".repeat(65536));
const handle = f.open(file, 2);
const page = new Uint8Array(8192).subarray(11, 4107);
const block = new Uint8Array(65536 + 11).subarray(11);
const dir = f.mkdir(root, "dir");
for (let i = 0; i < 10_000; i++) Deno.writeTextFileSync(f.at(`dir/file-${i}`), "");
await sleep(30);

Deno.bench("walk to a known name", () => void server.walk(root, "file", owner));
Deno.bench("getattr", () => void server.getattr(file, undefined, owner));
Deno.bench("getattr of an open file", () => void server.getattr(file, handle, owner));
Deno.bench("walk, open, read 4 KiB, close", () => {
  const place = server.walk(root, "file", owner) as Place;
  server.hold(place);
  const opened = f.open(place, 0);
  server.read(place, opened, 0, page, owner);
  f.close(place, opened);
  server.drop(place);
});
Deno.bench("read 4 KiB", () => void server.read(file, handle, 0, page, owner));
Deno.bench("read 64 KiB", () => void server.read(file, handle, 0, block, owner));
Deno.bench("write 4 KiB", () => void server.write(file, handle, 0, page, owner));
Deno.bench("create, close, remove", () => {
  const place = f.create(root, "new");
  server.remove(place, owner);
  server.drop(place);
});
Deno.bench("list 10,000 names again", () => listAll(false));
Deno.bench("list 10,000 names, changed since", () => {
  server.setattr(dir, { mode: 0o755 }, undefined, owner);
  listAll(false);
});
Deno.bench("list 10,000 names with attributes", () => listAll(true));

function listAll(withAttr: boolean): void {
  const opened = f.open(dir, 0);
  for (let cookie: U64 = 0;;) {
    const entries = server.list(dir, opened, cookie, 500, withAttr, owner) as Entry[];
    if (entries.length === 0) break;
    cookie = entries.at(-1)!.cookie;
  }
  f.close(dir, opened);
}
