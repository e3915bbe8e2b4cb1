/** What preview 1 costs without an engine: `deno bench translators/wasi/wasi_bench.ts`. */
import { Guest, surroundings } from "./fixture.ts";
import { WASI_FUNCTIONS } from "./functions.ts";
import { WasiProcess } from "./process.ts";
import { ChaCha20, SEED_BYTES } from "./random.ts";
import { WasiExit } from "./stop.ts";

const BYTES = 64 * 1024;
const source = new Uint8Array(BYTES);
const { options } = surroundings({
  stdin: {
    read(into) {
      into.set(source);
      return BYTES;
    },
  },
  stdout: { write: (bytes) => bytes.length },
});
const guest = new Guest(options);
const buffer = guest.room(BYTES);
const [list, count] = guest.iovecs([buffer, BYTES]);
const result = guest.room(8);
const { memory } = guest;
const [read, write, prestat, exit] = ["fd_read", "fd_write", "fd_prestat_get", "proc_exit"].map((name) =>
  WASI_FUNCTIONS.find((row) => row.name === name)!.call
);

Deno.bench("fd_write of 64 KiB, without the host's copy", () => {
  write(guest.process, memory, 1, list, count, result);
});

Deno.bench("fd_read of 64 KiB, with the host's copy", () => {
  read(guest.process, memory, 0, list, count, result);
});

Deno.bench("that copy alone", () => {
  memory.bytes.set(source, buffer);
});

Deno.bench("a whole command: fd_prestat_get, fd_write, proc_exit", () => {
  const process = new WasiProcess(options);
  prestat(process, memory, 3, result);
  write(process, memory, 1, list, count, result);
  try {
    exit(process, memory, 0);
  } catch (thrown) {
    if (!(thrown instanceof WasiExit)) throw thrown;
  }
  process.close();
});

const random = new ChaCha20(new Uint8Array(SEED_BYTES));
Deno.bench("64 KiB of randomness", () => {
  random.fill(source);
});
