import assert from "node:assert/strict";
import { served } from "../client/_served.ts";
import { Client } from "../client/client.ts";
import { errnoOf, NineError } from "../error.ts";
import { Errno } from "../errno.ts";
import { NONUNAME } from "../principal.ts";
import { Qt } from "../qid.ts";
import { dial } from "../net.ts";
import { NOFID } from "../wire/codec.ts";
import type { Address } from "../address.ts";
import type { ErrorReport } from "./engine.ts";
import { type FileServer, plainAttr } from "./file_server.ts";

const REFUSING: FileServer<object> = {
  attach: () => REFUSING,
  qid: () => ({ type: Qt.DIR, version: 0, path: 1 }),
  name: () => "/",
  parent: (node) => node,
  getattr: (node) => plainAttr(REFUSING.qid(node), 0o040755, "o", "o"),
  walk(_dir, name) {
    throw new NineError("ENOENT", name === "long" ? "x".repeat(10_000) : `No ${name}`);
  },
};

async function attached(address: Address, uname = ""): Promise<Client> {
  const client = await Client.start(await dial(address), { msize: 1 << 21 });
  await client.rpc("Tattach", { fid: 0, afid: NOFID, uname, aname: "", nUname: NONUNAME });
  return client;
}

const failsWith = (name: keyof typeof Errno) => (thrown: unknown) => errnoOf(thrown) === Errno[name];

Deno.test("Session.fail: what is told of an error is bounded, however long its names are", async () => {
  const reports: ErrorReport[] = [];
  await using on = await served(REFUSING, { onError: (report) => reports.push(report) });
  await using client = await attached(on.address);
  const wname = Array.from({ length: 16 }, () => "x".repeat(62_000));
  await assert.rejects(client.rpc("Twalk", { fid: 0, newfid: 1, wname }), failsWith("ENAMETOOLONG"));
  await assert.rejects(client.rpc("Twalk", { fid: 0, newfid: 1, wname: ["y"] }), failsWith("ENOENT"));
  await assert.rejects(client.rpc("Twalk", { fid: 0, newfid: 1, wname: ["long"] }), failsWith("ENOENT"));
  const [long, short, reason] = reports;
  assert.match(reason.reason, /^x{4096}…$/);
  assert.match(long.path!, /^\/x+…$/);
  assert.equal(long.path!.length, 4097);
  assert.ok(long.reason.length <= 4097, long.reason);
  assert.deepEqual([short.path, short.reason], ["/y", "No y"]);
});

Deno.test("Session: more than 1024 requests at once are refused, but for those that end others", async () => {
  const blocking: FileServer<object> = {
    ...REFUSING,
    qid: () => ({ type: Qt.FILE, version: 0, path: 1 }),
    read: (_node, _handle, _offset, _into, { signal }) =>
      new Promise((_, reject) =>
        signal.addEventListener("abort", () => reject(new NineError("EINTR", "Over")))
      ),
  };
  await using on = await served(blocking);
  await using client = await attached(on.address);
  await client.rpc("Tlopen", { fid: 0, flags: 0 });
  const aborter = new AbortController();
  const read = () => client.rpc("Tread", { fid: 0, offset: 0, count: 100 }, aborter.signal);
  const reads = Array.from({ length: 1024 }, () => read().catch(() => "ended"));
  await assert.rejects(read(), failsWith("ENOBUFS"));
  await assert.rejects(client.rpc("Tgetattr", { fid: 0, requestMask: 0 }), failsWith("ENOBUFS"));
  aborter.abort();
  await Promise.all(reads);
  await client.rpc("Tgetattr", { fid: 0, requestMask: 0 });
  const again = Array.from(
    { length: 1024 },
    () => client.rpc("Tread", { fid: 0, offset: 0, count: 100 }).catch(() => "ended"),
  );
  await client.rpc("Tclunk", { fid: 0 });
  await Promise.all(again);
});

Deno.test("extended attributes: a name with a NUL is refused before any server sees it, as lists end names by it", async () => {
  const seen: string[] = [];
  const keeping: FileServer<object> = {
    ...REFUSING,
    getxattr(_node, name) {
      seen.push(name);
      return new Uint8Array(1);
    },
    setxattr: (_node, name) => void seen.push(name),
  };
  await using on = await served(keeping);
  await using client = await attached(on.address);
  await client.rpc("Txattrwalk", { fid: 0, newfid: 1, name: "user.a" });
  for (const name of ["user.a\0b", "\0"]) {
    await assert.rejects(client.rpc("Txattrwalk", { fid: 0, newfid: 2, name }), failsWith("EINVAL"));
    const create = { fid: 0, name, attrSize: 0, flags: 0 };
    await assert.rejects(client.rpc("Txattrcreate", create), failsWith("EINVAL"));
  }
  await client.rpc("Txattrcreate", { fid: 0, name: "user.b", attrSize: 0, flags: 0 });
  await client.rpc("Tclunk", { fid: 0 });
  assert.deepEqual(seen, ["user.a", "user.b"]);
});

Deno.test("a lock ends with its fid, also where the file's qid is another by then", async () => {
  let path = 1;
  await using on = await served({ ...REFUSING, qid: () => ({ type: Qt.FILE, version: 1, path }) });
  await using client = await attached(on.address);
  await client.rpc("Tlopen", { fid: 0, flags: 0 });
  const range = { flags: 0, start: 0, length: 0, procId: 1, clientId: "c" };
  await client.rpc("Tlock", { fid: 0, type: 1, ...range });
  // As where something was bound over it.
  path = 2;
  await client.rpc("Tclunk", { fid: 0 });
  assert.equal(on.engine.locks.size, 0);
});

Deno.test("fids: a stranger's session has at most a quarter of what others leave, and the owner always some", async () => {
  await using on = await served(REFUSING, { fidsMax: 1600 });
  const clients: Client[] = [];
  const clone = (client: Client, newfid: number) => client.rpc("Twalk", { fid: 0, newfid, wname: [] });
  const takeAll = async (uname: string): Promise<number> => {
    const client = await attached(on.address, uname);
    clients.push(client);
    for (let fid = 1;; fid++) {
      try {
        await clone(client, fid);
      } catch (thrown) {
        assert.ok(failsWith("EMFILE")(thrown), `${thrown}`);
        return fid;
      }
    }
  };
  assert.equal(await takeAll("none"), 375);
  assert.equal(await takeAll("none"), 281);
  await clients[1].rpc("Tclunk", { fid: 1 });
  await clone(clients[1], 1);
  for (let i = 0; i < 10; i++) await takeAll("none");
  assert.ok(await takeAll("owner") > 100);
  assert.equal(on.engine.fids, 1600);
  for (const client of clients) await client[Symbol.asyncDispose]();
});
