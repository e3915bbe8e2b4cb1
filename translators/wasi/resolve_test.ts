import { mem } from "../../servers/mem/mod.ts";
import assert from "node:assert/strict";
import { Oflag } from "./abi.ts";
import { Guest, preopen } from "./fixture.ts";
import { Right } from "./rights.ts";

/** A guest whose tree lies in `granted`, beside `secret`; symlinks in it as a host could have made them. */
function guestWith(links: Readonly<Record<string, string>> = {}): Guest {
  const server = mem();
  const all = preopen(server);
  const outside = new Guest({ preopens: [all] });
  outside.file("secret", "secret");
  for (const folder of ["granted", "granted/a", "granted/a/b"]) outside.mkdir(folder);
  outside.file("granted/file", "top");
  outside.file("granted/a/b/file", "deep");
  const root = server.walk(all.root as never, "granted", all.call);
  for (const [name, target] of Object.entries(links)) {
    const what = { mode: 0o120777, uid: "me", target };
    server.make!(root as never, name, what, all.call);
  }
  outside.process.close();
  return new Guest({ preopens: [preopen(server, { root })] });
}

const RIGHTS = Right.FD_READ;

function content(guest: Guest, path: string, fd = 3, follow = true): string {
  const opened = guest.open(path, { fd, follow, rights: RIGHTS });
  return typeof opened === "string" ? opened : guest.read(opened);
}

Deno.test("paths: dots, slashes and detours lead where they should", () => {
  using guest = guestWith();
  for (
    const path of ["file", "./file", ".//./file", "a/../file", "a/b/../../file", "a/./b/.././../a/../file"]
  ) {
    assert.equal(content(guest, path), "top", path);
  }
  for (const path of ["a/b/file", "a//b///file", "a/../a/b/../b/file"]) {
    assert.equal(content(guest, path), "deep", path);
  }
});

Deno.test("paths: a slash at the end needs a directory", () => {
  using guest = guestWith();
  for (const path of ["file/", "file///", "file/.", "a/b/file/"]) {
    assert.equal(content(guest, path), "NOTDIR", path);
  }
  for (const path of ["a/", "a///", "a/.", "a/b/..", ".", "./"]) {
    assert.equal(typeof guest.open(path, { rights: 0 }), "number", path);
  }
});

Deno.test("paths never lead above the directory that they start from", () => {
  using guest = guestWith();
  const paths = [
    "..",
    "../secret",
    "a/../../secret",
    "a/b/../../../secret",
    "../granted/file",
    "/secret",
    "/",
    "//file",
  ];
  for (const path of paths) assert.equal(content(guest, path), "NOTCAPABLE", path);
  const below = guest.mustOpen("a", { rights: Right.PATH_OPEN, inheriting: Right.PATH_OPEN | RIGHTS });
  assert.equal(content(guest, "b/file", below), "deep");
  assert.equal(content(guest, "../file", below), "NOTCAPABLE");
});

Deno.test("symlinks are followed inside, and one that leads out is NOTCAPABLE", () => {
  using guest = guestWith({
    direct: "a/b/file",
    folder: "a/b",
    twice: "folder/file",
    up: "a/../file",
    out: "../secret",
    detour: "a/../../granted/file",
    absolute: "/secret",
    empty: "",
    slash: "file/",
    slashed: "a/",
    nul: "fi\0le",
    through: "out/x",
  });
  assert.equal(content(guest, "direct"), "deep");
  assert.equal(content(guest, "folder/file"), "deep");
  assert.equal(content(guest, "folder/../b/file"), "deep");
  assert.equal(content(guest, "twice"), "deep");
  assert.equal(content(guest, "up"), "top");
  for (const name of ["out", "detour", "absolute", "through", "a/../out"]) {
    assert.equal(content(guest, name), "NOTCAPABLE", name);
  }
  assert.equal(content(guest, "empty"), "NOENT");
  assert.equal(content(guest, "slash"), "NOTDIR");
  assert.equal(content(guest, "slashed/b/file"), "deep");
  assert.equal(content(guest, "nul"), "INVAL");
  assert.equal(content(guest, "direct", 3, false), "LOOP");
  assert.equal(content(guest, "folder/file", 3, false), "deep");
  assert.equal(guest.open("folder", { follow: false, oflags: Oflag.DIRECTORY, rights: 0 }), "NOTDIR");
  assert.equal(typeof guest.open("folder/", { follow: false, rights: 0 }), "number");
});

Deno.test("symlinks: 40 in a row are followed, more are LOOP, and so is a circle", () => {
  const chain = (length: number) =>
    Object.fromEntries(Array.from({ length }, (_, i) => [`l${i}`, i === 0 ? "file" : `l${i - 1}`]));
  using guest = guestWith({ ...chain(41), self: "self", ping: "pong", pong: "ping" });
  assert.equal(content(guest, "l39"), "top");
  assert.equal(content(guest, "l40"), "LOOP");
  for (const name of ["self", "ping", "self/x"]) assert.equal(content(guest, name), "LOOP", name);
});

Deno.test("symlinks: what they make of a path has a bound together", () => {
  const detour = (times: number) => "a/../".repeat(times);
  using guest = guestWith({
    once: detour(800) + "file",
    twice: detour(800) + "once",
    often: detour(800) + "twice",
  });
  assert.equal(content(guest, "twice"), "top");
  assert.equal(content(guest, "often"), "LOOP");
});

Deno.test("symlinks: one that is longer than any path is NAMETOOLONG", () => {
  using guest = guestWith({ long: "./".repeat(2049) + "file" });
  assert.equal(content(guest, "long"), "NAMETOOLONG");
});

Deno.test("names: 255 bytes are a name, a BOM is part of one, and both composed and decomposed letters are themselves", () => {
  using guest = guestWith();
  for (const name of ["n".repeat(255), "ü".repeat(127), "\uFEFFbom", "e\u0301", "\u00e9", "a b\n\t"]) {
    guest.file(name, `${[...name].length} characters`);
    assert.equal(content(guest, name), `${[...name].length} characters`);
  }
  assert.equal(content(guest, "bom"), "NOENT");
  assert.equal(guest.open("ü".repeat(128), { oflags: Oflag.CREAT }), "NAMETOOLONG");
});
