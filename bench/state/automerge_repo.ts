/**
 * All entries in one document of automerge-repo, kept in files by its own storage adapter: prints what it costs as JSON.
 * `tree.ts` installs the packages in a folder of their own, copies this file there and runs it: in this project's lock file
 * they would be fetched by everybody.
 */
interface Handle {
  readonly url: string;
  change(act: (map: Record<string, Uint8Array>) => void): void;
  doc(): Record<string, Uint8Array>;
}

// Names that are found only where they are installed.
const [repoName, storageName] = ["@automerge/automerge-repo", "@automerge/automerge-repo-storage-nodefs"];
const { Repo } = await import(repoName);
const { NodeFSStorageAdapter } = await import(storageName);

const entries = Number(Deno.args[0]);
const folder = await Deno.makeTempDir();
const open = () => new Repo({ storage: new NodeFSStorageAdapter(folder) });
const value = (i: number) => crypto.getRandomValues(new Uint8Array(48)).fill(i & 255, 0, 15);
try {
  console.log(JSON.stringify(await measure()));
} finally {
  await Deno.remove(folder, { recursive: true });
}
Deno.exit(0);

async function measure() {
  const repo = open();
  const handle: Handle = repo.create({});
  const started = performance.now();
  // In one change: in batches of 100 it would take minutes.
  handle.change((map) => {
    for (let i = 0; i < entries; i++) map[`directory${i / 100 | 0}/file${i}.txt`] = value(i);
  });
  const make = (performance.now() - started) * 1000 / entries;
  await repo.flush();
  const saved = bytesIn(folder) / entries;
  const before = Deno.memoryUsage().rss;
  const loading = performance.now();
  const found: Handle = await open().find(handle.url);
  const keys = Object.keys(found.doc());
  const load = performance.now() - loading;
  const memory = (Deno.memoryUsage().rss - before) / 2 ** 20;
  const key = (i: number) => keys[(i * 7919) % entries];
  const times = Array.from(
    { length: entries > 20_000 ? 5 : 50 },
    (_, i) => microseconds(() => found.change((map) => void (map[key(i)] = value(i)))),
  ).sort((a, b) => a - b);
  const hundred = microseconds(() =>
    found.change((map) => {
      for (let i = 0; i < 100; i++) map[key(100 + i)] = value(i);
    })
  ) / 100;
  return { make, saved, load, loadOne: load, memory, one: times[times.length >> 1], hundred };
}

function bytesIn(folder: string): number {
  let bytes = 0;
  for (const { name, isDirectory } of Deno.readDirSync(folder)) {
    const path = `${folder}/${name}`;
    bytes += isDirectory ? bytesIn(path) : Deno.statSync(path).size;
  }
  return bytes;
}

function microseconds(work: () => unknown): number {
  const started = performance.now();
  work();
  return (performance.now() - started) * 1000;
}
