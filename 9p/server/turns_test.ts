import assert from "node:assert/strict";
import { TGETATTR } from "./eager/_peers.ts";
import { Slice, turns } from "./turns.ts";

const FOR_MS = 600;

Deno.test("Slice.breathe and turns.next let sockets have their turn between pieces of work", async (t) => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  await t.step("of 1 ms and more", async () => {
    const slice = new Slice();
    await answers(listener, async () => {
      spin(0.2);
      await slice.breathe();
    });
  });
  await t.step("of 0.2 ms, two at a time", () =>
    answers(listener, async () => {
      const piece = async () => {
        await turns.next();
        spin(0.2);
      };
      await Promise.all([piece(), piece()]);
    }));
});

Deno.test("Slice.breathe is undefined as long as nothing has taken long", () => {
  assert.equal(new Slice().breathe(), undefined);
});

/** Answers a client in another process while it works piece by piece. */
async function answers(listener: Deno.TcpListener, piece: () => Promise<void>): Promise<void> {
  const client = asking(listener.addr.port);
  const conn = await listener.accept();
  const into = new Uint8Array(64);
  const serving = (async () => {
    for (let count; (count = await conn.read(into)) !== null;) await conn.write(into.subarray(0, count));
    conn.close();
  })();
  let pieces = 0;
  for (const end = performance.now() + FOR_MS; performance.now() < end; pieces++) await piece();
  await serving;
  const tookMs = new TextDecoder().decode((await client.output()).stdout).split(" ").map(Number);
  const median = tookMs.toSorted((a, b) => a - b)[tookMs.length >> 1];
  // A machine that does other things as well makes some longer. By `setImmediate` half of them took 20 ms and more.
  assert(median < 10 && tookMs.length > 10, `${tookMs.length} answers, half within ${median} ms`);
  assert(pieces > FOR_MS / 4, `${pieces} pieces in ${FOR_MS} ms`);
}

/** A client that asks again a millisecond after each answer, and writes how long each took. */
function asking(port: number): Deno.ChildProcess {
  const program = `
    const conn = await Deno.connect({ hostname: "127.0.0.1", port: ${port} });
    conn.setNoDelay();
    const into = new Uint8Array(64), frame = new Uint8Array([${TGETATTR}]), took = [];
    for (const end = performance.now() + ${FOR_MS / 2}; performance.now() < end;) {
      const begun = performance.now();
      await conn.write(frame);
      await conn.read(into);
      took.push(performance.now() - begun);
      await new Promise((wake) => setTimeout(wake, 1));
    }
    conn.close();
    console.log(took.join(" "));`;
  return new Deno.Command(Deno.execPath(), { args: ["eval", program], stdout: "piped" }).spawn();
}

function spin(ms: number): void {
  for (const end = performance.now() + ms; performance.now() < end;);
}
