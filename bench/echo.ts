/**
 * The least that a 9P server on Deno can do: every request gets a canned reply of the right type and size. No
 * decoding, no fids, no files. Run by the benchmark: `deno run -A bench/echo.ts PORT`.
 */
const RGETATTR_BYTES = 160;
const QID_BYTES = 13;
/** The types that load9p sends before and while it measures getattr. */
const T = { version: 100, attach: 104, walk: 110, getattr: 24 };

const listener = Deno.listen({ hostname: "127.0.0.1", port: Number(Deno.args[0]) });
for await (const connection of listener) {
  connection.setNoDelay(true);
  // A client that goes away ends its own connection only.
  serve(connection).catch(() => {});
}

async function serve(connection: Deno.TcpConn): Promise<void> {
  const input = new Uint8Array(65_536);
  const output = new Uint8Array(1 << 20);
  const asked = new DataView(input.buffer);
  const answer = new DataView(output.buffer);
  let have = 0;
  for (;;) {
    const n = await connection.read(input.subarray(have));
    if (n === null) return;
    have += n;
    let at = 0;
    let length = 0;
    while (have - at >= 7 && have - at >= asked.getUint32(at, true)) {
      const size = asked.getUint32(at, true);
      length += reply(input.subarray(at, at + size), output, answer, length);
      at += size;
    }
    input.copyWithin(0, at, have);
    have -= at;
    for (let sent = 0; sent < length;) sent += await connection.write(output.subarray(sent, length));
  }
}

function reply(request: Uint8Array, output: Uint8Array, answer: DataView, at: number): number {
  const type = request[4];
  let size = 7;
  if (type === T.version) {
    output.set(request, at);
    size = request.length;
  } else if (type === T.attach) size += QID_BYTES;
  else if (type === T.walk) {
    output[at + 7] = request[15];
    output[at + 8] = request[16];
    size += 2 + QID_BYTES * (request[15] | request[16] << 8);
  } else if (type === T.getattr) size = RGETATTR_BYTES;
  answer.setUint32(at, size, true);
  output[at + 4] = type + 1;
  output[at + 5] = request[5];
  output[at + 6] = request[6];
  return size;
}
