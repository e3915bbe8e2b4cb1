/**
 * Enough of 9P2000.L for the benchmarks to ask with: written by itself, so that the code that is measured has no part
 * in judging itself.
 */
export const Type = {
  Rlerror: 7,
  Tlopen: 12,
  Tgetattr: 24,
  Treaddir: 40,
  Tversion: 100,
  Tattach: 104,
  Twalk: 110,
  Twrite: 118,
  Tclunk: 120,
} as const;

export const ROOT_FID = 0;
const NOTAG = 0xffff;
const NOFID = 0xffffffff;
const HEADER_BYTES = 7;

export interface Reply {
  readonly type: number;
  readonly tag: number;
  /** A view that dies with the next reply. */
  readonly body: DataView;
}

/** One connection, attached. Requests may be sent ahead of their replies. */
export class RawClient {
  #buffer = new Uint8Array(1 << 17);
  #start = 0;
  #end = 0;

  private constructor(readonly connection: Deno.TcpConn) {}

  /** ConnectionRefused where nobody listens yet. */
  static async attach(port: number, aname: string): Promise<RawClient> {
    const client = new RawClient(await Deno.connect({ hostname: "127.0.0.1", port }));
    client.connection.setNoDelay(true);
    try {
      await client.ask(frame(Type.Tversion, NOTAG, u32(65_536), text("9P2000.L")));
      const uid = Deno.uid() ?? 0;
      await client.ask(frame(Type.Tattach, 1, u32(ROOT_FID), u32(NOFID), text(""), text(aname), u32(uid)));
      return client;
    } catch (thrown) {
      client.close();
      throw thrown;
    }
  }

  async send(frames: readonly Uint8Array[]): Promise<void> {
    const bytes = concat(frames);
    for (let sent = 0; sent < bytes.length;) sent += await this.connection.write(bytes.subarray(sent));
  }

  /** The next reply; an Rlerror is thrown. */
  async reply(): Promise<Reply> {
    for (;;) {
      const view = new DataView(this.#buffer.buffer, this.#start, this.#end - this.#start);
      const size = view.byteLength >= HEADER_BYTES ? view.getUint32(0, true) : Infinity;
      if (size <= view.byteLength) {
        this.#start += size;
        const type = view.getUint8(4);
        const body = new DataView(view.buffer, view.byteOffset + HEADER_BYTES, size - HEADER_BYTES);
        if (type === Type.Rlerror) throw new Error(`The server answered errno ${body.getUint32(0, true)}`);
        return { type, tag: view.getUint16(5, true), body };
      }
      this.#buffer.copyWithin(0, this.#start, this.#end);
      this.#end -= this.#start;
      this.#start = 0;
      const n = await this.connection.read(this.#buffer.subarray(this.#end));
      if (n === null) throw new Error("The server closed the connection");
      this.#end += n;
    }
  }

  /** Sends one request and waits for its reply, which must be of its type. */
  async ask(request: Uint8Array): Promise<Reply> {
    await this.send([request]);
    const reply = await this.reply();
    if (reply.type !== request[4] + 1) {
      throw new Error(`Type ${request[4]} was answered by type ${reply.type}`);
    }
    return reply;
  }

  /** Sends many requests, a batch at a time, and waits for as many replies of their type. */
  async askAll(count: number, make: (i: number) => Uint8Array): Promise<void> {
    for (let done = 0; done < count; done += BATCH) {
      const requests = Array.from({ length: Math.min(BATCH, count - done) }, (_, i) => make(done + i));
      await this.send(requests);
      for (const request of requests) {
        const { type } = await this.reply();
        if (type !== request[4] + 1) throw new Error(`Type ${request[4]} was answered by type ${type}`);
      }
    }
  }

  close(): void {
    this.connection.close();
  }
}

const BATCH = 500;

export function frame(type: number, tag: number, ...fields: readonly Uint8Array[]): Uint8Array {
  const body = concat(fields);
  const bytes = new Uint8Array(HEADER_BYTES + body.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, bytes.length, true);
  view.setUint8(4, type);
  view.setUint16(5, tag, true);
  bytes.set(body, HEADER_BYTES);
  return bytes;
}

/** `size[4] Twalk tag[2] fid[4] newfid[4] nwname[2] nwname*(wname[s])` */
export function walk(tag: number, newFid: number, names: readonly string[]): Uint8Array {
  return frame(Type.Twalk, tag, u32(ROOT_FID), u32(newFid), u16(names.length), ...names.map(text));
}

export function u16(value: number): Uint8Array {
  return new Uint8Array([value & 255, value >> 8]);
}

export function u32(value: number): Uint8Array {
  return new Uint8Array(new Uint32Array([value]).buffer);
}

export function u64(value: bigint): Uint8Array {
  return new Uint8Array(new BigUint64Array([value]).buffer);
}

export function text(value: string): Uint8Array {
  const bytes = new TextEncoder().encode(value);
  return concat([u16(bytes.length), bytes]);
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
