/** What a record costs: `deno bench -A state/log/log_bench.ts`. The log is below TMPDIR. */
import { crc32 } from "node:zlib";
import { realDisk } from "../disk/mod.ts";
import { Log } from "./mod.ts";

const root = Deno.makeTempDirSync();
const log = new Log(realDisk(root), "log");
globalThis.addEventListener("unload", () => Deno.removeSync(root, { recursive: true }));
const head = new Uint8Array(60).fill(3);

for (const size of [0, 200, 4096, 65536]) {
  const body = new Uint8Array(size).fill(5);
  Deno.bench(`append 60 + ${size} bytes`, () => {
    log.append(1, head, body);
    log.drop(log.last);
  });
}
Deno.bench("append 60 bytes and sync", async () => {
  log.append(1, head);
  await log.sync();
});
Deno.bench("append 60 bytes and sync, 16 at once", async () => {
  await Promise.all(Array.from({ length: 16 }, () => {
    log.append(1, head);
    return log.sync();
  }));
});
for (const size of [64, 65536]) {
  const bytes = new Uint8Array(size).fill(7);
  Deno.bench(`crc32 of ${size} bytes`, () => void crc32(bytes, 9));
}
