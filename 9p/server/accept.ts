/** How long a listener pauses when the machine has no descriptor left for another client, ms. */
const PAUSE_MS = 100;

/** Takes clients until the listener is closed. Running out of descriptors delays the next client and ends nothing. */
export async function accept(
  listener: Deno.Listener,
  serve: (conn: Deno.Conn) => void,
  onError: (thrown: unknown) => void,
): Promise<void> {
  // A node without descriptors meets the same error ten times a second, and one line in the log says it all.
  let isTold = false;
  for (;;) {
    try {
      const conn = await listener.accept();
      isTold = false;
      // Small replies must not wait for more to come.
      if (conn.localAddr.transport === "tcp") (conn as Deno.TcpConn).setNoDelay();
      serve(conn);
    } catch (thrown) {
      if (thrown instanceof Deno.errors.BadResource || thrown instanceof Deno.errors.Interrupted) return;
      if (!isTold) onError(thrown);
      isTold = true;
      await new Promise((wake) => setTimeout(wake, PAUSE_MS));
    }
  }
}
