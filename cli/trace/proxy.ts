import { type Address, dial, type Duplex, reasonOf } from "../../9p/mod.ts";
import { Follower, type Passed, type Summary } from "./follower.ts";
import { FrameStream } from "./frame_stream.ts";

export interface ProxyOptions {
  readonly target: Address;
  readonly summary: Summary;
  /** Told of each message, with the number of its connection, from 1. */
  readonly onMessage: (connection: number, passed: Passed) => void;
  /** Told what happens to connections. */
  readonly onNote: (connection: number, text: string) => void;
}

/** Moved at a time, bytes. */
const PART_BYTES = 256 * 1024;

/** Passes the bytes of one client on to the target and back, unchanged, until either side ends. */
export async function proxy(number: number, client: Duplex, options: ProxyOptions): Promise<void> {
  const { summary, onNote } = options;
  let server: Duplex;
  try {
    server = await dial(options.target);
  } catch (thrown) {
    onNote(number, reasonOf(thrown));
    client.close();
    return;
  }
  onNote(number, "connected");
  const follower = new Follower(summary, () => performance.now());
  const pump = async (from: "client" | "server", source: Duplex, target: Duplex) => {
    let frames: FrameStream | undefined = new FrameStream();
    const buffer = new Uint8Array(PART_BYTES);
    for (let count = await source.read(buffer); count !== null; count = await source.read(buffer)) {
      const bytes = buffer.subarray(0, count);
      try {
        // Noted before it is passed on, so that a reply is never seen before its request.
        if (frames) {
          for (const frame of frames.push(bytes)) options.onMessage(number, follower.pass(from, frame));
        }
      } catch (thrown) {
        onNote(number, `The ${from} sent what is no 9P, which is passed on unread: ${reasonOf(thrown)}`);
        frames = undefined;
      }
      for (let done = 0; done < count;) done += await target.write(bytes.subarray(done));
    }
  };
  const ended = await Promise.race([
    pump("client", client, server).then(() => "the client ended", reasonOf),
    pump("server", server, client).then(() => "the server ended", reasonOf),
  ]);
  for (const side of [client, server]) {
    try {
      side.close();
    } catch { /* It was closed already. */ }
  }
  onNote(number, ended);
}
