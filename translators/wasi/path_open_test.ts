import { canRead, canWrite, O } from "../../9p/mod.ts";
import { mem } from "../../servers/mem/mod.ts";
import assert from "node:assert/strict";
import { Fdflag, Oflag } from "./abi.ts";
import { Guest, preopen } from "./fixture.ts";
import { DIRECTORY_RIGHTS, FILE_RIGHTS, Right, TREE_RIGHTS } from "./rights.ts";

const { CREAT, DIRECTORY, EXCL, TRUNC } = Oflag;
const withTree = () => new Guest({ preopens: [preopen(mem())] });

Deno.test("path_open makes, refuses, empties and insists as its oflags say", () => {
  using guest = withTree();
  assert.equal(guest.open("file"), "NOENT");
  guest.file("file", "content");
  guest.mkdir("folder");
  assert.equal(guest.open("file", { oflags: CREAT | EXCL }), "EXIST");
  assert.equal(guest.open("folder", { oflags: CREAT | EXCL }), "EXIST");
  assert.equal(guest.read(guest.mustOpen("file", { oflags: CREAT })), "content");
  assert.equal(guest.read(guest.mustOpen("file", { oflags: EXCL })), "content");
  assert.equal(guest.open("file", { oflags: DIRECTORY, rights: 0 }), "NOTDIR");
  assert.equal(guest.open("file", { oflags: DIRECTORY | CREAT }), "INVAL");
  assert.equal(guest.open("folder", { oflags: DIRECTORY }), "ISDIR");
  for (const oflags of [CREAT, TRUNC]) assert.equal(guest.open("folder", { oflags, rights: 0 }), "ISDIR");
  assert.equal(guest.open("new/", { oflags: CREAT }), "ISDIR");
  assert.equal(guest.open("folder/new", { oflags: CREAT | EXCL | TRUNC }), 6);
  assert.equal(guest.read(guest.mustOpen("file", { oflags: TRUNC })), "");
});

Deno.test("path_open truncates by the directory's right, whatever the file's descriptor may", () => {
  using guest = withTree();
  guest.file("file", "content");
  const fd = guest.mustOpen("file", { oflags: TRUNC, rights: 0 });
  assert.equal(guest.call("fd_filestat_set_size", fd, 0n), "NOTCAPABLE");
  assert.equal(guest.read(guest.mustOpen("file")), "");
});

Deno.test("path_open makes the file that a dangling symlink names, unless it is to be new or not followed", () => {
  using guest = withTree();
  guest.mkdir("folder");
  guest.symlink("folder/target", "link");
  assert.equal(guest.open("link", { oflags: CREAT | EXCL }), "EXIST");
  assert.equal(guest.open("link", { oflags: CREAT, follow: false }), "LOOP");
  guest.file("link", "through");
  assert.equal(guest.read(guest.mustOpen("folder/target")), "through");
});

Deno.test("path_open: unknown flags are INVAL, bad pointers FAULT", () => {
  using guest = withTree();
  guest.file("file");
  assert.equal(guest.open("file", { oflags: 16 }), "INVAL");
  assert.equal(guest.open("file", { oflags: 0xffffffff }), "INVAL");
  assert.equal(guest.open("file", { fdflags: 32 }), "INVAL");
  const open = (lookup: number, result: number, path = guest.put("new")) =>
    guest.call("path_open", 3, lookup, ...path, CREAT, 0n, 0n, 0, result);
  assert.equal(open(2, 16), "INVAL");
  assert.equal(open(0, guest.memoryBytes - 3), "FAULT");
  assert.equal(open(0, 16, [guest.memoryBytes - 2, 3]), "FAULT");
  assert.equal(guest.open("new"), "NOENT");
});

Deno.test("path_open needs the directory's rights for what it does", () => {
  using guest = withTree();
  guest.file("file");
  const without = (right: number) =>
    guest.mustOpen(".", { rights: DIRECTORY_RIGHTS & ~right, inheriting: TREE_RIGHTS });
  assert.equal(guest.open("file", { fd: without(Right.PATH_OPEN) }), "NOTCAPABLE");
  const noCreate = without(Right.PATH_CREATE_FILE);
  assert.equal(guest.open("file", { fd: noCreate, oflags: CREAT }), "NOTCAPABLE");
  assert.equal(typeof guest.open("file", { fd: noCreate }), "number");
});

Deno.test("path_open truncates where the directory may, or hands on the right to do it file by file", () => {
  using guest = withTree();
  guest.file("file");
  const directory = (rights: number, inheriting: number) => guest.mustOpen(".", { rights, inheriting });
  const truncate = (fd: number) => typeof guest.open("file", { fd, oflags: TRUNC, rights: 0 });
  const { PATH_OPEN, PATH_FILESTAT_SET_SIZE, FD_FILESTAT_SET_SIZE } = Right;
  assert.equal(truncate(directory(PATH_OPEN | PATH_FILESTAT_SET_SIZE, 0)), "number");
  assert.equal(truncate(directory(PATH_OPEN, FD_FILESTAT_SET_SIZE)), "number");
  const neither = directory(PATH_OPEN, 0);
  assert.equal(guest.open("file", { fd: neither, oflags: TRUNC, rights: 0 }), "NOTCAPABLE");
});

Deno.test("path_open hands on no right that the directory does not hand on", () => {
  using guest = withTree();
  guest.file("file");
  const inheriting = Right.FD_READ | Right.FD_SEEK;
  const folder = guest.mustOpen(".", { rights: Right.PATH_OPEN, inheriting });
  assert.equal(typeof guest.open("file", { fd: folder, rights: inheriting, inheriting: 0 }), "number");
  assert.equal(
    guest.open("file", { fd: folder, rights: inheriting | Right.FD_WRITE, inheriting: 0 }),
    "NOTCAPABLE",
  );
  assert.equal(guest.open("file", { fd: folder, rights: 0, inheriting: Right.FD_WRITE }), "NOTCAPABLE");
  // What does not apply to files is left out, not refused: Go asks for sockets' rights too.
  const socket = Right.SOCK_SHUTDOWN | Right.SOCK_ACCEPT;
  assert.equal(
    typeof guest.open("file", { fd: folder, rights: inheriting | socket, inheriting: socket }),
    "number",
  );
});

Deno.test("path_open of a directory leaves out the rights that only files have, except writing", () => {
  using guest = withTree();
  const fd = guest.mustOpen(".", {
    rights: DIRECTORY_RIGHTS | FILE_RIGHTS & ~Right.FD_WRITE,
    inheriting: TREE_RIGHTS,
  });
  const at = guest.room(24);
  guest.must("fd_fdstat_get", fd, at);
  assert.equal(Number(guest.u64(at + 8)), DIRECTORY_RIGHTS);
  assert.equal(Number(guest.u64(at + 16)), TREE_RIGHTS);
  assert.equal(guest.open(".", { rights: FILE_RIGHTS }), "ISDIR");
});

Deno.test("path_open of a file leaves out the rights that only directories have, also when it makes it", () => {
  using guest = withTree();
  const rights = FILE_RIGHTS | DIRECTORY_RIGHTS;
  for (const oflags of [CREAT, 0]) {
    const at = guest.room(24);
    guest.must("fd_fdstat_get", guest.mustOpen("file", { oflags, rights, inheriting: TREE_RIGHTS }), at);
    assert.equal(Number(guest.u64(at + 8)), FILE_RIGHTS);
  }
});

Deno.test("path_open in a tree that was granted for reading: ROFS for whatever would change it", () => {
  const server = mem();
  using writer = new Guest({ preopens: [preopen(server)] });
  writer.file("file", "content");
  using guest = new Guest({ preopens: [preopen(server, { writable: false })] });
  const reading = FILE_RIGHTS & ~Right.FD_WRITE;
  assert.equal(guest.open("file"), "ROFS");
  assert.equal(guest.open("file", { oflags: TRUNC, rights: reading }), "ROFS");
  assert.equal(guest.open("new", { oflags: CREAT, rights: reading }), "ROFS");
  const fd = guest.mustOpen("file", { oflags: CREAT, rights: reading });
  assert.equal(guest.read(fd), "content");
  assert.equal(guest.call("fd_filestat_set_times", fd, 0n, 0n, 1), "ROFS");
  assert.equal(writer.read(writer.mustOpen("file")), "content");
});

Deno.test("path_open opens a file that somebody else made while it was about to, unless it was to be new", () => {
  const server = mem();
  using other = new Guest({ preopens: [preopen(server)] });
  const { walk } = server;
  let made = false;
  const walkThenMake = (...args: Parameters<typeof walk>) => {
    try {
      return walk(...args);
    } finally {
      if (!made) {
        made = true;
        other.file("file", "theirs");
      }
    }
  };
  using guest = new Guest({ preopens: [preopen({ ...server, walk: walkThenMake })] });
  assert.equal(guest.read(guest.mustOpen("file", { oflags: CREAT })), "theirs");
  other.must("path_unlink_file", 3, ...other.put("file"));
  made = false;
  assert.equal(guest.open("file", { oflags: CREAT | EXCL }), "EXIST");
});

Deno.test("path_open opens at the server for what the rights and flags say", () => {
  const server = mem();
  const { open } = server;
  const seen: number[] = [];
  const watched = (...args: Parameters<NonNullable<typeof open>>) => {
    seen.push(args[1]);
    return open!(...args);
  };
  using guest = new Guest({ preopens: [preopen(Object.assign(server, { open: watched }))] });
  guest.file("file");
  const flags = (rights: number, fdflags = 0, oflags = 0) => {
    guest.mustOpen("file", { rights, fdflags, oflags });
    return seen[seen.length - 1];
  };
  const { FD_READ, FD_WRITE, FD_SEEK } = Right;
  assert.deepEqual(
    [FD_READ, FD_WRITE, FD_READ | FD_WRITE, FD_SEEK].map((rights) => {
      const given = flags(rights);
      return [canRead(given), canWrite(given)];
    }),
    [[true, false], [false, true], [true, true], [true, false]],
  );
  assert.equal(flags(FD_READ, Fdflag.APPEND | Fdflag.NONBLOCK), O.APPEND | O.NONBLOCK);
  assert.equal(flags(FD_READ, Fdflag.DSYNC), O.DSYNC);
  for (const flag of [Fdflag.SYNC, Fdflag.RSYNC]) assert.equal(flags(FD_READ, flag), O.SYNC | O.DSYNC);
  assert.equal(flags(FD_READ, 0, TRUNC), O.TRUNC);
});

Deno.test("path_open: what a file server does not do is an error, not a crash", () => {
  const { attach, qid, name, parent, walk, getattr } = mem();
  using guest = new Guest({ preopens: [preopen({ attach, qid, name, parent, walk, getattr })] });
  const path = guest.put("new");
  assert.equal(guest.open("new", { oflags: CREAT }), "PERM");
  assert.equal(guest.call("path_create_directory", 3, ...path), "PERM");
  assert.equal(guest.call("path_symlink", ...guest.put("target"), 3, ...path), "PERM");
  assert.equal(guest.call("fd_readdir", 3, 16, 100, 0n, 8), "NOTSUP");
  assert.equal(guest.call("fd_filestat_set_times", 3, 0n, 0n, 1), "PERM");
  assert.equal(guest.call("fd_sync", 3), "SUCCESS");
  assert.equal(guest.call("path_readlink", 3, ...guest.put("."), 16, 8, 8), "INVAL");
});
