import { NineError } from "../../9p/mod.ts";

/** What a frame of an exchange holds. */
export const FRAME = {
  /** A message between the two copies. */
  message: 1,
  /** JSON, for or from whoever carries the messages: what is wanted, how far it is, what came of it. */
  word: 2,
} as const;

/** `length[4] kind[1]`, little-endian; the length is that of what follows. */
const HEAD_BYTES = 5;
export const FRAME_BYTES_MAX = 4 * 1024 * 1024;
/** With more bytes that the Worker has not looked at, whoever writes waits. */
const WAITING_BYTES_MAX = 8 * 1024 * 1024;

export interface Frame {
  readonly kind: number;
  readonly payload: Uint8Array;
}

export function packFrame({ kind, payload }: Frame): Uint8Array {
  const bytes = new Uint8Array(HEAD_BYTES + payload.byteLength);
  new DataView(bytes.buffer).setUint32(0, payload.byteLength, true);
  bytes[4] = kind;
  bytes.set(payload, HEAD_BYTES);
  return bytes;
}

/** Puts frames together from bytes as they come. */
export class FrameReader {
  #parts: Uint8Array[] = [];
  #bytes = 0;

  /** The frames that are whole with these bytes. EINVAL for what is none. */
  *add(bytes: Uint8Array): Generator<Frame> {
    this.#parts.push(bytes);
    this.#bytes += bytes.byteLength;
    while (this.#bytes >= HEAD_BYTES) {
      const head = this.#peek(HEAD_BYTES);
      const length = new DataView(head.buffer, head.byteOffset).getUint32(0, true);
      if (length > FRAME_BYTES_MAX || head[4] !== FRAME.message && head[4] !== FRAME.word) {
        throw new NineError(
          "EINVAL",
          `A frame of ${length} bytes of kind ${
            head[4]
          } came, allowed are ${FRAME_BYTES_MAX} bytes of kinds 1 and 2`,
        );
      }
      if (this.#bytes < HEAD_BYTES + length) return;
      const whole = this.#peek(HEAD_BYTES + length);
      this.#parts = [this.#parts[0].subarray(HEAD_BYTES + length)];
      this.#bytes -= HEAD_BYTES + length;
      yield { kind: whole[4], payload: whole.subarray(HEAD_BYTES, HEAD_BYTES + length) };
    }
  }

  /** The first bytes, in one piece. */
  #peek(count: number): Uint8Array {
    if (this.#parts[0].byteLength < count) {
      const whole = new Uint8Array(this.#bytes);
      let at = 0;
      for (const part of this.#parts) {
        whole.set(part, at);
        at += part.byteLength;
      }
      this.#parts = [whole];
    }
    return this.#parts[0];
  }
}

export interface ExchangeOptions {
  /** Gives a frame to the Worker. */
  post(frame: Frame): void;
  /** Tells the Worker that so many bytes of frames were read. */
  onRead(bytes: number): void;
  /** Tells it that nobody reads any more. */
  onClose(): void;
}

/** The main isolate's end of an exchange that the state Worker holds with another copy: bytes in, bytes out. */
export class Exchange {
  readonly #reader = new FrameReader();
  /** What waits to be read. */
  readonly #out: Uint8Array[] = [];
  /** Bytes of the first of them, with what was read of it. */
  #whole = 0;
  #wake: (() => void) | undefined;
  #isEnded = false;
  #failure: NineError | undefined;
  /** Bytes that the Worker has not looked at. */
  #untaken = 0;
  #room: PromiseWithResolvers<void> | undefined;

  constructor(readonly options: ExchangeOptions) {}

  /** Resolves when there is room for more. EPIPE once it has ended. */
  write(bytes: Uint8Array): void | Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#isEnded) throw new NineError("EPIPE", "The exchange has ended: open another one");
    for (const frame of this.#reader.add(bytes)) {
      this.#untaken += frame.payload.byteLength;
      this.options.post(frame);
    }
    if (this.#untaken <= WAITING_BYTES_MAX) return;
    this.#room ??= Promise.withResolvers();
    return this.#room.promise;
  }

  /** The next bytes, at most `max`; none at the end. */
  read(max: number, signal: AbortSignal): Uint8Array | Promise<Uint8Array> {
    const next = this.#take(max);
    if (next !== undefined) return next;
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#isEnded) return new Uint8Array();
    return this.#waitFor(max, signal);
  }

  close(): void {
    this.end();
    this.options.onClose();
  }

  /** A frame from the Worker. */
  push(frame: Frame): void {
    if (this.#isEnded) return;
    this.#out.push(packFrame(frame));
    if (this.#out.length === 1) this.#whole = this.#out[0].byteLength;
    this.#wake?.();
  }

  /** The Worker has looked at so many bytes more. */
  took(bytes: number): void {
    this.#untaken -= bytes;
    if (this.#untaken > WAITING_BYTES_MAX / 2) return;
    this.#room?.resolve();
    this.#room = undefined;
  }

  /** Nothing more comes: what is there can still be read. With a reason, the next read fails with it. */
  end(failure?: NineError): void {
    this.#isEnded = true;
    this.#failure ??= failure;
    this.#room?.resolve();
    this.#wake?.();
  }

  #take(max: number): Uint8Array | undefined {
    const [first] = this.#out;
    if (first === undefined) return undefined;
    if (first.byteLength <= max) {
      this.options.onRead(this.#whole - HEAD_BYTES);
      this.#out.shift();
      this.#whole = this.#out[0]?.byteLength ?? 0;
      return first;
    }
    this.#out[0] = first.subarray(max);
    return first.subarray(0, max);
  }

  async #waitFor(max: number, signal: AbortSignal): Promise<Uint8Array> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wake = resolve;
    signal.addEventListener("abort", () => resolve(), { once: true });
    await promise;
    this.#wake = undefined;
    signal.throwIfAborted();
    return this.read(max, signal);
  }
}
