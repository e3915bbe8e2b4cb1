/**
 * A guest that passes anything to everything: from a printed seed, thousands of calls of each function with extreme
 * pointers, lengths, counts and flags. Whatever it is, the answer is an errno or the end of the run, no byte outside the
 * guest's memory is touched, and the host holds no more than its bounds.
 */
import { mem } from "../../servers/mem/mod.ts";
import { Random } from "../../tests/fuzz/random.ts";
import assert from "node:assert/strict";
import { DESCRIPTORS_MAX } from "./descriptors.ts";
import { Errno } from "./errno.ts";
import { Guest, preopen, surroundings } from "./fixture.ts";
import { WASI_FUNCTIONS } from "./functions.ts";
import type { GuestMemory } from "./memory.ts";
import { WasiProcess } from "./process.ts";
import { WasiStop } from "./stop.ts";

const CALLS_A_FUNCTION = 2000;
const CALLS_A_PROCESS = 100;
const MEMORY_BYTES = 128 * 1024;
const GUARD_BYTES = 64 * 1024;
const GUARD = 0xa5;
/** What the host's heap and buffers may grow by meanwhile. */
const GROWTH_BYTES_MAX = 256 * 1024 * 1024;
const FILES_BYTES_MAX = 32 * 1024 * 1024;

const KNOWN: ReadonlySet<number> = new Set(Object.values(Errno));

const I32 = [0, 1, 2, 3, 4, 5, 7, 8, 16, 24, 31, 64, 255, 1023, 1024, 1025, 4096, 65_536];
const EDGES = [0x7fffffff, 0x80000000, 0xfffffff8, 0xffffffff];
const I64 = [0n, 1n, -1n, 2n, 100n, 4096n, 2n ** 31n, 2n ** 32n - 1n, 2n ** 53n - 1n, 2n ** 53n, 2n ** 62n];
const I64_EDGES = [2n ** 63n - 1n, -(2n ** 63n), 2n ** 64n - 1n, 2n ** 30n - 1n];

function number(random: Random): number {
  switch (random.below(8)) {
    case 0:
      return random.pick(EDGES);
    case 1:
      return MEMORY_BYTES - random.below(70);
    case 2:
      return MEMORY_BYTES + random.below(70);
    case 3:
      return random.below(2 ** 32);
    case 4:
      return random.below(MEMORY_BYTES);
    default:
      return random.pick(I32);
  }
}

function long(random: Random): bigint {
  return random.once(4) ? random.pick(I64_EDGES) : random.pick(I64);
}

/** Paths in the memory, each at its own address. */
const PATHS = [
  "file",
  "folder/../file",
  ".",
  "..",
  "link",
  "folder",
  "new",
  "/",
  "loop",
  "a/../../x",
  "folder/new",
];
const PATH_BYTES = 64;
/** Lists of good buffers, and of anything; scratch for what calls write. */
const GOOD_LIST = 4096;
const ANY_LIST = 8192;
const SCRATCH = 65_536;

const path = (random: Random): [number, number] => {
  const i = random.below(PATHS.length);
  return [i * PATH_BYTES, PATHS[i].length];
};
const fd = (random: Random) => random.below(9);
/** Mostly one of the directories: two that were there from the start, and one opened. */
const directory = (random: Random) => random.pick([3, 3, 3, 4, 6, fd(random)]);
const scratch = (random: Random) => SCRATCH + 8 * random.below(64);
const list = (random: Random): [number, number] => [random.pick([GOOD_LIST, ANY_LIST]), random.below(5)];
const flags = (random: Random) => random.pick([0, 0, 1]);

/** Arguments that a call might succeed with: what is not given here has descriptors, scratch and small numbers. */
const PLAUSIBLE: Readonly<Record<string, (random: Random) => (number | bigint)[]>> = {
  fd_read: (r) => [fd(r), ...list(r), scratch(r)],
  fd_write: (r) => [fd(r), ...list(r), scratch(r)],
  fd_pread: (r) => [fd(r), ...list(r), long(r), scratch(r)],
  fd_pwrite: (r) => [fd(r), ...list(r), long(r), scratch(r)],
  fd_readdir: (r) => [fd(r), scratch(r), random4096(r), long(r), SCRATCH],
  path_create_directory: (r) => [directory(r), ...path(r)],
  path_filestat_get: (r) => [directory(r), flags(r), ...path(r), scratch(r)],
  path_filestat_set_times: (r) => [directory(r), flags(r), ...path(r), long(r), long(r), r.below(16)],
  path_link: (r) => [directory(r), flags(r), ...path(r), directory(r), ...path(r)],
  path_open: (
    r,
  ) => [directory(r), flags(r), ...path(r), r.below(16), long(r), long(r), r.below(32), scratch(r)],
  path_readlink: (r) => [directory(r), ...path(r), scratch(r), random4096(r), SCRATCH],
  path_remove_directory: (r) => [directory(r), ...path(r)],
  path_rename: (r) => [directory(r), ...path(r), directory(r), ...path(r)],
  path_symlink: (r) => [...path(r), directory(r), ...path(r)],
  path_unlink_file: (r) => [directory(r), ...path(r)],
  poll_oneoff: (r) => [ANY_LIST, scratch(r), r.below(20), SCRATCH],
  random_get: (r) => [scratch(r), random4096(r)],
};
const random4096 = (random: Random) => random.below(4096);

function argumentsOf(random: Random, name: string, params: readonly string[]): (number | bigint)[] {
  const plausible = PLAUSIBLE[name]?.(random) ??
    params.map((type, i) => type === "i64" ? long(random) : i === 0 ? fd(random) : scratchOrFlag(random));
  // Each argument is every now and then anything, in one call out of four all of them.
  const often = random.once(4) ? 1 : 8;
  return plausible.map((value, i) =>
    random.once(often) ? (params[i] === "i64" ? long(random) : number(random)) : value
  );
}

const scratchOrFlag = (random: Random) => random.once(2) ? scratch(random) : random.below(32);

/** Memory between guards, with what calls read as paths, lists of buffers and subscriptions. */
class Arena {
  readonly #all = new Uint8Array(GUARD_BYTES + MEMORY_BYTES + GUARD_BYTES);
  readonly memory: GuestMemory;

  constructor() {
    this.#all.fill(GUARD);
    const bytes = this.#all.subarray(GUARD_BYTES, GUARD_BYTES + MEMORY_BYTES);
    this.memory = { bytes, view: new DataView(this.#all.buffer, GUARD_BYTES, MEMORY_BYTES) };
  }

  fill(random: Random): void {
    const { bytes, view } = this.memory;
    bytes.fill(0);
    for (let at = ANY_LIST; at < SCRATCH; at += 4) view.setUint32(at, number(random), true);
    for (let i = 0; i < 8; i++) {
      view.setUint32(GOOD_LIST + 8 * i, SCRATCH + random.below(4096), true);
      view.setUint32(GOOD_LIST + 8 * i + 4, random.below(4096), true);
    }
    PATHS.forEach((path, i) => bytes.set(new TextEncoder().encode(path), i * PATH_BYTES));
  }

  get guardsHold(): boolean {
    const holds = (byte: number) => byte === GUARD;
    return this.#all.subarray(0, GUARD_BYTES).every(holds) &&
      this.#all.subarray(GUARD_BYTES + MEMORY_BYTES).every(holds);
  }
}

function processOf(random: Random): WasiProcess {
  const server = mem({ bytesMax: FILES_BYTES_MAX });
  const roots = [preopen(server), preopen(server, { writable: false })];
  using maker = new Guest({ preopens: roots }, 4096);
  maker.file("file", "content");
  maker.mkdir("folder");
  maker.symlink("file", "link");
  maker.symlink("loop", "loop");
  const { options } = surroundings({
    preopens: roots,
    stdin: { read: (into) => random.below(into.length + 1) },
    stdout: { write: (part) => part.length },
    stderr: { write: (part) => random.below(part.length + 1) },
  });
  return new WasiProcess(options);
}

/** Files and directories under the numbers that the calls will name. */
function openSome(process: WasiProcess, arena: Arena): void {
  const open = WASI_FUNCTIONS.find(({ name }) => name === "path_open")!;
  const rights = 2n ** 30n - 1n;
  for (const name of ["file", "folder", "file"]) {
    const path = PATHS.indexOf(name) * PATH_BYTES;
    const wanted = name === "folder" ? rights & ~64n : rights;
    const args = [3, 1, path, name.length, 0, wanted, rights, 0, SCRATCH];
    assert.equal(open.call(process, arena.memory, ...args), 0);
  }
}

Deno.test("whatever a guest passes to any function is an errno or its end, and touches nothing outside", () => {
  const seed = Number(Deno.env.get("LUX9_SEED") ?? 1);
  const random = new Random(seed);
  const arena = new Arena();
  const held = () => {
    const { heapUsed, external } = Deno.memoryUsage();
    return heapUsed + external;
  };
  const before = held();
  const answers = new Map<string, Set<number>>();
  let process = processOf(random);
  let calls = 0;
  for (let round = 0; round < CALLS_A_FUNCTION; round++) {
    for (const { name, params, call } of WASI_FUNCTIONS) {
      if (calls++ % CALLS_A_PROCESS === 0) {
        process.close();
        process = processOf(random);
        arena.fill(random);
        openSome(process, arena);
      }
      const args = argumentsOf(random, name, params);
      const place = `${name}(${args.join(", ")}) of seed ${seed}`;
      try {
        const errno = call(process, arena.memory, ...args);
        assert.ok(KNOWN.has(errno), `${place} answered ${errno}`);
        if (!answers.has(name)) answers.set(name, new Set());
        answers.get(name)!.add(errno);
      } catch (thrown) {
        assert.ok(thrown instanceof WasiStop, `${place} threw ${thrown}`);
        assert.ok(name === "proc_exit" || name === "proc_raise", place);
      }
      assert.ok(process.descriptors.size <= DESCRIPTORS_MAX, place);
    }
    if (round % 200 === 0) {
      assert.ok(arena.guardsHold, `seed ${seed}: a byte outside was written before round ${round}`);
      assert.ok(
        held() - before < GROWTH_BYTES_MAX,
        `seed ${seed}: ${held() - before} bytes more in round ${round}`,
      );
    }
  }
  process.close();
  assert.ok(arena.guardsHold, `seed ${seed}: a byte outside was written`);
  // The calls got far enough to succeed and to fail, or nothing was tried.
  for (const { name } of WASI_FUNCTIONS) {
    if (name === "proc_exit" || name === "sched_yield" || name.startsWith("sock_")) continue;
    const seen = answers.get(name)!;
    assert.ok(seen.has(0) && seen.size > 1, `seed ${seed}: ${name} only ever answered ${[...seen]}`);
    assert.ok(!seen.has(Errno.IO), `seed ${seed}: ${name} answered IO, which stands for what nobody foresaw`);
  }
});
