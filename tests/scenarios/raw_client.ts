import { NONUNAME } from "../../9p/principal.ts";
import { codecOf, HEADER_BYTES, NOFID, NOTAG } from "../../9p/wire/codec.ts";
import type { Body, Message, TName } from "../../9p/wire/messages.ts";
import { Reader } from "../../9p/wire/reader.ts";
import { parseAddress } from "../../9p/address.ts";
import { frameOf, rawFrame, type ReplyTo } from "../conformance/wire.ts";

const DIALECT = "9P2000.L";
const O_RDWR = 2;

/** A client that reads from its socket only when it is told to: one that can be silent, slow or half dead. */
export class RawClient {
  /** The root of the tree, and the file that `open` opened. */
  readonly root = 0;
  readonly file = 1;
  msize = 0;

  constructor(readonly conn: Deno.Conn) {}

  static async dial(address: string, msize: number): Promise<RawClient> {
    const at = parseAddress(address);
    const client = new RawClient(
      at.net === "unix"
        ? await Deno.connect({ transport: "unix", path: at.path })
        : await Deno.connect({ hostname: at.host, port: at.port }),
    );
    const { msize: agreed } = await client.rpc("Tversion", { msize, version: DIALECT }, NOTAG);
    client.msize = agreed;
    const who = { uname: "scenario", aname: "", nUname: NONUNAME };
    await client.rpc("Tattach", { fid: client.root, afid: NOFID, ...who });
    return client;
  }

  async open(...names: string[]): Promise<void> {
    await this.rpc("Twalk", { fid: this.root, newfid: this.file, wname: names });
    await this.rpc("Tlopen", { fid: this.file, flags: O_RDWR });
  }

  async send<K extends TName>(name: K, body: Body<K>, tag = 1): Promise<void> {
    await this.sendBytes(frameOf(DIALECT, name, tag, body));
  }

  async sendBytes(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.byteLength;) at += await this.conn.write(bytes.subarray(at));
  }

  /** A Twrite that announces so many bytes, and sends only those. */
  async sendPartOfWrite(announced: number, sent: Uint8Array): Promise<void> {
    const body = new Uint8Array(16);
    const view = new DataView(body.buffer);
    view.setUint32(0, this.file, true);
    view.setUint32(12, announced, true);
    const start = rawFrame(TWRITE, 1, body);
    new DataView(start.buffer).setUint32(0, HEADER_BYTES + body.byteLength + announced, true);
    await this.sendBytes(start);
    await this.sendBytes(sent);
  }

  /** The next reply, whatever it is. */
  async receive(): Promise<Message> {
    const head = await this.#exactly(HEADER_BYTES);
    const view = new DataView(head.buffer);
    const body = await this.#exactly(view.getUint32(0, true) - HEADER_BYTES);
    const reply = codecOf(DIALECT).decode(view.getUint8(4), view.getUint16(5, true), new Reader(body));
    if (!reply) throw new Error(`A reply of type ${view.getUint8(4)}`);
    return reply;
  }

  async rpc<K extends TName>(name: K, body: Body<K>, tag = 1): Promise<Message<ReplyTo<K>>> {
    await this.send(name, body, tag);
    const reply = await this.receive();
    if (reply.kind !== `R${name.slice(1)}`) {
      throw new Error(`${name} was answered by ${JSON.stringify(reply)}`);
    }
    return reply as Message<ReplyTo<K>>;
  }

  /** Reads what comes until the other side closes; says how many bytes that were. */
  async drain(): Promise<number> {
    const bytes = new Uint8Array(64 * 1024);
    let sum = 0;
    try {
      for (let count; (count = await this.conn.read(bytes)) !== null;) sum += count;
    } catch {
      // A reset is an end like another.
    }
    return sum;
  }

  close(): void {
    try {
      this.conn.close();
    } catch {
      // The other side was faster.
    }
  }

  async #exactly(count: number): Promise<Uint8Array<ArrayBuffer>> {
    const bytes = new Uint8Array(count);
    for (let at = 0; at < count;) {
      const more = await this.conn.read(bytes.subarray(at));
      if (more === null) throw new Error("The connection was closed within a reply");
      at += more;
    }
    return bytes;
  }
}

const TWRITE = 118;
