import assert from "node:assert/strict";
import { hammer, pair, TGETATTR } from "./_peers.ts";
import { Descriptor } from "./descriptor.ts";

const ignore = !Descriptor.isPossible;

for (const hostname of ["127.0.0.1", "::1"]) {
  Deno.test({
    name: `Descriptor.of finds the socket of each connection at ${hostname}`,
    ignore,
    async fn() {
      const pairs = [await pair(hostname), await pair(hostname), await pair(hostname)];
      for (const [server, client] of pairs) {
        const descriptor = Descriptor.of(server)!;
        assert.equal(descriptor.receive(new Uint8Array(8)), -1);
        assert.equal(descriptor.send(TGETATTR), TGETATTR.length);
        const into = new Uint8Array(64);
        assert.equal(await client.read(into), TGETATTR.length);
        await client.write(new Uint8Array([7]));
        let count;
        while ((count = descriptor.receive(into)) < 0) await new Promise((wake) => setTimeout(wake, 1));
        assert.deepEqual([count, into[0]], [1, 7]);
        descriptor.close();
        descriptor.close();
        assert.throws(() => descriptor.receive(into), Deno.errors.BadResource);
      }
      for (const conn of pairs.flat()) conn.close();
    },
  });
}

Deno.test({
  name: "Descriptor.of finds an IPv4 client of a listener for both, and nothing for a closed connection",
  ignore,
  async fn() {
    using listener = Deno.listen({ hostname: "::", port: 0 });
    const connecting = Deno.connect({ hostname: "127.0.0.1", port: listener.addr.port });
    const [server, client] = await Promise.all([listener.accept(), connecting]);
    const descriptor = Descriptor.of(server)!;
    descriptor.close();
    server.close();
    client.close();
    await new Promise((wake) => setTimeout(wake, 10));
    assert.equal(Descriptor.of(server), undefined);
  },
});

Deno.test({
  name: "Descriptor keeps its number when Deno closes the connection, which is shut down all the same",
  ignore,
  async fn() {
    const [server, client] = await pair();
    const descriptor = Descriptor.of(server)!;
    server.close();
    const [later, other] = await pair();
    assert.equal(descriptor.send(TGETATTR), 0);
    const into = new Uint8Array(64);
    assert.equal(await client.read(into), null);
    descriptor.close();
    for (const conn of [client, later, other]) conn.close();
  },
});

Deno.test({
  name: "Descriptor.receive tells the end from nothing, and a reset from both",
  ignore,
  async fn() {
    const into = new Uint8Array(64);
    const [server, client] = await pair();
    const descriptor = Descriptor.of(server)!;
    await client.closeWrite();
    assert.equal(descriptor.receive(into), 0);
    // Half-closed: the client still gets its reply.
    assert.equal(descriptor.send(TGETATTR), TGETATTR.length);
    assert.equal(await client.read(into), TGETATTR.length);
    // Closing with bytes unread resets.
    descriptor.send(TGETATTR);
    await new Promise((wake) => setTimeout(wake, 10));
    client.close();
    await new Promise((wake) => setTimeout(wake, 10));
    assert.equal(descriptor.send(TGETATTR), 0);
    descriptor.close();
    server.close();

    // Who is killed with bytes unread resets at once.
    using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const child = hammer(listener.addr.port, 60_000);
    const other = await listener.accept();
    const second = Descriptor.of(other)!;
    child.kill("SIGSTOP");
    while (second.receive(into) > 0);
    second.send(TGETATTR);
    child.kill("SIGKILL");
    await child.output();
    await new Promise((wake) => setTimeout(wake, 10));
    assert.throws(() => {
      while (second.receive(into) > 0);
    }, Deno.errors.ConnectionReset);
    second.close();
    other.close();
  },
});
