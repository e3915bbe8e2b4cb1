import { join } from "node:path";
import { load9p, type Place } from "../load9p.ts";

export const BLOCK = 65_512;
const BIG_BYTES = 32 << 20;
const TREE_FILES = 20_000;
const TREE_FOLDERS = 500;
const FILES_A_FOLDER = 40;
/** A fifth of it on average, 12 KB: as a source tree has them. */
const TREE_BYTES_MAX = 60_000;
const LONG_BYTES = 2 ** 30;
const SYNCING_CLIENTS = 16;
const SYNCED_FILES = 1600;
const SYNCED_BYTES = 4096;

/** The item 4: what is measured on a folder of the machine and on a volume, and how near the volume must come. */
export interface Case {
  readonly name: string;
  readonly what: string;
  readonly target: number;
  /** In a fresh folder; returns what a second brings, files or operations. */
  measure(subject: Subject, folder: string): Promise<number>;
}

/** A tree of the node under test. */
export interface Subject {
  readonly name: "host" | "volume";
  readonly place: Place;
  readonly program: string;
  /** Where lists of paths are kept. */
  readonly lists: string;
  readonly seconds: number;
  /** Resolves when nothing is left to do for what was written. */
  settled(): Promise<void>;
}

const getattr = (depth: number): Case => ({
  name: `getattr-${depth}`,
  what: `getattr, ${depth} in flight`,
  target: 0.9,
  measure: async (subject) =>
    (await load(subject, ["-o", "stat", "-d", `${depth}`, "-f", "big", "-t", `${subject.seconds}`]))
      .opsPerSecond,
});

const read = (depth: number): Case => ({
  name: `read64k-${depth}`,
  what: `64 KiB reads, ${depth} in flight`,
  target: 0.9,
  measure: async (subject) => {
    const args = ["-o", "read", "-d", `${depth}`, "-s", `${BLOCK}`, "-f", "big", "-t", `${subject.seconds}`];
    return (await load(subject, args)).opsPerSecond;
  },
});

export const CASES: readonly Case[] = [
  getattr(1),
  getattr(16),
  read(1),
  read(16),
  {
    name: "unpack",
    what: `a source tree of ${TREE_FILES} files unpacked`,
    target: 0.5,

    measure: async (subject, folder) => {
      const args = ["-o", "unpack", "-f", folder, "-s", `${TREE_BYTES_MAX}`, "-r", `${++unpacked}`];
      return (await load(subject, [...args, "-n", `${TREE_FILES}`])).opsPerSecond;
    },
  },
  {
    name: "readback",
    what: "the same read back",
    target: 0.9,

    measure: async (subject, folder) => {
      const list = join(subject.lists, `readback-${subject.name}`);
      const paths: string[] = [];
      for (let dir = 0; dir < TREE_FOLDERS; dir++) {
        for (let file = 0; file < FILES_A_FOLDER; file++) {
          paths.push(`${folder}/0-${String(dir).padStart(5, "0")}/f${String(file).padStart(2, "0")}`);
        }
      }
      await Deno.writeTextFile(list, paths.join("\n") + "\n");
      return (await load(subject, ["-o", "cat", "-F", list, "-n", `${TREE_FILES}`])).opsPerSecond;
    },
  },
  {
    name: "write1g",
    what: "1 GiB written, cut and hashed (MB/s)",
    target: 0.4,

    measure: async (subject, folder) => {
      const begun = performance.now();
      const args = ["-o", "put", "-f", `${folder}/long`, "-s", `${LONG_BYTES}`, "-r", `${++unpacked}`];
      await load(subject, args);
      await subject.settled();
      return LONG_BYTES / 1e3 / (performance.now() - begun);
    },
  },
  {
    name: "fsync",
    what: `create, write of ${SYNCED_BYTES} bytes, fsync, by ${SYNCING_CLIENTS} clients`,
    target: 1,

    measure: async (subject, folder) => {
      const args = ["-o", "sync", "-c", `${SYNCING_CLIENTS}`, "-f", folder, "-s", `${SYNCED_BYTES}`];
      return (await load(subject, [...args, "-n", `${SYNCED_FILES}`])).opsPerSecond;
    },
  },
];

let unpacked = Deno.pid % 1000 * 1000;

/** What getattr and reads are of. */
export async function makeBig(subject: Subject): Promise<void> {
  await load(subject, ["-o", "put", "-f", "big", "-s", `${BIG_BYTES}`, "-r", "7"]);
}

export function makeFolder(subject: Subject, folder: string): Promise<unknown> {
  return load(subject, ["-o", "mkdir", "-f", folder]);
}

function load({ program, place }: Subject, args: string[]) {
  return load9p(program, place, args);
}
