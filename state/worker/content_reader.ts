import type { Disk, DiskFile } from "../disk/mod.ts";
import type { IndexReader } from "../store/mod.ts";
export class ContentReader {
  #file: DiskFile | undefined;
  constructor(readonly disk: Disk, _index: IndexReader) {}
  read(content: Uint8Array, offset: number, into: Uint8Array): void {
    this.#file ??= this.disk.open("packs/raw");
    this.#file.pread(into, new Float64Array(content.slice().buffer)[0] + offset);
  }
  space(): { bytes: number; free: number } {
    return { bytes: 2 ** 40, free: 2 ** 39 };
  }
  counts(): Record<string, number> {
    return { contentBytes: this.#file?.size() ?? 0 };
  }
  close(): void {
    this.#file?.close();
  }
}
