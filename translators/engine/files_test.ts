import assert from "node:assert/strict";
import { type Call, type FileServer, O, S, type User } from "../../9p/mod.ts";
import { mem } from "../../servers/mem/mod.ts";
import { engineTest, LIMITS, testEngine, wat } from "./_testing.ts";
import type { Preopen } from "./run.ts";

const OWNER: User = { name: "owner", groups: new Set(["owner"]), standing: "owner" };
const CALL: Call = { user: OWNER, signal: new AbortController().signal };
const TEXT = "The quick brown fox\n".repeat(50_000);

// deno-lint-ignore no-explicit-any
type Any = FileServer<any, any>;

/** A tree with `sub/in.txt`. */
function tree(): Any {
  const server: Any = mem();
  const root = server.attach("", CALL);
  const what = { uid: "owner", gid: "owner" };
  const sub = server.make!(root, "sub", { ...what, mode: S.IFDIR | 0o755 }, CALL);
  const { node, handle } = server.create!(
    sub,
    "in.txt",
    { ...what, mode: S.IFREG | 0o644 },
    O.WRONLY,
    CALL,
  ) as {
    node: unknown;
    handle: unknown;
  };
  server.write!(node, handle, 0, new TextEncoder().encode(TEXT), CALL);
  server.close?.(node, handle, CALL);
  return server;
}

function preopen(server: Any, guestPath: string, writable: boolean): Preopen {
  return { guestPath, server, root: server.attach("", CALL), writable, call: CALL };
}

/** Counts what is open and held, and answers later if it is to. */
function watched(server: Any, isLater: boolean) {
  const counts = { open: 0, opens: 0, held: 0 };
  const later = <T>(value: T) => isLater ? Promise.resolve(value) : value;
  const counting: Any = {
    ...server,
    walk: (dir, name, call) => later(server.walk(dir, name, call)) as unknown,
    getattr: (node, handle, call) => later(server.getattr(node, handle, call)) as ReturnType<Any["getattr"]>,
    hold: (node) => {
      counts.held++;
      server.hold?.(node);
    },
    drop: (node) => {
      counts.held--;
      server.drop?.(node);
    },
    open: (node, flags, call) => {
      counts.open++;
      counts.opens++;
      return later(server.open?.(node, flags, call));
    },
    create: (dir, name, what, flags, call) => {
      const made = server.create!(dir, name, what, flags, call);
      counts.open++;
      return later(made) as ReturnType<NonNullable<Any["create"]>>;
    },
    close: (node, handle, call) => {
      counts.open--;
      return server.close?.(node, handle, call);
    },
    read: (node, handle, offset, into, call) => {
      if (!isLater) return server.read!(node, handle, offset, into, call);
      const bytes = new Uint8Array(into.length);
      const count = server.read!(node, handle, offset, bytes, call) as number;
      return Promise.resolve(bytes.subarray(0, count));
    },
  };
  return { server: counting, counts };
}

/** Exits with the errno of whatever fails. */
const PRELUDE = `
  (import "wasi_snapshot_preview1" "path_open" (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_create_directory" (func $mkdir (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_unlink_file" (func $unlink (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_readdir" (func $fd_readdir (param i32 i32 i32 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_read" (func $fd_read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_close" (func $fd_close (param i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 4)
  (data (i32.const 256) "sub/in.txt") (data (i32.const 272) "out.txt") (data (i32.const 288) "made") (data (i32.const 304) ".")
  (data (i32.const 320) "../../etc/passwd")
  (func $must (param i32) (if (local.get 0) (then (call $proc_exit (local.get 0)))))
  (func $open (param $dir i32) (param $path i32) (param $length i32) (param $oflags i32) (param $rights i64) (result i32)
    (call $must (call $path_open (local.get $dir) (i32.const 0) (local.get $path) (local.get $length) (local.get $oflags)
      (local.get $rights) (i64.const 0) (i32.const 0) (i32.const 16)))
    (i32.load (i32.const 16)))`;
const READ = "(i64.const 2)";
const WRITE = "(i64.const 64)";
/** O_CREAT | O_TRUNC */
const NEW = "(i32.const 9)";
const program = (body: string) => wat(`(module ${PRELUDE} (func (export "_start") ${body}))`);

engineTest({
  name:
    "a guest reads, lists and writes the directories that it was given, through a server that answers now or later",
  async fn() {
    await using test = testEngine();
    const { engine, request } = test;
    // Copies sub/in.txt of the first to out.txt of the second and to its output, and makes a directory.
    const copy = program(`(local $in i32) (local $out i32) (local $n i32)
      (local.set $in (call $open (i32.const 3) (i32.const 256) (i32.const 10) (i32.const 0) ${READ}))
      (local.set $out (call $open (i32.const 4) (i32.const 272) (i32.const 7) ${NEW} ${WRITE}))
      (call $must (call $mkdir (i32.const 4) (i32.const 288) (i32.const 4)))
      (loop $more
        (i32.store (i32.const 0) (i32.const 1024)) (i32.store (i32.const 4) (i32.const 100000))
        (call $must (call $fd_read (local.get $in) (i32.const 0) (i32.const 1) (i32.const 8)))
        (local.set $n (i32.load (i32.const 8)))
        (if (local.get $n) (then
          (i32.store (i32.const 4) (local.get $n))
          (call $must (call $fd_write (local.get $out) (i32.const 0) (i32.const 1) (i32.const 8)))
          (call $must (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
          (br $more))))
      (call $must (call $fd_close (local.get $out)))`);
    for (const isLater of [false, true]) {
      const from = watched(tree(), isLater);
      const to = watched(tree(), isLater);
      const preopens = [preopen(from.server, "/from", false), preopen(to.server, "/to", true)];
      const result = await engine.run(
        request(copy, { preopens, output: { inlineBytesMax: 2_000_000, spool: "/none" } }),
      );
      assert.equal(result.failure, undefined, result.failure?.error.message);
      assert.equal(new TextDecoder().decode((result.output as { bytes: Uint8Array }).bytes), TEXT);
      const root = to.server.attach("", CALL);
      const out = await to.server.walk(root, "out.txt", CALL);
      assert.equal((await to.server.getattr(out, undefined, CALL)).size, TEXT.length);
      const made = await to.server.walk(root, "made", CALL);
      assert.ok(to.server.qid(made).type & 0x80);
      // The guest left its input open; held are nodes of nobody.
      assert.deepEqual([from.counts.open, from.counts.held], [0, 0]);
      assert.deepEqual([to.counts.open, to.counts.held], [0, 0]);
      const again = await engine.run(request(copy, { preopens }));
      assert.match(again.failure!.error.message, /code 20$/, "the directory is there");
    }
  },
});

engineTest({
  name: "a guest leaves no directory that it was given, and writes none that it may only read",
  async fn() {
    await using test = testEngine();
    const { engine, request } = test;
    const server = tree();
    const codeOf = async (body: string, writable: boolean) => {
      const { exitCode, failure } = await engine.run(
        request(program(body), { preopens: [preopen(server, "/", writable)] }),
      );
      assert.ok(failure === undefined || failure.reason === "exit code", failure?.error.message);
      return exitCode;
    };
    const create = `(drop (call $open (i32.const 3) (i32.const 272) (i32.const 7) ${NEW} ${WRITE}))`;
    const above = `(drop (call $open (i32.const 3) (i32.const 320) (i32.const 16) (i32.const 0) ${READ}))`;
    const refused = [63, 69, 76]; // EPERM, EROFS, ENOTCAPABLE
    assert.ok(refused.includes(await codeOf(create, false)));
    assert.ok(
      refused.includes(
        await codeOf("(call $must (call $mkdir (i32.const 3) (i32.const 288) (i32.const 4)))", false),
      ),
    );
    assert.ok(
      refused.includes(
        await codeOf("(call $must (call $unlink (i32.const 3) (i32.const 256) (i32.const 10)))", false),
      ),
    );
    assert.throws(() => server.walk(server.attach("", CALL), "out.txt", CALL), /ENOENT|no/i);
    assert.equal(await codeOf(create, true), 0);
    assert.ok(refused.includes(await codeOf(above, true)));
  },
});

engineTest({
  name: "a flood of opens ends at a bound, a listing of many names is whole, and nothing stays open",
  async fn() {
    await using test = testEngine();
    const { engine, request } = test;
    const { server, counts } = watched(tree(), false);
    const root = server.attach("", CALL);
    for (let i = 0; i < 3000; i++) {
      const what = { uid: "owner", gid: "owner", mode: S.IFREG | 0o644 };
      const { node, handle } = server.create!(root, `${"name".repeat(40)}${i}`, what, O.WRONLY, CALL) as {
        node: unknown;
        handle: unknown;
      };
      server.close!(node, handle, CALL);
    }
    const preopens = [preopen(server, "/", false)];
    const before = counts.opens;
    const flood = program(
      `(loop (drop (call $open (i32.const 3) (i32.const 256) (i32.const 10) (i32.const 0) ${READ})) (br 0))`,
    );
    const { failure, exitCode } = await engine.run(request(flood, { preopens }));
    assert.equal(failure?.reason, "exit code", failure?.error.message);
    assert.equal(exitCode, 33, "EMFILE");
    assert.ok(counts.opens - before > 100 && counts.opens - before < 5000, `${counts.opens - before}`);
    assert.deepEqual([counts.open, counts.held], [0, 0]);

    // Entries are a head of 24 bytes (cookie, inode, length of the name, type) and the name; the last one may be cut off.
    const list = program(`(local $cookie i64) (local $at i32) (local $end i32) (local $count i32)
      (loop $more
        (call $must (call $fd_readdir (i32.const 3) (i32.const 1024) (i32.const 65536) (local.get $cookie) (i32.const 8)))
        (local.set $at (i32.const 1024))
        (local.set $end (i32.add (i32.const 1024) (i32.load (i32.const 8))))
        (block $done (loop $next
          (br_if $done (i32.gt_u (i32.add (local.get $at) (i32.const 24)) (local.get $end)))
          (br_if $done (i32.gt_u (i32.add (i32.add (local.get $at) (i32.const 24)) (i32.load offset=16 (local.get $at))) (local.get $end)))
          (local.set $cookie (i64.load (local.get $at)))
          (local.set $count (i32.add (local.get $count) (i32.const 1)))
          (local.set $at (i32.add (i32.add (local.get $at) (i32.const 24)) (i32.load offset=16 (local.get $at))))
          (br $next)))
        (br_if $more (i32.eq (i32.load (i32.const 8)) (i32.const 65536))))
      (call $proc_exit (local.get $count))`);
    const listed = await engine.run(request(list, { preopens }));
    assert.equal(listed.exitCode, 3001 + 2, "with . and ..");
    assert.deepEqual([counts.open, counts.held], [0, 0]);
  },
});

engineTest({
  name: "a server that never answers costs a run its time and nothing else",
  async fn() {
    await using test = testEngine({ workersMax: 1 });
    const { engine, request } = test;
    const server: Any = {
      ...tree(),
      getattr: () => new Promise(() => {}),
      open: () => new Promise(() => {}),
    };
    const open = program(
      `(drop (call $open (i32.const 3) (i32.const 256) (i32.const 10) (i32.const 0) ${READ}))`,
    );
    const limits = { ...LIMITS, wallMs: 200 };
    const { failure } = await engine.run(request(open, { preopens: [preopen(server, "/", false)], limits }));
    assert.equal(failure?.reason, "deadline");
    const after = await engine.run(request(open, { preopens: [preopen(tree(), "/", false)] }));
    assert.equal(after.failure, undefined, after.failure?.error.message);
  },
});
