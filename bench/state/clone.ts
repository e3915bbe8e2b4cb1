/**
 * What the first copy of a volume takes, next to `rsync -a` of a folder with the same files: `deno run -A bench/state/clone.ts [FILES] [BYTES]`, by default 100,000 files of
 * 1 KiB, and one of 1 GiB. The folders are below TMPDIR.
 */
import { S } from "../../9p/mod.ts";
import { VolumeStore } from "../../state/volume/mod.ts";
import { receiveClone } from "../../state/worker/mod.ts";
import { storeEnd } from "../../cli/sync/end.ts";

const ROUNDS = 3;
const MIB = 1 << 20;
const [files = 100_000, bytes = 1024 * MIB] = Deno.args.map(Number);
const root = await Deno.makeTempDir({ prefix: "lux9-bench-clone-" });
const time = { sec: 1_700_000_000, nsec: 0 };
try {
  if (files > 0) await compare(`${files} files of 1 KiB`, files, 1024);
  if (bytes > 0) await compare(`1 file of ${bytes / MIB} MiB`, 1, bytes);
} finally {
  await Deno.remove(root, { recursive: true });
}

async function compare(what: string, count: number, size: number): Promise<void> {
  const [plain, volume] = [`${root}/plain`, `${root}/volume`];
  for (const folder of [plain, volume]) Deno.mkdirSync(folder);
  const store = await VolumeStore.open(volume);
  try {
    let dir = 1;
    for (let i = 0; i < count; i++) {
      const [folder, name] = [`d${Math.floor(i / 1000)}`, `f${i % 1000}`];
      if (i % 1000 === 0) {
        await store.behind();
        Deno.mkdirSync(`${plain}/${folder}`);
        dir = make(store, 1, folder, S.IFDIR | 0o755);
      }
      const ino = make(store, dir, name, S.IFREG | 0o644);
      using file = Deno.openSync(`${plain}/${folder}/${name}`, { create: true, write: true });
      for (let offset = 0; offset < size; offset += MIB) {
        const piece = randomBytes(Math.min(MIB, size - offset));
        file.writeSync(piece);
        store.append({ kind: "write", by: "me", time, ino, offset, bytes: piece });
      }
      store.append({ kind: "settle", by: "me", time, ino });
    }
    await store.caughtUp();
    for (let round = 0; round < ROUNDS; round++) {
      const [rsyncMs, cloneMs] = [await rsync(plain), await clone(store)];
      console.log(
        `${what}: rsync ${seconds(rsyncMs)}, clone ${seconds(cloneMs)}: ${
          (rsyncMs / cloneMs).toFixed(2)
        } of its speed`,
      );
    }
  } finally {
    await store.close();
  }
  for (const folder of [plain, volume]) await Deno.remove(folder, { recursive: true });
}

async function rsync(from: string): Promise<number> {
  const to = `${root}/rsync`;
  const start = performance.now();
  const { success } = await new Deno.Command("rsync", { args: ["-a", `${from}/`, to] }).output();
  if (!success) throw new Error("rsync failed");
  const tookMs = performance.now() - start;
  await Deno.remove(to, { recursive: true });
  return tookMs;
}

async function clone(store: VolumeStore): Promise<number> {
  const to = `${root}/clone`;
  const start = performance.now();
  let checkingMs = 0;
  const end = await storeEnd(store);
  await receiveClone(to, end, {
    onProgress: ({ isChecking }) => {
      if (isChecking) checkingMs = performance.now();
    },
  });
  const tookMs = performance.now() - start;
  console.log(`  of the clone, ${seconds(performance.now() - checkingMs)} to check and to make it durable`);
  await end.close();
  await Deno.remove(to, { recursive: true });
  return tookMs;
}

function make(store: VolumeStore, parent: number, name: string, mode: number): number {
  const [ino, eid] = [store.nextIno(), store.nextEid()];
  store.append({
    ...{ kind: "create", by: "me", time, ino, parent, eid, name },
    ...{ mode, uid: "me", gid: "us", flags: 0, rdev: 0, target: "" },
  });
  return ino;
}

function randomBytes(length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; at += 65_536) crypto.getRandomValues(bytes.subarray(at, at + 65_536));
  return bytes;
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
