/** A request as the smallest there are, for tests. */
export const TGETATTR = new Uint8Array([11, 0, 0, 0, 24, 0, 0, 1, 2, 3, 4]);

/** Both ends of a new connection, the server's first. */
export async function pair(hostname = "127.0.0.1"): Promise<[Deno.TcpConn, Deno.TcpConn]> {
  using listener = Deno.listen({ hostname, port: 0 });
  const [server, client] = await Promise.all([
    listener.accept(),
    Deno.connect({ hostname, port: listener.addr.port }),
  ]);
  server.setNoDelay();
  client.setNoDelay();
  return [server, client];
}

/** A client in a process of its own, which hammers at depth 1 and writes how many turns it had. */
export function hammer(port: number, ms: number): Deno.ChildProcess {
  const program = `
    const conn = await Deno.connect({ hostname: "127.0.0.1", port: ${port} });
    conn.setNoDelay();
    const into = new Uint8Array(64), frame = new Uint8Array([${TGETATTR}]);
    let turns = 0;
    for (const end = performance.now() + ${ms}; performance.now() < end; turns++) {
      await conn.write(frame);
      await conn.read(into);
    }
    conn.close();
    console.log(turns);`;
  return new Deno.Command(Deno.execPath(), { args: ["eval", program], stdout: "piped" }).spawn();
}
