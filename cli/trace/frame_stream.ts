import { HEADER_BYTES } from "../../9p/mod.ts";

/** No server agrees to more, 8 MiB and the header; what claims to be larger is no 9P. */
const FRAME_BYTES_MAX = 8 * 1024 * 1024 + 24;

/** Puts the frames together that pass in one direction. */
export class FrameStream {
  #rest: Uint8Array<ArrayBuffer> = new Uint8Array();

  /**
   * The frames that are whole now, as bytes of their own. Throws once the stream is no 9P; it cannot be followed from
   * there on.
   */
  *push(bytes: Uint8Array): Generator<Uint8Array<ArrayBuffer>> {
    const all = new Uint8Array(this.#rest.byteLength + bytes.byteLength);
    all.set(this.#rest);
    all.set(bytes, this.#rest.byteLength);
    const view = new DataView(all.buffer);
    let at = 0;
    while (all.byteLength - at >= 4) {
      const size = view.getUint32(at, true);
      if (size < HEADER_BYTES || size > FRAME_BYTES_MAX) {
        throw new Error(`A frame of ${size} bytes: 9P has ${HEADER_BYTES} to ${FRAME_BYTES_MAX}`);
      }
      if (all.byteLength - at < size) break;
      yield all.slice(at, at + size);
      at += size;
    }
    this.#rest = all.subarray(at);
  }
}
