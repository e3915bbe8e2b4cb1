/** Volumes of whole nodes, without the node: what clients do to them and what they show, for the tests beside this. */
import { S } from "../../9p/mod.ts";
import {
  type Exchange,
  FrameReader,
  packFrame,
  VolumeStore,
  type VolumeStoreOptions,
} from "../volume/mod.ts";
import type { Source } from "./clone.ts";

const ROOT_INO = 1;
const utf8 = new TextEncoder();

export class Volume implements AsyncDisposable {
  private constructor(readonly folder: string, readonly store: VolumeStore) {}

  static async open(folder: string, options: VolumeStoreOptions = {}): Promise<Volume> {
    Deno.mkdirSync(folder, { recursive: true });
    return new Volume(folder, await VolumeStore.open(folder, { gatherMs: 1, ...options }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.store.close();
  }

  /** A file in the root, or one in a directory there, with these contents from now on. */
  async put(path: string, contents: string | Uint8Array): Promise<void> {
    const bytes = typeof contents === "string" ? utf8.encode(contents) : contents;
    await this.store.behind();
    const { ino: there } = this.#find(path);
    const time = now();
    const ino = there ?? this.#create(path, S.IFREG | 0o644);
    if (there !== undefined) {
      const { mode, uid, gid, flags, atime } = this.store.index.node(ino)!;
      const words = { ino, mode, uid, gid, flags, atime, mtime: time, size: 0 };
      this.store.append({ kind: "attributes", by: "me", time, ...words });
    }
    this.store.append({ kind: "write", by: "me", time, ino, offset: 0, bytes });
    this.store.append({ kind: "settle", by: "me", time, ino });
    await this.store.caughtUp();
  }

  async mkdir(path: string): Promise<void> {
    await this.store.behind();
    this.#create(path, S.IFDIR | 0o755);
    await this.store.caughtUp();
  }

  /** `held`: somebody has the file open. */
  async rm(path: string, held = false): Promise<void> {
    await this.store.behind();
    const { parent, name, ino } = this.#find(path);
    this.store.append({ kind: "unlink", by: "me", time: now(), parent, name, ino: ino!, held });
    await this.store.caughtUp();
  }

  async mv(path: string, to: string): Promise<void> {
    await this.store.behind();
    const [{ parent, name, ino }, { parent: toParent, name: toName }] = [this.#find(path), this.#find(to)];
    const words = { ino: ino!, parent, name, toParent, toName, eid: this.store.nextEid(), held: false };
    this.store.append({ kind: "rename", by: "me", time: now(), ...words });
    await this.store.caughtUp();
  }

  async chmod(path: string, permissions: number): Promise<void> {
    await this.store.behind();
    const { mode, ino, uid, gid, flags, atime, mtime } = this.store.index.node(this.#find(path).ino!)!;
    const words = { ino, uid, gid, flags, atime, mtime, size: undefined };
    this.store.append({
      kind: "attributes",
      by: "me",
      time: now(),
      ...words,
      mode: mode & S.IFMT | permissions,
    });
    await this.store.caughtUp();
  }

  /** One line a name: `path/` or `path = contents`, with the mode. */
  tree(seq?: number): string[] {
    const lines: string[] = [];
    const { index } = this.store;
    const list = (ino: number, above: string) => {
      const rows = seq === undefined
        ? index.list(ino, 0, 100_000)
        : index.past.list(ino, seq, 0, 100_000).map((edge) => ({
          ...edge,
          node: index.past.node(edge.ino, seq)!,
        }));
      for (const { name, node } of rows) {
        const isDirectory = (node.mode & S.IFMT) === S.IFDIR;
        const bytes = new Uint8Array(isDirectory ? 0 : node.size);
        if (node.content) this.store.openContent(node.content).read(0, bytes);
        const text = isDirectory ? "/" : ` = ${new TextDecoder().decode(bytes)}`;
        lines.push(`${above}${name}${text} ${(node.mode & 0o777).toString(8)}`);
        if (isDirectory) list(node.ino, `${above}${name}/`);
      }
    };
    list(ROOT_INO, "");
    return lines.sort();
  }

  async source(): Promise<Source> {
    return sourceOf(await this.store.exchange());
  }

  #create(path: string, mode: number): number {
    const { parent, name } = this.#find(path);
    const [ino, eid] = [this.store.nextIno(), this.store.nextEid()];
    this.store.append({
      ...{ kind: "create", by: "me", time: now(), ino, parent, eid, name },
      ...{ mode, uid: "me", gid: "us", flags: 0, rdev: 0, target: "" },
    });
    return ino;
  }

  #find(path: string): { parent: number; name: string; ino: number | undefined } {
    const { index } = this.store;
    const names = path.split("/");
    const name = names.pop()!;
    const parent = names.reduce((at, each) => index.edge(at, each)!.ino, ROOT_INO);
    return { parent, name, ino: index.edge(parent, name)?.ino };
  }
}

/** Frames of an exchange. */
export function sourceOf(exchange: Exchange): Source {
  const reader = new FrameReader();
  return {
    async read(signal) {
      for (;;) {
        const bytes = await exchange.read(1024 * 1024, signal);
        if (bytes.byteLength === 0) return [];
        const frames = [...reader.add(bytes)];
        if (frames.length > 0) return frames;
      }
    },
    async write(frame) {
      await exchange.write(packFrame(frame));
    },
  };
}

/** Bytes of which no two chunks are alike, the same for a seed (Marsaglia's xorshift). */
export function noise(length: number, seed: number): Uint8Array {
  let state = Math.imul(seed + 1, 0x9e3779b1) | 1;
  return Uint8Array.from({ length }, () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 24;
  });
}

function now() {
  return { sec: Math.floor(Date.now() / 1000), nsec: 0 };
}
