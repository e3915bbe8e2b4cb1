/** What one client knows of its own folder: what was answered, kept outside of the node that is killed. */
export interface Entry {
  /** The same for all names of a file. */
  readonly id: number;
  readonly kind: "file" | "dir" | "link";
  readonly mode: number;
  readonly data: Uint8Array;
  readonly target: string;
  readonly attribute: string;
}

/** The folder and its snapshots by name, as the client has them. Never changed either. */
export interface State {
  readonly tree: Record;
  readonly snapshots: ReadonlyMap<string, Record>;
}

/** Paths below the folder to what is there. Never changed: each operation makes another one. */
export type Record = ReadonlyMap<string, Entry>;

export function withEntry(record: Record, path: string, entry: Entry): Record {
  return new Map(record).set(path, entry);
}

export function without(record: Record, path: string): Record {
  const next = new Map(record);
  next.delete(path);
  return next;
}

/** The file of that id is another one now, by whatever name. */
export function changed(record: Record, id: number, change: Partial<Entry>): Record {
  return new Map(
    [...record].map(([path, entry]) => [path, entry.id === id ? { ...entry, ...change } : entry]),
  );
}

/** The name moves, with what is below it. */
export function moved(record: Record, from: string, to: string): Record {
  const next = new Map<string, Entry>();
  for (const [path, entry] of record) if (path !== to && !isAt(path, from)) next.set(path, entry);
  for (const [path, entry] of record) if (isAt(path, from)) next.set(to + path.slice(from.length), entry);
  return next;
}

const isAt = (path: string, top: string) => path === top || path.startsWith(`${top}/`);

export function written(data: Uint8Array, offset: number, bytes: Uint8Array): Uint8Array {
  const next = new Uint8Array(Math.max(data.byteLength, offset + bytes.byteLength));
  next.set(data);
  next.set(bytes, offset);
  return next;
}

export function cut(data: Uint8Array, size: number): Uint8Array {
  const next = new Uint8Array(size);
  next.set(data.subarray(0, size));
  return next;
}

/** One line a path and a snapshot, in which equal states are equal. */
export function linesOf({ tree, snapshots }: State): string[] {
  const taken = [...snapshots].sort(([a], [b]) => a < b ? -1 : 1);
  return [...treeLines(tree), ...taken.map(([name, record]) => `@${name} ${digestOf(record)}`)];
}

/** What a snapshot shows, in short. */
function digestOf(record: Record): string {
  let digest = digests.get(record);
  if (digest === undefined) {
    digest = `${record.size}:${hash(new TextEncoder().encode(treeLines(record).join("\n")))}`;
    digests.set(record, digest);
  }
  return digest;
}

const digests = new WeakMap<Record, string>();

function treeLines(record: Record): string[] {
  const names = new Map<number, string>();
  return [...record].sort(([a], [b]) => a < b ? -1 : 1).map(
    ([path, { id, kind, mode, data, target, attribute }]) => {
      const first = names.get(id) ?? path;
      names.set(id, first);
      const bits = kind === "link" ? "" : mode.toString(8);
      return `${path} ${kind} ${bits} ${data.byteLength}:${hashOf(data)} ${target} ${attribute} is ${first}`;
    },
  );
}

const hashes = new WeakMap<Uint8Array, string>();

/** Contents are never changed, and most of them are in the next state as well. */
function hashOf(data: Uint8Array): string {
  let known = hashes.get(data);
  if (known === undefined) hashes.set(data, known = hash(data));
  return known;
}

/** FNV-1a. */
function hash(data: Uint8Array): string {
  let hash = 0x811c9dc5;
  for (const byte of data) hash = Math.imul(hash ^ byte, 0x01000193);
  return (hash >>> 0).toString(16);
}
