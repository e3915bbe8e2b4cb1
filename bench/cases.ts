/** What is compared with diod, and by how much Lux9 must be ahead (the item 5). */
export interface Case {
  readonly name: string;
  readonly what: string;
  /** The part of the tree: a folder of the machine, or memory. diod serves the folder's files for both. */
  readonly tree: "host" | "mem";
  /** load9p's operation. */
  readonly op: "stat" | "read" | "write" | "cat" | "ls";
  readonly depth: number;
  /** Bytes of a read or write. */
  readonly size?: number;
  /** Client and server on one core, where no core has to be woken: what the work itself costs. */
  readonly oneCore?: boolean;
  /** The ratio to diod that must be reached; undefined where only the figure is of interest. */
  readonly target?: number;
}

/** What fits the largest msize that Debian's diod agrees to, and what every subject is asked for. */
export const MSIZE = 65_536;
const BLOCK = MSIZE - 24;
const PAGE = 4096;

export const CASES: readonly Case[] = [
  { name: "host-getattr-1", what: "getattr", tree: "host", op: "stat", depth: 1, target: 1.2 },
  { name: "host-getattr-16", what: "getattr", tree: "host", op: "stat", depth: 16, target: 3 },
  { name: "host-read4k-1", what: "4 KiB read", tree: "host", op: "read", depth: 1, size: PAGE, target: 1.2 },
  { name: "host-read4k-16", what: "4 KiB read", tree: "host", op: "read", depth: 16, size: PAGE, target: 3 },
  {
    name: "host-read64k-1",
    what: "64 KiB read",
    tree: "host",
    op: "read",
    depth: 1,
    size: BLOCK,
    target: 1.2,
  },
  {
    name: "host-read64k-16",
    what: "64 KiB read",
    tree: "host",
    op: "read",
    depth: 16,
    size: BLOCK,
    target: 1.8,
  },
  {
    name: "host-write64k-1",
    what: "64 KiB write",
    tree: "host",
    op: "write",
    depth: 1,
    size: BLOCK,
    target: 1,
  },
  {
    name: "host-write64k-16",
    what: "64 KiB write",
    tree: "host",
    op: "write",
    depth: 16,
    size: BLOCK,
    target: 1,
  },
  {
    name: "host-small-1",
    what: "open, read, close 10,000 files",
    tree: "host",
    op: "cat",
    depth: 1,
    target: 1.2,
  },
  { name: "host-small-16", what: "open, read, close 10,000 files", tree: "host", op: "cat", depth: 16 },
  { name: "host-list-1", what: "list 10,000 entries", tree: "host", op: "ls", depth: 1, target: 1.2 },
  { name: "one-core-getattr-1", what: "getattr", tree: "host", op: "stat", depth: 1, oneCore: true },
  {
    name: "one-core-read4k-1",
    what: "4 KiB read",
    tree: "host",
    op: "read",
    depth: 1,
    size: PAGE,
    oneCore: true,
  },
  {
    name: "one-core-small-1",
    what: "open, read, close 10,000 files",
    tree: "host",
    op: "cat",
    depth: 1,
    oneCore: true,
  },
  { name: "one-core-mem-getattr-1", what: "getattr", tree: "mem", op: "stat", depth: 1, oneCore: true },
  { name: "mem-getattr-1", what: "getattr", tree: "mem", op: "stat", depth: 1, target: 1.3 },
  { name: "mem-getattr-16", what: "getattr", tree: "mem", op: "stat", depth: 16, target: 5 },
  { name: "mem-getattr-64", what: "getattr", tree: "mem", op: "stat", depth: 64, target: 8 },
  { name: "mem-read64k-1", what: "64 KiB read", tree: "mem", op: "read", depth: 1, size: BLOCK },
  { name: "mem-read64k-16", what: "64 KiB read", tree: "mem", op: "read", depth: 16, size: BLOCK, target: 2 },
];
