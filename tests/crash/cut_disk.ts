import { join } from "node:path";
import { type Random, seeded } from "../../state/disk/mod.ts";
import { SimulatedContent } from "../../state/disk/simulated_content.ts";
import { SimulatedFolder } from "../../state/disk/simulated_folder.ts";
import type { Step } from "./trace.ts";

type Entry = SimulatedContent | SimulatedFolder<Entry>;
type Folder = SimulatedFolder<Entry>;

/** What the database keeps in shared memory: nothing that outlives a process is in it. */
const SHARED = "-shm";
const SHARED_BYTES = 32_768;

/**
 * A folder of a real disk, followed step by step, which shows what a loss of power could leave of it. Its rules are those of
 * the simulated disk, the weakest that keep what fsync(2) promises.
 */
export class CutDisk {
  readonly #root: Folder;
  /** Syncs that are under way: what they make durable. */
  readonly #syncs = new Map<string, () => void>();

  /** What is in the folder is durable. */
  constructor(folder: string) {
    this.#root = read(folder);
  }

  apply(step: Step): void {
    if (step.kind === "mark") return;
    if (step.kind === "syncEnds") {
      if (step.isDone) this.#syncs.get(step.thread)?.();
      this.#syncs.delete(step.thread);
      return;
    }
    if (step.path.endsWith(SHARED)) return;
    switch (step.kind) {
      case "open": {
        const { folder, name } = this.#place(step.path);
        if (step.create && !folder.names.has(name)) {
          const content = new SimulatedContent();
          folder.change((names) => names.set(name, content));
        }
        if (step.truncate) this.#file(step.path).truncate(0);
        return;
      }
      case "write":
        return this.#file(step.path).write(step.bytes, step.offset);
      case "resize":
        return this.#file(step.path).truncate(step.size);
      case "syncBegins": {
        const entry = this.#entry(step.path);
        const mark = entry.mark();
        return void this.#syncs.set(step.thread, () => entry.keep(mark));
      }
      case "rename": {
        const [from, to] = [this.#place(step.path), this.#place(step.to)];
        if (from.folder !== to.folder) throw new Error(`${step.path} and ${step.to} are in two folders`);
        const entry = this.#entry(step.path);
        return from.folder.change((names) => {
          names.delete(from.name);
          names.set(to.name, entry);
        });
      }
      case "remove": {
        const { folder, name } = this.#place(step.path);
        return folder.change((names) => names.delete(name));
      }
      case "makeFolder": {
        const { folder, name } = this.#place(step.path);
        const made: Folder = new SimulatedFolder();
        return folder.change((names) => names.set(name, made));
      }
    }
  }

  /** Puts into a folder that is not there what a loss of power could leave, the same for the same seed. */
  writeTo(folder: string, seed: number): void {
    const random = seeded(seed);
    const unit = random.chance(0.5) ? 512 : 4096;
    write(this.#root, folder, random, unit);
  }

  #place(path: string): { folder: Folder; name: string } {
    const names = path.split("/");
    const name = names.pop()!;
    return { folder: names.reduce((folder, name) => folder.names.get(name) as Folder, this.#root), name };
  }

  #entry(path: string): Entry {
    if (path === "") return this.#root;
    const { folder, name } = this.#place(path);
    const entry = folder.names.get(name);
    if (entry === undefined) throw new Error(`The trace has no ${path} where it is used`);
    return entry;
  }

  #file(path: string): SimulatedContent {
    return this.#entry(path) as SimulatedContent;
  }
}

function read(folder: string): Folder {
  const names = new Map<string, Entry>();
  for (const { name, isDirectory } of Deno.readDirSync(folder)) {
    if (name.endsWith(SHARED)) continue;
    const path = join(folder, name);
    names.set(name, isDirectory ? read(path) : SimulatedContent.of(Deno.readFileSync(path)));
  }
  return new SimulatedFolder(names);
}

function write(from: Folder, folder: string, random: Random, unit: number): void {
  Deno.mkdirSync(folder, { mode: 0o700 });
  for (const [name, entry] of from.survivors(random)) {
    const path = join(folder, name);
    if (entry instanceof SimulatedContent) {
      const left = entry.afterLoss(random, unit);
      const bytes = new Uint8Array(left.size);
      left.read(bytes, 0);
      Deno.writeFileSync(path, bytes, { mode: 0o600 });
      if (name.endsWith("-wal") && random.chance(0.5)) writeShared(path.replace(/-wal$/, SHARED), random);
    } else {
      write(entry, path, random, unit);
    }
  }
}

/** Anything may be in it. */
function writeShared(path: string, random: Random): void {
  Deno.writeFileSync(path, Uint8Array.from({ length: SHARED_BYTES }, () => random.below(256)), {
    mode: 0o600,
  });
}
