import { NineError } from "../../9p/mod.ts";
import { mem } from "../../servers/mem/mod.ts";
import assert from "node:assert/strict";
import { Filetype, Oflag } from "./abi.ts";
import { Guest, preopen } from "./fixture.ts";
import { DIRECTORY_RIGHTS, Right } from "./rights.ts";

interface Dirent {
  readonly next: bigint;
  readonly inode: bigint;
  readonly filetype: number;
  readonly name: string;
}

const withTree = () => new Guest({ preopens: [preopen(mem())] });

/** One call: the whole entries in the buffer, and how many bytes of it were used. */
function readdir(guest: Guest, fd: number, length: number, cookie = 0n): { entries: Dirent[]; used: number } {
  const [buffer, result] = [guest.room(length), guest.room(4)];
  guest.must("fd_readdir", fd, buffer, length, cookie, result);
  const used = guest.u32(result);
  const entries: Dirent[] = [];
  for (let at = buffer; at + 24 <= buffer + used;) {
    const nameLength = guest.u32(at + 16);
    if (at + 24 + nameLength > buffer + used) break;
    entries.push({
      next: guest.u64(at),
      inode: guest.u64(at + 8),
      filetype: guest.u32(at + 20),
      name: guest.text(at + 24, nameLength),
    });
    at += 24 + nameLength;
  }
  return { entries, used };
}

/** As a guest's library lists a directory: until a call leaves some of the buffer unused. */
function all(guest: Guest, fd: number, length: number): Dirent[] {
  const found: Dirent[] = [];
  for (let cookie = 0n;;) {
    const { entries, used } = readdir(guest, fd, length, cookie);
    found.push(...entries);
    if (used < length) return found;
    cookie = entries[entries.length - 1].next;
  }
}

Deno.test("fd_readdir lists . and .. first, and everything with its inode and type", () => {
  using guest = withTree();
  guest.file("file");
  guest.mkdir("folder");
  guest.symlink("file", "link");
  const entries = all(guest, 3, 4096);
  const { DIRECTORY, REGULAR_FILE, SYMBOLIC_LINK } = Filetype;
  assert.deepEqual(entries.map(({ name, filetype }) => [name, filetype]), [
    [".", DIRECTORY],
    ["..", DIRECTORY],
    ["file", REGULAR_FILE],
    ["folder", DIRECTORY],
    ["link", SYMBOLIC_LINK],
  ]);
  assert.equal(entries[0].inode, guest.stat(3).inode);
  assert.equal(entries[2].inode, guest.stat(guest.mustOpen("file")).inode);
  assert.equal(entries[3].inode, guest.stat(guest.directory("folder")).inode);
});

Deno.test("fd_readdir: above what was granted there is nothing, below it .. is the directory above", () => {
  const server = mem();
  using outer = new Guest({ preopens: [preopen(server)] });
  outer.mkdir("granted");
  outer.mkdir("granted/below");
  const root = server.walk(preopen(server).root as never, "granted", preopen(server).call);
  using guest = new Guest({ preopens: [preopen(server, { root })] });
  const inodes = (fd: number) => all(guest, fd, 4096).slice(0, 2).map(({ inode }) => inode);
  const granted = guest.stat(3).inode;
  assert.deepEqual(inodes(3), [granted, granted]);
  const below = guest.directory("below");
  assert.deepEqual(inodes(below), [guest.stat(below).inode, granted]);
});

Deno.test("fd_readdir goes on at any cookie, with any buffer that holds an entry", () => {
  using guest = new Guest({ preopens: [preopen(mem())] }, 4 * 1024 * 1024);
  const names = Array.from({ length: 300 }, (_, i) => `${i}-${"n".repeat(i % 40)}`);
  for (const name of names) guest.file(name);
  const expected = [".", "..", ...names].sort();
  for (const length of [70, 100, 256, 4096, 30_000]) {
    assert.deepEqual(all(guest, 3, length).map(({ name }) => name).sort(), expected, `${length}`);
  }
  const entries = all(guest, 3, 30_000);
  for (const i of [0, 1, 2, 150, 301]) {
    const rest = readdir(guest, 3, 30_000, entries[i].next).entries;
    assert.deepEqual(rest, entries.slice(i + 1));
  }
});

Deno.test("fd_readdir fills the buffer with part of an entry, and says so by using all of it", () => {
  using guest = withTree();
  for (const length of [0, 1, 23, 24, 25, 49, 50]) {
    const { used } = readdir(guest, 3, length);
    assert.equal(used, length);
  }
  const whole = 24 + 1 + 24 + 2;
  assert.equal(readdir(guest, 3, whole).used, whole);
  assert.equal(readdir(guest, 3, whole + 1).used, whole);
  assert.equal(readdir(guest, 3, 100, 2n).used, 0);
});

Deno.test("fd_readdir lists nothing twice and misses nothing while the directory changes", () => {
  using guest = withTree();
  for (let i = 0; i < 50; i++) guest.file(`stays ${i}`);
  const seen: string[] = [];
  let cookie = 0n;
  for (let round = 0;; round++) {
    const { entries, used } = readdir(guest, 3, 300, cookie);
    seen.push(...entries.map(({ name }) => name));
    if (used < 300) break;
    cookie = entries[entries.length - 1].next;
    if (round > 5) continue;
    guest.must("path_unlink_file", 3, ...guest.put(entries[entries.length - 1].name));
    guest.file(`late ${round}`);
  }
  assert.equal(new Set(seen).size, seen.length);
  for (let i = 0; i < 50; i++) assert.ok(seen.includes(`stays ${i}`), `${i}`);
});

Deno.test("fd_readdir: NOTDIR on what is none, NOTCAPABLE without its right, FAULT outside the memory", () => {
  using guest = withTree();
  const call = (fd: number, at: number, length: number, result: number) =>
    guest.call("fd_readdir", fd, at, length, 0n, result);
  assert.equal(call(0, 16, 100, 16), "NOTDIR");
  assert.equal(call(guest.mustOpen("file", { oflags: Oflag.CREAT }), 16, 100, 16), "NOTDIR");
  assert.equal(call(9, 16, 100, 16), "BADF");
  assert.equal(
    call(guest.mustOpen(".", { rights: DIRECTORY_RIGHTS & ~Right.FD_READDIR }), 16, 100, 16),
    "NOTCAPABLE",
  );
  assert.equal(call(3, guest.memoryBytes - 99, 100, 16), "FAULT");
  assert.equal(call(3, 0xffffffff, 0xffffffff, 16), "FAULT");
  assert.equal(call(3, 16, 100, guest.memoryBytes - 3), "FAULT");
});

Deno.test("fd_readdir: a directory that may not be listed refuses at the open", () => {
  const server = mem();
  const { open } = server;
  const refuses = (...args: Parameters<NonNullable<typeof open>>) => {
    if (server.name(args[0]) === "secret") throw new NineError("EACCES", "as a test");
    return open!(...args);
  };
  const { hold, drop } = server;
  let held = 0;
  Object.assign(server, {
    open: refuses,
    hold: (node: never) => (held++, hold!(node)),
    drop: (node: never) => (held--, drop!(node)),
  });
  using guest = new Guest({ preopens: [preopen(server)] });
  guest.mkdir("secret");
  assert.equal(guest.open("secret", { rights: DIRECTORY_RIGHTS }), "ACCES");
  assert.equal(held, 1, "the root alone");
  // To walk through, it need not be listed.
  assert.equal(guest.open("secret", { rights: Right.PATH_OPEN }), 4);
});

Deno.test("fd_readdir: a cookie from the file server that leaves no room for . and .. is OVERFLOW", () => {
  const server = Object.assign(mem(), {
    list:
      () => [{ name: "far", cookie: 0xffff_ffff_ffff_ffffn, qid: { type: 0, version: 0, path: 1 }, mode: 0 }],
  });
  using guest = new Guest({ preopens: [preopen(server)] });
  assert.equal(guest.call("fd_readdir", 3, 16, 4096, 0n, 8), "OVERFLOW");
});

Deno.test("fd_readdir hands cookies above 2^53 back to the server exactly", () => {
  const cookies: unknown[] = [];
  const far = 2n ** 63n - 1n;
  const server = Object.assign(mem(), {
    list(_dir: unknown, _handle: unknown, cookie: unknown) {
      cookies.push(cookie);
      if (cookie !== 0) return [];
      return [{ name: "far", cookie: far, qid: { type: 0, version: 0, path: 2n ** 64n - 1n }, mode: 0 }];
    },
  });
  using guest = new Guest({ preopens: [preopen(server)] });
  const { entries } = readdir(guest, 3, 4096, 2n);
  assert.deepEqual(entries, [{ name: "far", next: far + 2n, inode: 2n ** 64n - 1n, filetype: 0 }]);
  readdir(guest, 3, 4096, far + 2n);
  assert.deepEqual(cookies, [0, far, far]);
});
