import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { VolumeStore } from "../../state/volume/mod.ts";

const LAUNCHER = fileURLToPath(new URL("../../lux9", import.meta.url));
const IN_FOLDER = 1000;
const ROOT_INO = 1;
const utf8 = new TextEncoder();

/** One tree of files twice: as volume `v` of a home, and as a folder; and a place for a copy of each. */
export class Pair implements AsyncDisposable {
  private constructor(readonly folder: string, readonly files: number, readonly bytes: number) {}

  /** `megabytes`: the length of each file; 0 for some hundred bytes. */
  static async make(folder: string, files: number, megabytes: number): Promise<Pair> {
    const pair = new Pair(folder, files, megabytes * 2 ** 20);
    for (const name of ["one/volumes/v", "one-files"]) {
      await Deno.mkdir(join(folder, name), { recursive: true });
    }
    await pair.#write(Array.from({ length: files }, (_, i) => i), 0);
    return pair;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.folder, { recursive: true });
  }

  /** Writes some files anew, in the volume and in the folder. */
  async change(count: number, round: number): Promise<void> {
    const step = Math.max(1, Math.floor(this.files / count));
    await this.#write(Array.from({ length: count }, (_, i) => (i * step + round) % this.files), round + 1);
  }

  /** The time that `lux9 volume clone` takes to make a first copy, ms. */
  async clone(): Promise<number> {
    await Deno.remove(join(this.folder, "two"), { recursive: true }).catch(() => {});
    await Deno.mkdir(join(this.folder, "two"));
    return await this.#run(LAUNCHER, [
      "volume",
      "clone",
      join(this.folder, "one"),
      "v",
      "--home",
      join(this.folder, "two"),
    ]);
  }

  sync(): Promise<number> {
    return this.#run(LAUNCHER, ["sync", join(this.folder, "two"), "--home", join(this.folder, "one")]);
  }

  async rsyncAnew(): Promise<number> {
    await Deno.remove(join(this.folder, "two-files"), { recursive: true }).catch(() => {});
    return await this.rsync();
  }

  rsync(): Promise<number> {
    return this.#run("rsync", ["-a", join(this.folder, "one-files/"), join(this.folder, "two-files/")]);
  }

  async #run(program: string, args: string[]): Promise<number> {
    // What was written before is not to be written while this is measured.
    await new Deno.Command("sync").output();
    const started = performance.now();
    const { success, stderr } = await new Deno.Command(program, { args, stdout: "null", stderr: "piped" })
      .output();
    const ms = performance.now() - started;
    if (!success) throw new Error(`${program} ${args.join(" ")}: ${new TextDecoder().decode(stderr)}`);
    return ms;
  }

  async #write(numbers: readonly number[], version: number): Promise<void> {
    const store = await VolumeStore.open(join(this.folder, "one/volumes/v"));
    const folders = new Map<string, number>();
    const common = () => ({ by: "root", time: { sec: Math.floor(Date.now() / 1000), nsec: 0 } });
    const find = (parent: number, name: string, mode: number) => {
      const there = store.index.edge(parent, name)?.ino;
      if (there !== undefined) return there;
      const ino = store.nextIno();
      store.append({
        ...{ kind: "create", ...common(), ino, parent, eid: store.nextEid(), name, mode },
        ...{ uid: "root", gid: "root", flags: 0, rdev: 0, target: "" },
      });
      return ino;
    };
    for (const [count, i] of numbers.entries()) {
      if (count % 256 === 0) await store.behind();
      const name = `d${Math.floor(i / IN_FOLDER)}`;
      let parent = folders.get(name);
      if (parent === undefined) {
        folders.set(name, parent = find(ROOT_INO, name, 0o040755));
        await Deno.mkdir(join(this.folder, "one-files", name), { recursive: true });
      }
      const ino = find(parent, `f${i}`, 0o100644);
      const bytes = this.#content(i, version);
      for (let at = 0; at < bytes.length; at += 2 ** 20) {
        store.append({
          kind: "write",
          ...common(),
          ino,
          offset: at,
          bytes: bytes.subarray(at, at + 2 ** 20),
        });
        await store.behind();
      }
      store.append({ kind: "settle", ...common(), ino });
      Deno.writeFileSync(join(this.folder, "one-files", name, `f${i}`), bytes);
    }
    await store.caughtUp();
    await store.close();
  }

  #content(i: number, version: number): Uint8Array {
    if (this.bytes === 0) {
      return utf8.encode(
        `This is file ${i}, version ${version}.\n`.repeat(4 + i % 20).slice(0, 64 + i * 37 % 400),
      );
    }
    const bytes = new Uint8Array(this.bytes);
    for (let at = 0; at < bytes.length; at += 65_536) crypto.getRandomValues(bytes.subarray(at, at + 65_536));
    return bytes;
  }
}
