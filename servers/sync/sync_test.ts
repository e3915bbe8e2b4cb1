import assert from "node:assert/strict";
import { type Call, Errno, errnoOf, O } from "../../9p/mod.ts";
import { exchangeServer } from "./mod.ts";

const call = { signal: new AbortController().signal } as Call;

Deno.test("a file of exchanges that is opened for reading alone is empty, so that grep -r and tar of a whole mount end well", async () => {
  const server = exchangeServer({
    names: () => ["data"],
    open: () => assert.fail("an exchange begins"),
  }, { uid: "me", gid: "me" });
  const node = await server.walk(await server.attach("", call), "data", call);
  const handle = await server.open!(node, O.RDONLY, call);
  assert.equal(await server.read!(node, handle, 0, new Uint8Array(100), call), 0);
  await server.close!(node, handle, call);
  await assert.rejects(
    async () => await server.open!(node, O.WRONLY, call),
    (thrown) => errnoOf(thrown) === Errno.EINVAL,
  );
});
