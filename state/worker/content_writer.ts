import type { DatabaseSync } from "node:sqlite";
import type { Disk, DiskFile } from "../disk/mod.ts";
import type { LogReader } from "../log/mod.ts";
import type { NodeRow } from "../store/mod.ts";
import type { Span } from "./unsettled.ts";

export class ContentWriter {
  bytesSince = 0;
  #file: DiskFile;
  #end: number;
  constructor(disk: Disk, readonly log: LogReader, _db: DatabaseSync) {
    disk.makeFolder("packs");
    this.#file = disk.open("packs/raw", { create: true });
    this.#end = this.#file.size();
  }
  store(base: NodeRow, spans: readonly Span[]): { content: Uint8Array | null; size: number } {
    let max = base.size;
    let size = base.size;
    for (const { end } of spans) max = Math.max(max, end);
    const bytes = new Uint8Array(max);
    if (base.content) {
      this.#file.pread(bytes.subarray(0, base.size), new Float64Array(base.content.slice().buffer)[0]);
    }
    for (const { start, end, segment, position } of spans) {
      if (start === undefined) {
        if (end < size) bytes.fill(0, end);
        size = end;
        continue;
      }
      this.log.read(segment, position, bytes.subarray(start, end));
      size = Math.max(size, end);
    }
    if (size === 0) return { content: null, size };
    const at = this.#end;
    this.#file.pwrite(bytes.subarray(0, size), at);
    this.#end += size;
    this.bytesSince += size;
    return { content: new Uint8Array(new Float64Array([at]).buffer), size };
  }
  sync(): void {}
  close(): void {
    this.#file.close();
  }
}
