import { NineError } from "../../9p/mod.ts";
import { mem } from "../../servers/mem/mod.ts";
import assert from "node:assert/strict";
import { Fdflag, Filetype, Fstflag, Oflag } from "./abi.ts";
import { DESCRIPTORS_MAX } from "./descriptors.ts";
import { Guest, preopen } from "./fixture.ts";
import { DIRECTORY_RIGHTS, FILE_RIGHTS, INPUT_RIGHTS, OUTPUT_RIGHTS, Right, TREE_RIGHTS } from "./rights.ts";

const CREATE = { oflags: Oflag.CREAT };
const withTree = () => new Guest({ preopens: [preopen(mem())] });

function fdstat(guest: Guest, fd: number) {
  const at = guest.room(24);
  guest.must("fd_fdstat_get", fd, at);
  return {
    filetype: guest.memory.view.getUint8(at),
    flags: guest.memory.view.getUint16(at + 2, true),
    rights: Number(guest.u64(at + 8)),
    inheriting: Number(guest.u64(at + 16)),
  };
}

Deno.test("fd_fdstat_get tells what a descriptor is and may", () => {
  using guest = withTree();
  const { UNKNOWN, DIRECTORY, REGULAR_FILE } = Filetype;
  const fd = guest.mustOpen("file", { ...CREATE, fdflags: Fdflag.APPEND | Fdflag.NONBLOCK });
  const expected = [
    [UNKNOWN, 0, INPUT_RIGHTS, 0],
    [UNKNOWN, 0, OUTPUT_RIGHTS, 0],
    [UNKNOWN, 0, OUTPUT_RIGHTS, 0],
    [DIRECTORY, 0, DIRECTORY_RIGHTS, TREE_RIGHTS],
    [REGULAR_FILE, Fdflag.APPEND | Fdflag.NONBLOCK, FILE_RIGHTS, FILE_RIGHTS],
  ];
  expected.forEach((row, fd) => assert.deepEqual(Object.values(fdstat(guest, fd)), row));
  assert.equal(fd, 4);
  assert.equal(guest.call("fd_fdstat_get", 5, 16), "BADF");
  for (const fd of [0, 3, 4]) assert.equal(guest.call("fd_fdstat_get", fd, guest.memoryBytes - 23), "FAULT");
});

Deno.test("fd_fdstat_set_rights gives up rights and takes none", () => {
  using guest = withTree();
  const fd = guest.mustOpen("file", CREATE);
  const rights = BigInt(FILE_RIGHTS & ~Right.FD_WRITE);
  guest.must("fd_fdstat_set_rights", fd, rights, 0n);
  assert.equal(guest.write(fd, "x"), "BADF");
  assert.equal(guest.call("fd_fdstat_set_rights", fd, BigInt(FILE_RIGHTS), 0n), "NOTCAPABLE");
  assert.equal(guest.call("fd_fdstat_set_rights", fd, rights, 1n), "NOTCAPABLE");
  assert.equal(guest.call("fd_fdstat_set_rights", 9, 0n, 0n), "BADF");
  // Bits that mean nothing are neither had nor asked for.
  guest.must("fd_fdstat_set_rights", fd, rights | 1n << 40n, 0n);
  assert.equal(fdstat(guest, fd).rights, Number(rights));
});

Deno.test("fd_fdstat_set_flags: unknown bits are INVAL, and it needs its right", () => {
  using guest = withTree();
  const fd = guest.mustOpen("file", CREATE);
  for (const flags of [0, 1, 2, 4, 8, 16, 31]) {
    guest.must("fd_fdstat_set_flags", fd, flags);
    assert.equal(fdstat(guest, fd).flags, flags);
  }
  assert.equal(guest.call("fd_fdstat_set_flags", fd, 32), "INVAL");
  assert.equal(guest.call("fd_fdstat_set_flags", 9, 0), "BADF");
  guest.must("fd_fdstat_set_flags", 0, Fdflag.NONBLOCK);
  guest.must("fd_fdstat_set_flags", 3, Fdflag.NONBLOCK);
  const without = guest.mustOpen("file", { rights: 0 });
  assert.equal(guest.call("fd_fdstat_set_flags", without, 0), "NOTCAPABLE");
});

Deno.test("fd_filestat_get tells of files, directories and streams", () => {
  using guest = withTree();
  guest.file("file", "content");
  const stat = guest.stat(guest.mustOpen("file"));
  assert.equal(stat.filetype, Filetype.REGULAR_FILE);
  assert.deepEqual([stat.size, stat.links], [7n, 1n]);
  const now = BigInt(Date.now()) * 1_000_000n;
  for (const time of [stat.atim, stat.mtim, stat.ctim]) {
    assert.ok(now - time < 60_000_000_000n && time - now < 60_000_000_000n);
  }
  const root = guest.stat(3);
  assert.equal(root.filetype, Filetype.DIRECTORY);
  assert.equal(root.device, stat.device);
  assert.notEqual(root.inode, stat.inode);
  assert.deepEqual(guest.stat(1), { ...guest.stat(0), inode: 1n });
  assert.equal(guest.call("fd_filestat_get", 9, 16), "BADF");
  for (const fd of [0, 3]) {
    assert.equal(guest.call("fd_filestat_get", fd, guest.memoryBytes - 63), "FAULT");
  }
  const without = guest.mustOpen("file", { rights: 0 });
  assert.equal(guest.call("fd_filestat_get", without, 16), "NOTCAPABLE");
});

Deno.test("fd_filestat_get: one server is one device, however often it is there", () => {
  const server = mem();
  using guest = new Guest({ preopens: [preopen(server), preopen(mem()), preopen(server)] });
  const devices = [3, 4, 5].map((fd) => guest.stat(fd).device);
  assert.equal(devices[0], devices[2]);
  assert.notEqual(devices[0], devices[1]);
});

Deno.test("fd_filestat_set_size cuts and extends what was opened to be written to", () => {
  using guest = withTree();
  guest.file("file", "content");
  const fd = guest.mustOpen("file");
  guest.must("fd_filestat_set_size", fd, 3n);
  guest.must("fd_filestat_set_size", fd, 5n);
  assert.equal(guest.read(fd), "con\0\0");
  assert.equal(guest.call("fd_filestat_set_size", fd, 2n ** 53n), "FBIG");
  assert.equal(guest.call("fd_filestat_set_size", fd, -1n), "FBIG");
  assert.equal(guest.call("fd_filestat_set_size", 0, 0n), "INVAL");
  assert.equal(guest.call("fd_filestat_set_size", 3, 0n), "ISDIR");
  assert.equal(guest.call("fd_filestat_set_size", 9, 0n), "BADF");
  const reader = guest.mustOpen("file", { rights: FILE_RIGHTS & ~Right.FD_WRITE });
  assert.equal(guest.call("fd_filestat_set_size", reader, 0n), "INVAL");
  const without = guest.mustOpen("file", { rights: Right.FD_WRITE });
  assert.equal(guest.call("fd_filestat_set_size", without, 0n), "NOTCAPABLE");
});

Deno.test("fd_allocate extends and never cuts", () => {
  using guest = withTree();
  const fd = guest.mustOpen("file", CREATE);
  const allocate = (offset: bigint, length: bigint) => {
    const errno = guest.call("fd_allocate", fd, offset, length);
    return errno === "SUCCESS" ? guest.stat(fd).size : errno;
  };
  assert.equal(allocate(10n, 10n), 20n);
  assert.equal(allocate(0n, 5n), 20n);
  assert.equal(allocate(0n, 0n), "INVAL");
  assert.equal(allocate(2n ** 53n, 1n), "FBIG");
  assert.equal(allocate(-1n, -1n), "FBIG");
  assert.equal(guest.call("fd_allocate", 1, 0n, 1n), "SPIPE");
  assert.equal(guest.call("fd_allocate", 3, 0n, 1n), "ISDIR");
  assert.equal(guest.call("fd_allocate", 9, 0n, 1n), "BADF");
  const reader = guest.mustOpen("file", { rights: FILE_RIGHTS & ~Right.FD_WRITE });
  assert.equal(guest.call("fd_allocate", reader, 0n, 1n), "BADF");
  const without = guest.mustOpen("file", { rights: Right.FD_WRITE });
  assert.equal(guest.call("fd_allocate", without, 0n, 1n), "NOTCAPABLE");
});

Deno.test("fd_advise takes any advice that there is", () => {
  using guest = withTree();
  const fd = guest.mustOpen("file", CREATE);
  for (let advice = 0; advice <= 5; advice++) guest.must("fd_advise", fd, 0n, 0n, advice);
  assert.equal(guest.call("fd_advise", fd, 0n, 0n, 6), "INVAL");
  assert.equal(guest.call("fd_advise", 0, 0n, 0n, 0), "SPIPE");
  assert.equal(guest.call("fd_advise", 3, 0n, 0n, 0), "ISDIR");
  assert.equal(guest.call("fd_advise", 9, 0n, 0n, 0), "BADF");
  const without = guest.mustOpen("file", { rights: 0 });
  assert.equal(guest.call("fd_advise", without, 0n, 0n, 0), "NOTCAPABLE");
});

Deno.test("fd_filestat_set_times sets what the flags say", () => {
  using guest = withTree();
  const fd = guest.mustOpen("file", CREATE);
  const set = (flags: number) => guest.call("fd_filestat_set_times", fd, 1_000_000_001n, 5n, flags);
  const before = guest.stat(fd);
  assert.equal(set(0), "SUCCESS");
  assert.deepEqual(guest.stat(fd).mtim, before.mtim);
  assert.equal(set(Fstflag.ATIM), "SUCCESS");
  assert.deepEqual([guest.stat(fd).atim, guest.stat(fd).mtim], [1_000_000_001n, before.mtim]);
  assert.equal(set(Fstflag.MTIM | Fstflag.ATIM_NOW), "SUCCESS");
  assert.equal(guest.stat(fd).mtim, 5n);
  assert.ok(guest.stat(fd).atim >= before.atim);
  guest.must("fd_filestat_set_times", 3, 7n, 7n, Fstflag.MTIM);
  assert.equal(guest.stat(3).mtim, 7n);
  assert.equal(set(Fstflag.ATIM | Fstflag.ATIM_NOW), "INVAL");
  assert.equal(set(Fstflag.MTIM | Fstflag.MTIM_NOW), "INVAL");
  assert.equal(set(16), "INVAL");
  assert.equal(guest.call("fd_filestat_set_times", 0, 0n, 0n, 0), "INVAL");
  assert.equal(guest.call("fd_filestat_set_times", 9, 0n, 0n, 0), "BADF");
  const without = guest.mustOpen("file", { rights: 0 });
  assert.equal(guest.call("fd_filestat_set_times", without, 0n, 0n, 0), "NOTCAPABLE");
});

Deno.test("fd_sync and fd_datasync ask the server, and a stream is nothing to make durable", () => {
  const asked: boolean[] = [];
  const server = Object.assign(mem(), {
    fsync: (_node: unknown, _handle: unknown, only: boolean) => void asked.push(only),
  });
  using guest = new Guest({ preopens: [preopen(server)] });
  const fd = guest.mustOpen("file", CREATE);
  for (const target of [fd, 3]) {
    guest.must("fd_sync", target);
    guest.must("fd_datasync", target);
  }
  assert.deepEqual(asked, [false, true, false, true]);
  const without = guest.mustOpen("file", { rights: 0 });
  for (const name of ["fd_sync", "fd_datasync"]) {
    assert.equal(guest.call(name, 1), "INVAL");
    assert.equal(guest.call(name, 9), "BADF");
    assert.equal(guest.call(name, without), "NOTCAPABLE");
  }
});

Deno.test("fd_prestat_get and fd_prestat_dir_name tell of the directories that were there from the start", () => {
  using guest = new Guest({
    preopens: [preopen(mem(), { guestPath: "/größe" }), preopen(mem(), { guestPath: "." })],
  });
  const at = guest.room(8);
  const names = [3, 4].map((fd) => {
    guest.must("fd_prestat_get", fd, at);
    assert.equal(guest.u32(at), 0);
    const length = guest.u32(at + 4);
    const name = guest.room(length + 1);
    assert.equal(guest.call("fd_prestat_dir_name", fd, name, length - 1), "NAMETOOLONG");
    guest.must("fd_prestat_dir_name", fd, name, length);
    return guest.text(name, length);
  });
  assert.deepEqual(names, ["/größe", "."]);
  const opened = guest.directory(".");
  for (const fd of [0, 1, 2, opened, opened + 1, 0xffffffff]) {
    assert.equal(guest.call("fd_prestat_get", fd, at), "BADF");
    assert.equal(guest.call("fd_prestat_dir_name", fd, at, 8), "BADF");
  }
  assert.equal(guest.call("fd_prestat_get", 3, guest.memoryBytes - 7), "FAULT");
  assert.equal(guest.call("fd_prestat_dir_name", 3, guest.memoryBytes - 7, 8), "FAULT");
  guest.must("fd_prestat_dir_name", 4, at, 8);
});

Deno.test("fd_close frees the number for the next, streams and preopened directories too", () => {
  using guest = withTree();
  for (const fd of [0, 1, 2]) guest.must("fd_close", fd);
  assert.equal(guest.call("fd_close", 0), "BADF");
  assert.deepEqual([0, 1, 2].map(() => guest.mustOpen("file", CREATE)), [0, 1, 2]);
  guest.must("fd_close", 1);
  assert.equal(guest.mustOpen("file"), 1);
  guest.must("fd_close", 3);
  assert.equal(guest.open("file"), "BADF");
  assert.equal(guest.call("fd_close", 0xffffffff), "BADF");
});

Deno.test("fd_renumber moves a descriptor over another, which is closed", () => {
  using guest = withTree();
  guest.file("a", "A");
  guest.file("b", "B");
  const [a, b] = [guest.mustOpen("a"), guest.mustOpen("b")];
  guest.must("fd_renumber", a, b);
  assert.equal(guest.read(b), "A");
  assert.equal(guest.call("fd_close", a), "BADF");
  guest.must("fd_renumber", b, b);
  assert.equal(guest.call("fd_renumber", b, a), "BADF");
  assert.equal(guest.call("fd_renumber", a, b), "BADF");
  assert.equal(guest.call("fd_renumber", b, 0xffffffff), "BADF");
  guest.must("fd_renumber", b, 1);
  guest.write(1, "written");
  assert.equal(guest.stdout.text, "");
  assert.equal(guest.read(guest.mustOpen("a")), "Awritten");
});

Deno.test("as many descriptors as there may be, and then MFILE, before anything is made", () => {
  using guest = withTree();
  guest.file("file");
  for (let fd = 4; fd < DESCRIPTORS_MAX; fd++) assert.equal(guest.mustOpen("file", { rights: 0 }), fd);
  assert.equal(guest.open("new", CREATE), "MFILE");
  guest.must("fd_close", 500);
  assert.equal(guest.open("new"), "NOENT");
  assert.equal(guest.open("file"), 500);
  const preopens = new Array(DESCRIPTORS_MAX - 2).fill(preopen(mem()));
  assert.throws(
    () => new Guest({ preopens }),
    (thrown) => thrown instanceof NineError && thrown.code === "EMFILE",
  );
});

Deno.test("a process holds what is open, and closing it closes what the guest left", () => {
  const holds = { nodes: 0, handles: 0 };
  const server = mem();
  const { open, create, close, hold, drop } = server;
  Object.assign(server, {
    hold: (node: never) => (holds.nodes++, hold!(node)),
    drop: (node: never) => (holds.nodes--, drop!(node)),
    open: (...args: Parameters<NonNullable<typeof open>>) => (holds.handles++, open!(...args)),
    create: (...args: Parameters<NonNullable<typeof create>>) => (holds.handles++, create!(...args)),
    close: (...args: Parameters<NonNullable<typeof close>>) => (holds.handles--, close?.(...args)),
  });
  const guest = new Guest({ preopens: [preopen(server)] });
  guest.mkdir("dir");
  for (let i = 0; i < 5; i++) guest.mustOpen(`file${i}`, CREATE);
  const directory = guest.directory("dir");
  guest.must("fd_fdstat_set_flags", 5, Fdflag.APPEND);
  guest.must("fd_renumber", 5, 6);
  guest.must("fd_readdir", 3, guest.room(100), 100, 0n, guest.room(4));
  guest.must("fd_close", directory);
  assert.deepEqual(holds, { nodes: 5, handles: 5 });
  guest.process.close();
  assert.deepEqual(holds, { nodes: 0, handles: 0 });
  assert.equal(guest.call("fd_close", 0), "BADF");
});
