import { mem } from "../../servers/mem/mod.ts";
import assert from "node:assert/strict";
import { Filetype, Fstflag, Oflag } from "./abi.ts";
import { Guest, preopen } from "./fixture.ts";
import { DIRECTORY_RIGHTS, Right, TREE_RIGHTS } from "./rights.ts";

const withTree = () => new Guest({ preopens: [preopen(mem())] });

/** The calls that take one path, each with the rest of its arguments left harmless. */
const ONE_PATH = {
  path_create_directory: (guest: Guest, fd: number, path: string | Uint8Array) =>
    guest.call("path_create_directory", fd, ...guest.put(path)),
  path_filestat_get: (guest: Guest, fd: number, path: string | Uint8Array) =>
    guest.call("path_filestat_get", fd, 0, ...guest.put(path), guest.room(64)),
  path_filestat_set_times: (guest: Guest, fd: number, path: string | Uint8Array) =>
    guest.call("path_filestat_set_times", fd, 0, ...guest.put(path), 0n, 0n, 0),
  path_readlink: (guest: Guest, fd: number, path: string | Uint8Array) =>
    guest.call("path_readlink", fd, ...guest.put(path), guest.room(8), 8, guest.room(4)),
  path_remove_directory: (guest: Guest, fd: number, path: string | Uint8Array) =>
    guest.call("path_remove_directory", fd, ...guest.put(path)),
  path_unlink_file: (guest: Guest, fd: number, path: string | Uint8Array) =>
    guest.call("path_unlink_file", fd, ...guest.put(path)),
  path_symlink: (guest: Guest, fd: number, path: string | Uint8Array) =>
    guest.call("path_symlink", ...guest.put("target"), fd, ...guest.put(path)),
  path_link: (guest: Guest, fd: number, path: string | Uint8Array) =>
    guest.call("path_link", 3, 0, ...guest.put("file"), fd, ...guest.put(path)),
  path_rename: (guest: Guest, fd: number, path: string | Uint8Array) =>
    guest.call("path_rename", fd, ...guest.put(path), fd, ...guest.put("new")),
} as const;

const RIGHTS = {
  path_create_directory: Right.PATH_CREATE_DIRECTORY,
  path_filestat_get: Right.PATH_FILESTAT_GET,
  path_filestat_set_times: Right.PATH_FILESTAT_SET_TIMES,
  path_readlink: Right.PATH_READLINK,
  path_remove_directory: Right.PATH_REMOVE_DIRECTORY,
  path_unlink_file: Right.PATH_UNLINK_FILE,
  path_symlink: Right.PATH_SYMLINK,
  path_link: Right.PATH_LINK_TARGET,
  path_rename: Right.PATH_RENAME_SOURCE,
} as const;

/** Arguments with a path that goes beyond the memory, for each path that the call takes. */
function pointersOutside(guest: Guest, name: keyof typeof ONE_PATH): (number | bigint)[][] {
  const outside = [guest.memoryBytes - 4, 5];
  const file = guest.put("file");
  switch (name) {
    case "path_link":
      return [[3, 0, ...outside, 3, ...file], [3, 0, ...file, 3, ...outside]];
    case "path_symlink":
      return [[...outside, 3, ...file], [...file, 3, ...outside]];
    case "path_rename":
      return [[3, ...outside, 3, ...file], [3, ...file, 3, ...outside]];
    case "path_filestat_get":
      return [[3, 0, ...outside, 16]];
    case "path_filestat_set_times":
      return [[3, 0, ...outside, 0n, 0n, 0]];
    case "path_readlink":
      return [[3, ...outside, 16, 8, 8]];
    default:
      return [[3, ...outside]];
  }
}

for (const name of Object.keys(ONE_PATH) as (keyof typeof ONE_PATH)[]) {
  Deno.test(`${name} refuses what is no path, or starts nowhere`, () => {
    using guest = withTree();
    guest.file("file");
    const call = (path: string | Uint8Array, fd = 3) => ONE_PATH[name](guest, fd, path);
    assert.equal(call(""), "NOENT");
    assert.equal(call("/file"), "NOTCAPABLE");
    assert.equal(call("../file"), "NOTCAPABLE");
    assert.equal(call("./../.."), "NOTCAPABLE");
    assert.equal(call("a\0b"), "INVAL");
    assert.equal(call(new Uint8Array([0x66, 0xff])), "ILSEQ");
    assert.equal(call(new Uint8Array([0xc0, 0xaf])), "ILSEQ");
    assert.equal(call(new Uint8Array([0xed, 0xa0, 0x80])), "ILSEQ");
    assert.equal(call("n".repeat(256)), "NAMETOOLONG");
    assert.equal(call("./".repeat(2048) + "x"), "NAMETOOLONG");
    assert.equal(call("missing/x"), "NOENT");
    assert.equal(call("file/x"), "NOTDIR");
    assert.equal(call("file/.."), "NOTDIR");
    assert.equal(call("x", 0), "NOTDIR");
    assert.equal(call("x", guest.mustOpen("file")), "NOTDIR");
    assert.equal(call("x", 9), "BADF");
    assert.equal(call("x", 0xffffffff), "BADF");
    const without = guest.mustOpen(".", {
      rights: DIRECTORY_RIGHTS & ~RIGHTS[name],
      inheriting: TREE_RIGHTS,
    });
    assert.equal(call("x", without), "NOTCAPABLE");
    for (const args of pointersOutside(guest, name)) assert.equal(guest.call(name, ...args), "FAULT");
  });

  Deno.test(`${name} in a tree that was granted for reading changes nothing`, () => {
    const server = mem();
    using writer = new Guest({ preopens: [preopen(server)] });
    writer.file("file");
    writer.mkdir("folder");
    writer.symlink("file", "link");
    using guest = new Guest({ preopens: [preopen(server, { writable: false })] });
    const there = name === "path_remove_directory" ? "folder" : name === "path_readlink" ? "link" : "file";
    const fresh = ["path_create_directory", "path_symlink", "path_link"].includes(name);
    const reads = name === "path_filestat_get" || name === "path_readlink";
    assert.equal(ONE_PATH[name](guest, 3, fresh ? "fresh" : there), reads ? "SUCCESS" : "ROFS");
  });
}

Deno.test("path_create_directory makes one, with or without a slash", () => {
  using guest = withTree();
  const mkdir = (path: string) => ONE_PATH.path_create_directory(guest, 3, path);
  assert.equal(mkdir("a"), "SUCCESS");
  assert.equal(mkdir("a/b///"), "SUCCESS");
  guest.file("file");
  guest.symlink("nowhere", "link");
  for (const there of ["a", "a/", "a/.", "a/b/..", ".", "file", "link"]) {
    assert.equal(mkdir(there), "EXIST", there);
  }
  assert.equal(mkdir("file/"), "NOTDIR");
});

Deno.test("path_filestat_get looks at a symlink or behind it", () => {
  using guest = withTree();
  guest.file("file", "content");
  guest.mkdir("folder");
  guest.symlink("file", "link");
  guest.symlink("folder", "way");
  guest.symlink("nowhere", "dangling");
  const look = (path: string, flags: number) => {
    const at = guest.room(64);
    const errno = guest.call("path_filestat_get", 3, flags, ...guest.put(path), at);
    return errno === "SUCCESS" ? guest.filestat(at).filetype : errno;
  };
  assert.equal(look("link", 0), Filetype.SYMBOLIC_LINK);
  assert.equal(look("link", 1), Filetype.REGULAR_FILE);
  assert.equal(look("way", 0), Filetype.SYMBOLIC_LINK);
  assert.equal(look("way/", 0), Filetype.DIRECTORY);
  assert.equal(look("way/.", 0), Filetype.DIRECTORY);
  assert.equal(look("link/", 0), "NOTDIR");
  assert.equal(look("dangling", 0), Filetype.SYMBOLIC_LINK);
  assert.equal(look("dangling", 1), "NOENT");
  assert.equal(look("file", 2), "INVAL");
  assert.equal(look("file", 0xffffffff), "INVAL");
  assert.equal(guest.call("path_filestat_get", 3, 0, ...guest.put("file"), guest.memoryBytes - 63), "FAULT");
});

Deno.test("path_filestat_set_times sets a symlink's own times or its target's", () => {
  using guest = withTree();
  guest.file("file");
  guest.symlink("file", "link");
  const mtim = (path: string) => {
    const at = guest.room(64);
    guest.must("path_filestat_get", 3, 0, ...guest.put(path), at);
    return guest.filestat(at).mtim;
  };
  const set = (flags: number, time: bigint, fstflags: number = Fstflag.MTIM) =>
    guest.call("path_filestat_set_times", 3, flags, ...guest.put("link"), 0n, time, fstflags);
  const before = mtim("file");
  assert.equal(set(0, 5n), "SUCCESS");
  assert.deepEqual([mtim("link"), mtim("file")], [5n, before]);
  assert.equal(set(1, 6n), "SUCCESS");
  assert.deepEqual([mtim("link"), mtim("file")], [5n, 6n]);
  assert.equal(set(0, 0n, Fstflag.MTIM | Fstflag.MTIM_NOW), "INVAL");
  assert.equal(set(0, 0n, 16), "INVAL");
  assert.equal(set(2, 0n), "INVAL");
});

Deno.test("path_link makes another name for a file", () => {
  using guest = withTree();
  guest.file("file", "content");
  guest.mkdir("folder");
  guest.symlink("file", "link");
  guest.symlink("nowhere", "dangling");
  const link = (from: string, to: string, flags = 0, fds = [3, 3]) =>
    guest.call("path_link", fds[0], flags, ...guest.put(from), fds[1], ...guest.put(to));
  assert.equal(link("file", "folder/second"), "SUCCESS");
  assert.equal(guest.stat(guest.mustOpen("folder/second")).links, 2n);
  assert.equal(link("link", "copy of link"), "SUCCESS");
  assert.equal(guest.open("copy of link", { follow: false }), "LOOP");
  assert.equal(link("link", "third", 1), "SUCCESS");
  assert.equal(guest.stat(guest.mustOpen("third")).links, 3n);
  assert.equal(link("dangling", "x", 1), "NOENT");
  for (const there of ["file", "folder", "dangling", "."]) assert.equal(link("file", there), "EXIST", there);
  assert.equal(link("folder", "x"), "PERM");
  assert.equal(link("missing", "x"), "NOENT");
  assert.equal(link("file", "x/"), "NOENT");
  assert.equal(link("file", "x", 2), "INVAL");
  const without = guest.mustOpen(".", {
    rights: DIRECTORY_RIGHTS & ~Right.PATH_LINK_SOURCE,
    inheriting: TREE_RIGHTS,
  });
  assert.equal(link("file", "x", 0, [without, 3]), "NOTCAPABLE");
});

Deno.test("path_rename moves files and directories as rename(2) does", () => {
  using guest = withTree();
  guest.file("file", "content");
  guest.file("other");
  guest.mkdir("folder");
  guest.mkdir("empty");
  guest.mkdir("full");
  guest.mkdir("full/below");
  guest.symlink("folder", "way");
  const rename = (from: string, to: string, fds = [3, 3]) =>
    guest.call("path_rename", fds[0], ...guest.put(from), fds[1], ...guest.put(to));
  assert.equal(rename("file", "other"), "SUCCESS");
  assert.equal(guest.read(guest.mustOpen("other")), "content");
  assert.equal(rename("file", "x"), "NOENT");
  assert.equal(rename("other", "empty"), "ISDIR");
  assert.equal(rename("folder", "other"), "NOTDIR");
  assert.equal(rename("folder", "full"), "NOTEMPTY");
  assert.equal(rename("full", "full/below/x"), "INVAL");
  assert.equal(rename("full", "full/x"), "INVAL");
  assert.equal(rename("folder/", "empty/"), "SUCCESS");
  assert.equal(rename("empty", "folder/"), "SUCCESS");
  assert.equal(rename("other", "x/"), "NOTDIR");
  assert.equal(rename("other/", "x"), "NOTDIR");
  assert.equal(rename("way/", "x"), "NOTDIR");
  for (const dots of [".", "..", "folder/.", "full/below/.."]) {
    assert.equal(rename(dots, "x"), dots === ".." ? "NOTCAPABLE" : "BUSY", dots);
    assert.equal(rename("other", dots), dots === ".." ? "NOTCAPABLE" : "BUSY", dots);
  }
  assert.equal(rename("way", "full/way"), "SUCCESS");
  assert.equal(rename("other", "other"), "SUCCESS");
  const without = guest.mustOpen(".", {
    rights: DIRECTORY_RIGHTS & ~Right.PATH_RENAME_TARGET,
    inheriting: TREE_RIGHTS,
  });
  assert.equal(rename("other", "x", [3, without]), "NOTCAPABLE");
});

Deno.test("path_rename asks no server to move a directory below itself", () => {
  const server = mem();
  let asked = 0;
  const { rename } = server;
  const watched = (...args: Parameters<NonNullable<typeof rename>>) => {
    asked++;
    return rename!(...args);
  };
  using guest = new Guest({ preopens: [preopen({ ...server, rename: watched })] });
  for (const path of ["a", "a/b", "a/b/c"]) guest.mkdir(path);
  const call = (to: string) => guest.call("path_rename", 3, ...guest.put("a"), 3, ...guest.put(to));
  for (const to of ["a/x", "a/b/x", "a/b/c/x", "a/b/c"]) assert.equal(call(to), "INVAL", to);
  assert.equal(asked, 0);
});

Deno.test("path_filestat_get: a time before 1970 has no number and is 0", () => {
  const server = mem({ clock: () => ({ sec: -1, nsec: 5 }) });
  using guest = new Guest({ preopens: [preopen(server)] });
  assert.deepEqual([guest.stat(3).mtim, guest.stat(3).atim], [0n, 0n]);
});

Deno.test("path_link and path_rename between two servers are XDEV; between two trees of one they work", () => {
  const server = mem();
  const preopens = [preopen(server), preopen(mem()), preopen(server), preopen(server, { writable: false })];
  using guest = new Guest({ preopens });
  guest.file("file");
  const paths = [...guest.put("file"), 0, ...guest.put("x")] as const;
  const to = (
    fd: number,
  ): [number, number, number, number, number] => [paths[0], paths[1], fd, paths[3], paths[4]];
  assert.equal(guest.call("path_link", 3, 0, ...to(4)), "XDEV");
  assert.equal(guest.call("path_rename", 3, ...to(4)), "XDEV");
  assert.equal(guest.call("path_link", 3, 0, ...to(6)), "ROFS");
  assert.equal(guest.call("path_rename", 3, ...to(6)), "ROFS");
  assert.equal(guest.call("path_link", 6, 0, ...to(3)), "ROFS");
  assert.equal(guest.call("path_rename", 6, ...to(3)), "ROFS");
  assert.equal(guest.call("path_link", 3, 0, ...to(5)), "SUCCESS");
  assert.equal(guest.call("path_rename", 5, ...to(3)), "SUCCESS");
});

Deno.test("path_symlink makes one that stays inside, path_readlink reads it, cut to the buffer", () => {
  using guest = withTree();
  const symlink = (target: string | Uint8Array, path: string) =>
    guest.call("path_symlink", ...guest.put(target), 3, ...guest.put(path));
  assert.equal(symlink("größe", "link"), "SUCCESS");
  guest.file("file");
  guest.mkdir("folder");
  for (const there of ["link", "file", "folder", "folder/"]) {
    assert.equal(symlink("x", there), "EXIST", there);
  }
  assert.equal(symlink("x", "file/"), "NOTDIR");
  assert.equal(symlink("x", "new/"), "NOENT");
  assert.equal(symlink("", "x"), "NOENT");
  assert.equal(symlink("/absolute", "x"), "NOTCAPABLE");
  assert.equal(symlink("t".repeat(4097), "x"), "NAMETOOLONG");
  assert.equal(symlink(new Uint8Array([0xff]), "x"), "ILSEQ");
  const result = guest.room(4);
  const read = (path: string, length: number) => {
    const buffer = guest.room(length + 1);
    const errno = guest.call("path_readlink", 3, ...guest.put(path), buffer, length, result);
    return errno === "SUCCESS" ? guest.bytes(buffer, guest.u32(result)).toHex() : errno;
  };
  const bytes = new TextEncoder().encode("größe");
  assert.equal(read("link", 100), bytes.toHex());
  assert.equal(read("link", 3), bytes.subarray(0, 3).toHex());
  assert.equal(read("link", 0), "");
  assert.equal(read("file", 10), "INVAL");
  assert.equal(read("folder", 10), "INVAL");
  assert.equal(read("missing", 10), "NOENT");
  assert.equal(
    guest.call("path_readlink", 3, ...guest.put("link"), guest.memoryBytes - 7, 8, result),
    "FAULT",
  );
  assert.equal(guest.call("path_readlink", 3, ...guest.put("link"), 16, 8, guest.memoryBytes - 3), "FAULT");
});

Deno.test("path_unlink_file and path_remove_directory each remove their own kind", () => {
  using guest = withTree();
  const tree = () => {
    guest.file("file");
    guest.mkdir("folder");
    guest.mkdir("full");
    guest.file("full/file");
    guest.symlink("folder", "way");
  };
  tree();
  const unlink = (path: string) => ONE_PATH.path_unlink_file(guest, 3, path);
  const rmdir = (path: string) => ONE_PATH.path_remove_directory(guest, 3, path);
  for (const path of ["folder", "folder/", ".", "full/.", "full/.."]) {
    assert.equal(unlink(path), "ISDIR", path);
  }
  for (const path of ["file/", "way/"]) {
    assert.equal(unlink(path), "NOTDIR", path);
    assert.equal(rmdir(path), "NOTDIR", path);
  }
  assert.equal(unlink("missing"), "NOENT");
  assert.equal(rmdir("missing"), "NOENT");
  assert.equal(rmdir("file"), "NOTDIR");
  assert.equal(rmdir("way"), "NOTDIR");
  assert.equal(rmdir("full"), "NOTEMPTY");
  assert.equal(rmdir("."), "INVAL");
  assert.equal(rmdir("full/.."), "NOTEMPTY");
  assert.equal(unlink("way"), "SUCCESS");
  assert.equal(rmdir("folder/"), "SUCCESS");
  assert.equal(unlink("file"), "SUCCESS");
  assert.equal(unlink("full/file"), "SUCCESS");
  assert.equal(rmdir("full"), "SUCCESS");
});

Deno.test("a file that was removed goes on for those who have it open", () => {
  using guest = withTree();
  guest.file("file", "content");
  const fd = guest.mustOpen("file");
  ONE_PATH.path_unlink_file(guest, 3, "file");
  assert.equal(guest.open("file"), "NOENT");
  assert.equal(guest.read(fd), "content");
  assert.equal(guest.stat(fd).links, 0n);
  const folder = (guest.mkdir("folder"), guest.directory("folder"));
  ONE_PATH.path_remove_directory(guest, 3, "folder");
  assert.equal(guest.open("x", { fd: folder, oflags: Oflag.CREAT }), "NOENT");
});
