import assert from "node:assert/strict";
import { type Call, Errno, NineError, O, S, type User } from "../../9p/mod.ts";
import { mem } from "../../servers/mem/mod.ts";
import { FilesDesk } from "./files_desk.ts";
import type { FileOp, NodeCard } from "./remote_files.ts";

const OWNER: User = { name: "owner", groups: new Set(["owner"]), standing: "owner" };
const CALL: Call = { user: OWNER, signal: new AbortController().signal };

function desk(writable: boolean) {
  const server = mem();
  const desk = new FilesDesk();
  const [{ card }] = desk.admit([{
    guestPath: "/",
    server,
    root: server.attach("", CALL),
    writable,
    call: CALL,
  }]);
  const value = (ask: FileOp) => (desk.answer(ask) as { value: unknown }).value;
  return { desk, root: card, value };
}

const refused = (errno: number) => (error: unknown) => {
  assert.ok(error instanceof NineError, String(error));
  assert.equal(error.errno, errno, error.message);
  return true;
};
const FILE = { mode: S.IFREG | 0o644, uid: "owner" };

Deno.test("FilesDesk changes nothing in a directory that was granted for reading, whatever the Worker asks for", () => {
  const { desk: readOnly, root: { node } } = desk(false);
  const asks: FileOp[] = [
    { op: "create", node, name: "a", what: FILE, flags: O.RDWR },
    { op: "make", node, name: "a", what: { ...FILE, mode: S.IFDIR | 0o755 } },
    { op: "setattr", node, change: { mode: 0o777 } },
    { op: "open", node, flags: O.WRONLY },
    { op: "open", node, flags: O.RDONLY | O.TRUNC },
    { op: "remove", node },
    { op: "rename", node, dir: node, name: "b", noReplace: false },
    { op: "link", node, dir: node, name: "b" },
    { op: "write", node, handle: 1, offset: 0, data: new Uint8Array(1) },
  ];
  for (const ask of asks) assert.throws(() => readOnly.answer(ask), refused(Errno.EROFS), ask.op);
});

Deno.test("FilesDesk takes names of one part only, and no node or file that the run has not", () => {
  const { desk: files, root: { node }, value } = desk(true);
  for (const name of ["..", ".", "a/b", "", "a\0", "x".repeat(256)]) {
    assert.throws(() => files.answer({ op: "walk", node, name }), NineError, name);
    assert.throws(
      () => files.answer({ op: "create", node, name, what: FILE, flags: O.RDWR }),
      NineError,
      name,
    );
    assert.throws(
      () => files.answer({ op: "rename", node, dir: node, name, noReplace: false }),
      NineError,
      name,
    );
  }
  assert.throws(() => files.answer({ op: "getattr", node: 99 }), refused(Errno.ESTALE));
  const { node: child, handle } = value({ op: "create", node, name: "a", what: FILE, flags: O.RDWR }) as
    & NodeCard
    & { handle: number };
  assert.throws(() => files.answer({ op: "read", node, handle, offset: 0, count: 1 }), refused(Errno.EBADF));
  assert.throws(
    () => files.answer({ op: "read", node: child, handle: handle + 1, offset: 0, count: 1 }),
    refused(Errno.EBADF),
  );
  assert.equal(value({ op: "write", node: child, handle, offset: 0, data: new Uint8Array([1, 2, 3]) }), 3);
  const { raw } = files.answer({ op: "read", node: child, handle, offset: 1, count: 2 ** 40 }) as {
    raw: Uint8Array;
  };
  assert.deepEqual([...raw], [2, 3]);
  files.answer({ op: "close", node: child, handle });
  assert.throws(
    () => files.answer({ op: "read", node: child, handle, offset: 0, count: 1 }),
    refused(Errno.EBADF),
  );
});

Deno.test("FilesDesk forgets what a run passed by, keeps what it holds, and has a bound for open files", () => {
  const { desk: files, root: { node }, value } = desk(true);
  const kept = value({ op: "create", node, name: "kept", what: FILE, flags: O.RDWR }) as NodeCard;
  files.answer({ op: "hold", node: kept.node });
  let first = 0;
  for (let i = 0; i < 4200; i++) {
    const { node: made, handle } = value({ op: "create", node, name: `f${i}`, what: FILE, flags: O.RDWR }) as
      & NodeCard
      & {
        handle: number;
      };
    files.answer({ op: "close", node: made, handle });
    if (i === 0) first = made;
  }
  assert.throws(() => files.answer({ op: "getattr", node: first }), refused(Errno.ESTALE));
  assert.equal((value({ op: "walk", node, name: "kept" }) as NodeCard).node, kept.node);
  const open = () => {
    for (let i = 0; i < 5000; i++) files.answer({ op: "open", node: kept.node, flags: O.RDONLY });
  };
  assert.throws(open, refused(Errno.EMFILE));
  files.close();
  assert.throws(() => files.answer({ op: "getattr", node: kept.node }), refused(Errno.ESTALE));
});
