import { createCipheriv, createHash, type Hash } from "node:crypto";
import { O, type RemoteFile, S, writeFrom } from "../../../9p/mod.ts";
import { type Figure, megabytes, say } from "./figure.ts";
import { VolumeNode } from "./volume_node.ts";

/** With a long file the node may take so much more than without. */
const GROWTH_MB_MAX = 300;
const STEP = 1 << 20;

/** One file of so many bytes that do not repeat, written through, changed in the middle, and read back. */
export async function longFile(home: string, bytes: number): Promise<Figure[]> {
  const figures: Figure[] = [];
  let node = await VolumeNode.start(home);
  const gib = `${(bytes / 1024 ** 3).toFixed(2)} GiB`;
  const { signal } = new AbortController();
  try {
    const idle = node.resident;
    const hash = createHash("sha256");
    {
      await using tree = await node.tree();
      await using dir = await tree.walk("/v");
      const file = await dir.create("long", { mode: S.IFREG | 0o644 }, O.RDWR, signal);
      const began = performance.now();
      await writeFrom(file, 0, noise(bytes, hash), signal);
      const written = performance.now();
      await file.fsync();
      await file.close();
      await node.applied();
      const applied = performance.now();
      say(`${gib} written in ${((written - began) / 1000).toFixed(0)} s`);
      figures.push({
        what: `${gib} written, then synced and settled`,
        measured: `${(bytes / 1e3 / (written - began)).toFixed(0)} MB/s, then ${
          ((applied - written) / 1000).toFixed(1)
        } s`,
      });
    }
    figures.push(node.memory(`while ${gib} were written`), grown(idle, node));
    await node.stop();
    node = await VolumeNode.start(home);
    figures.push(node.started(`with a file of ${gib}`));
    {
      await using tree = await node.tree();
      await using file = await tree.open("/v/long", O.RDONLY);
      const began = performance.now();
      const found = await digest(file, bytes);
      const readMs = performance.now() - began;
      if (found !== hash.digest("hex")) throw new Error("What was read back is not what was written");
      say(`read back in ${(readMs / 1000).toFixed(0)} s`);
      figures.push({
        what: "the same read back for the first time, every chunk checked",
        measured: `${(bytes / 1e3 / readMs).toFixed(0)} MB/s, equal by its SHA-256`,
      });
    }
    figures.push(node.memory("while it was read"));
    {
      await using tree = await node.tree();
      await using file = await tree.open("/v/long", O.RDWR);
      await file.write(Math.floor(bytes / 2), new TextEncoder().encode("changed"));
      const began = performance.now();
      await file.close();
      await node.applied();
      figures.push({
        what: "seven bytes in the middle changed, until they are a version",
        measured: `${((performance.now() - began) / 1000).toFixed(1)} s with asking`,
      });
      const before = node.size();
      await node.command(["volume", "gc", "v"]);
      const after = node.size();
      figures.push({
        what: "on disk, and after collecting",
        measured: `packs ${megabytes(before.packs)}, log ${megabytes(before.log)}; packs ${
          megabytes(after.packs)
        }, log ${megabytes(after.log)}`,
        target: "packs ≤ 1.1 times the file",
        met: after.packs <= bytes * 1.1,
      });
      figures.push(node.memory("while collecting"));
    }
  } finally {
    await node.stop();
  }
  return figures;
}

function grown(idle: number, node: VolumeNode): Figure {
  const megabytes = node.resident - idle;
  return {
    what: "the node afterwards, over what it took before",
    measured: `${megabytes.toFixed(0)} MB`,
    target: `≤ ${GROWTH_MB_MAX} MB`,
    met: megabytes <= GROWTH_MB_MAX,
  };
}

/** Bytes that no program makes smaller, the same in each run. */
function noise(bytes: number, hash: Hash): { read(into: Uint8Array): Promise<number | null> } {
  const cipher = createCipheriv("aes-128-ctr", new Uint8Array(16), new Uint8Array(16));
  const zeros = new Uint8Array(STEP);
  let left = bytes;
  return {
    read(into) {
      if (left === 0) return Promise.resolve(null);
      const part = cipher.update(zeros.subarray(0, Math.min(left, into.byteLength, STEP)));
      hash.update(part);
      into.set(part);
      left -= part.byteLength;
      return Promise.resolve(part.byteLength);
    },
  };
}

async function digest(file: RemoteFile, bytes: number): Promise<string> {
  const hash = createHash("sha256");
  const into = new Uint8Array(STEP);
  for (let at = 0; at < bytes;) {
    const count = await file.read(at, into);
    if (count === 0) break;
    hash.update(into.subarray(0, count));
    at += count;
  }
  return hash.digest("hex");
}
