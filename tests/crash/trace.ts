/** Reads what strace wrote: which system calls changed a folder, and the marks that the process put between them. */

/** One thing that happened to the folder; paths are relative to it. */
export type Step =
  & (
    | { readonly kind: "open"; readonly path: string; readonly create: boolean; readonly truncate: boolean }
    | { readonly kind: "write"; readonly path: string; readonly offset: number; readonly bytes: Uint8Array }
    | { readonly kind: "resize"; readonly path: string; readonly size: number }
    | { readonly kind: "rename"; readonly path: string; readonly to: string }
    | { readonly kind: "remove" | "makeFolder"; readonly path: string }
    /** What is durable when a sync ends was written before it began. */
    | { readonly kind: "syncBegins"; readonly path: string; readonly thread: string }
    | { readonly kind: "syncEnds"; readonly thread: string; readonly isDone: boolean }
    | { readonly kind: "mark"; readonly text: string }
  )
  & { readonly ms: number };

export interface TraceOptions {
  /** The folder, and the file that marks are written to. */
  readonly root: string;
  readonly marks: string;
}

/** All system calls that change files or make them durable. Those that no store makes are here to be found out. */
const CALLS = [
  ...["open", "openat", "openat2", "creat", "write", "writev", "pwrite64", "pwritev", "pwritev2"],
  ...["truncate", "ftruncate", "fallocate", "fsync", "fdatasync", "sync_file_range", "syncfs", "sync"],
  ...["rename", "renameat", "renameat2", "unlink", "unlinkat", "mkdir", "mkdirat", "rmdir", "link", "linkat"],
  ...["symlink", "symlinkat", "mmap", "copy_file_range", "sendfile", "splice", "io_uring_setup"],
];
/** Longer than any write. */
const STRING_MAX = 64 << 20;

/** How strace has to be called. */
export function straceArgs(output: string): string[] {
  const format = ["-f", "-y", "-xx", "-ttt", "-s", String(STRING_MAX)];
  return ["--seccomp-bpf", ...format, "-o", output, "-e", `trace=${CALLS.join(",")}`, "-e", "signal=none"];
}

/** Throws where a call changed the folder in a way that is not understood. */
export function* readTrace(trace: Uint8Array, options: TraceOptions): Generator<Step> {
  const decoder = new TextDecoder("latin1");
  const unfinished = new Map<string, string>();
  for (let at = 0; at < trace.length;) {
    const found = trace.indexOf(10, at);
    const end = found < 0 ? trace.length : found;
    const line = decoder.decode(trace.subarray(at, end));
    at = end + 1;
    const [, thread, seconds, rest] = /^(\d+) +(\d+\.\d+) ([^]*)$/.exec(line) ?? [];
    if (rest === undefined) throw new Error(`strace wrote ${JSON.stringify(line.slice(0, 200))}`);
    const ms = Number(seconds) * 1000;
    const resumed = /^<\.\.\. \w+ resumed>/.exec(rest)?.[0];
    if (rest.endsWith(" <unfinished ...>")) {
      const head = rest.slice(0, -" <unfinished ...>".length);
      unfinished.set(thread, head);
      const path = syncedPath(head, options);
      if (path !== undefined) yield { kind: "syncBegins", path, thread, ms };
    } else if (resumed !== undefined) {
      yield* steps(unfinished.get(thread)! + rest.slice(resumed.length), thread, ms, true, options);
      unfinished.delete(thread);
    } else {
      yield* steps(rest, thread, ms, false, options);
    }
  }
}

function* steps(
  line: string,
  thread: string,
  ms: number,
  isBegun: boolean,
  options: TraceOptions,
): Generator<Step> {
  const name = /^(\w+)\(/.exec(line)?.[1];
  if (name === undefined) return;
  const tail = line.lastIndexOf(") ");
  const [, result] = /^\) += (-?\d+|\?)/.exec(line.slice(tail)) ?? [];
  const args = line.slice(name.length + 1, tail);
  const synced = syncedPath(line, options);
  if (synced !== undefined) {
    if (!isBegun) yield { kind: "syncBegins", path: synced, thread, ms };
    return yield { kind: "syncEnds", thread, isDone: result === "0", ms };
  }
  if (result === undefined || result === "?" || Number(result) < 0) return;
  switch (name) {
    case "openat": {
      const path = within(descriptorOf(line.slice(tail + ") = ".length).trimStart()), options.root);
      const flags = /, (O_[A-Z_|]+)/.exec(args)?.[1].split("|") ?? [];
      if (path === undefined || flags.includes("O_DIRECTORY")) return;
      const [create, truncate] = [flags.includes("O_CREAT"), flags.includes("O_TRUNC")];
      if (create || truncate) yield { kind: "open", path, create, truncate, ms };
      return;
    }
    case "write": {
      const path = descriptorOf(args);
      if (path !== options.marks) break;
      for (const text of new TextDecoder().decode(bytesOf(args)).split("\n")) {
        if (text !== "") yield { kind: "mark", text, ms };
      }
      return;
    }
    case "pwrite64": {
      const path = within(descriptorOf(args), options.root);
      if (path === undefined) return;
      const bytes = bytesOf(args).subarray(0, Number(result));
      return yield { kind: "write", path, offset: lastNumber(args), bytes, ms };
    }
    case "ftruncate": {
      const path = within(descriptorOf(args), options.root);
      if (path !== undefined) yield { kind: "resize", path, size: lastNumber(args), ms };
      return;
    }
    case "rename": {
      const [path, to] = stringsOf(args).map((path) => within(path, options.root));
      if (path === undefined && to === undefined) return;
      if (path === undefined || to === undefined) break;
      return yield { kind: "rename", path, to, ms };
    }
    case "unlink":
    case "mkdir": {
      const path = within(stringsOf(args)[0], options.root);
      if (path === undefined) return;
      return yield { kind: name === "unlink" ? "remove" : "makeFolder", path, ms };
    }
    case "mmap":
      // What is written to shared memory no trace has. That of the database holds nothing that outlives a process.
      if (!args.includes("PROT_WRITE") || !args.includes("MAP_SHARED") || /2d\\x73\\x68\\x6d>/.test(args)) {
        return;
      }
      break;
    case "io_uring_setup":
      throw new Error("The process writes by io_uring, which strace does not see");
  }
  const paths = [
    ...stringsOf(args),
    ...[...args.matchAll(/<[^>]*>/g)].map(([path]) => unhex(path.slice(1, -1))),
  ];
  if (paths.some((path) => within(path, options.root) !== undefined)) {
    throw new Error(`${line.slice(0, 400)}: it changes the folder in a way that is not understood`);
  }
}

function syncedPath(line: string, { root }: TraceOptions): string | undefined {
  return /^f(data)?sync\(/.test(line)
    ? within(descriptorOf(line.slice(line.indexOf("(") + 1)), root)
    : undefined;
}

/** `12<PATH>`: the path; undefined for what has no name any more, which no loss of power brings back. */
function descriptorOf(text: string): string | undefined {
  const [all, path] = /^\d+<([^>]*)>/.exec(text) ?? [];
  return all === undefined || text.startsWith("(deleted)", all.length) ? undefined : unhex(path);
}

function within(path: string | undefined, root: string): string | undefined {
  if (path === root) return "";
  return path?.startsWith(`${root}/`) ? path.slice(root.length + 1) : undefined;
}

function stringsOf(args: string): string[] {
  return [...args.matchAll(/"([^"]*)"/g)].map(([, text]) => unhex(text));
}

function bytesOf(args: string): Uint8Array {
  const start = args.indexOf('"') + 1;
  const end = args.indexOf('"', start);
  if (args.startsWith('"...', end)) throw new Error(`strace left out what was behind ${STRING_MAX} bytes`);
  const bytes = new Uint8Array((end - start) / 4);
  // \x12: each byte takes four letters.
  let at = start;
  for (let i = 0; i < bytes.length; i++, at += 4) {
    bytes[i] = digit(args.charCodeAt(at + 2)) << 4 | digit(args.charCodeAt(at + 3));
  }
  return bytes;
}

function unhex(text: string): string {
  return new TextDecoder().decode(bytesOf(`"${text}"`));
}

function digit(code: number): number {
  return code < 58 ? code - 48 : code - 87;
}

function lastNumber(args: string): number {
  return Number(/(\d+)$/.exec(args)![1]);
}
