import { O, type Tree } from "../../9p/mod.ts";
import { type Frame, FrameReader, packFrame, type VolumeStore } from "../../state/volume/mod.ts";

/** One copy's end of an exchange: frames out of it and into it. */
export interface End {
  /** The next frames; none once it has ended. */
  read(signal: AbortSignal): Promise<readonly Frame[]>;
  write(frame: Frame): Promise<void>;
  close(): Promise<void>;
}

const READ_BYTES = 1024 * 1024;

/** The copy of a volume that a node serves. */
export async function nodeEnd(tree: Tree, volume: string): Promise<End> {
  const file = await tree.open(`/sync/${volume}`, O.RDWR);
  const reader = new FrameReader();
  const buffer = new Uint8Array(READ_BYTES);
  let [readAt, writtenAt] = [0, 0];
  return {
    async read(signal) {
      for (;;) {
        const count = await file.read(readAt, buffer, signal);
        if (count === 0) return [];
        readAt += count;
        const frames = [...reader.add(buffer.slice(0, count))];
        if (frames.length > 0) return frames;
      }
    },
    async write(frame) {
      const bytes = packFrame(frame);
      for (let done = 0; done < bytes.byteLength;) {
        const count = await file.write(writtenAt, bytes.subarray(done));
        done += count;
        writtenAt += count;
      }
    },
    close: () => file.close(),
  };
}

/** The copy of a volume that nobody else has open. */
export async function storeEnd(store: VolumeStore): Promise<End> {
  const exchange = await store.exchange();
  const reader = new FrameReader();
  return {
    async read(signal) {
      for (;;) {
        const bytes = await exchange.read(READ_BYTES, signal);
        if (bytes.byteLength === 0) return [];
        const frames = [...reader.add(bytes)];
        if (frames.length > 0) return frames;
      }
    },
    async write(frame) {
      await exchange.write(packFrame(frame));
    },
    close() {
      exchange.close();
      return Promise.resolve();
    },
  };
}
