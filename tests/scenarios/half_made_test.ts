/** A directory that is made and cannot be opened, which is one request in 9P2000: it is not there either. */
import type { Call, FileServer } from "../../9p/mod.ts";
import { NineError } from "../../9p/mod.ts";
import { Dm } from "../../9p/wire/stat.ts";
import assert from "node:assert/strict";
import { connect, refuses } from "./connect.ts";
import { serveHere } from "./in_process.ts";

for (const later of [false, true]) {
  Deno.test(`a directory that cannot be opened ${later ? "in the end" : "at once"} is not made`, async () => {
    let isFull = false;
    const full = (tree: FileServer): FileServer => ({
      ...tree,
      open(node: unknown, flags: number, call: Call) {
        if (!isFull) return tree.open!(node, flags, call);
        const error = new NineError("ENFILE", "No more files can be opened: the test says so");
        if (later) return Promise.reject(error);
        throw error;
      },
    } as FileServer);
    await using served = await serveHere({ wrap: full });
    const client = await connect(served.socket, { dialect: "9P2000.u" });
    const data = await client.walk(client.root, "data");
    const make = () =>
      client.walk(data).then((fid) => client.createOn(fid, "dir", { perm: Dm.DIR + 0o755, access: "r" }));
    isFull = true;
    await refuses("ENFILE", make());
    assert.equal(await client.has(data, "dir"), false);
    isFull = false;
    await make();
    assert.equal(await client.has(data, "dir"), true);
    client.wire.close();
  });
}
