import assert from "node:assert/strict";
import { NineError } from "../../9p/mod.ts";
import { type Disk, type DiskFile, readingDisk, realDisk, SimulatedDisk } from "./mod.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

function read(file: DiskFile, offset = 0, length = 100): string {
  const into = new Uint8Array(length);
  return new TextDecoder().decode(into.subarray(0, file.pread(into, offset)));
}

function fails(code: string, call: () => unknown): void {
  assert.throws(call, (thrown) => thrown instanceof NineError && thrown.code === code);
}

const disks: [string, () => Disk & Partial<Disposable>][] = [
  ["a real disk", () => {
    const root = Deno.makeTempDirSync();
    return Object.assign(realDisk(`${root}/home`), {
      [Symbol.dispose]: () => Deno.removeSync(root, { recursive: true }),
    });
  }],
  ["a simulated disk", () => new SimulatedDisk()],
];

for (const [name, make] of disks) {
  Deno.test(`${name} reads what was written, in files found by name`, async () => {
    const disk = make();
    try {
      disk.makeFolder("a/b");
      assert.deepEqual(disk.list("a"), ["b"]);
      assert.deepEqual(disk.list("nowhere"), []);
      fails("ENOENT", () => disk.open("a/b/file"));
      const file = disk.open("a/b/file", { create: true });
      fails("EEXIST", () => disk.open("a/b/file", { create: true, exclusive: true }));
      file.pwrite(bytes("hello"), 3);
      assert.equal(file.size(), 8);
      assert.equal(read(file), "\0\0\0hello");
      assert.equal(read(file, 6), "lo");
      assert.equal(read(file, 8), "");
      file.truncate(5);
      file.truncate(7);
      assert.equal(read(file), "\0\0\0he\0\0");
      await Promise.all([file.sync(), file.sync(), disk.syncFolder("a/b")]);
      file.syncBlocking();
      disk.syncFolderBlocking("a/b");

      const other = disk.open("a/b/other", { create: true, exclusive: true });
      other.pwrite(bytes("other"), 0);
      disk.rename("a/b/other", "a/b/file");
      fails("EXDEV", () => disk.rename("a/b/file", "a/file"));
      fails("ENOENT", () => disk.rename("a/b/other", "a/b/third"));
      assert.deepEqual(disk.list("a/b"), ["file"]);
      assert.equal(read(disk.open("a/b/file")), "other");
      assert.equal(read(file), "\0\0\0he\0\0", "what was replaced can be read while it is open");
      disk.remove("a/b/file");
      fails("ENOENT", () => disk.remove("a/b/file"));
      assert.equal(read(other), "other");
      const synced = other.sync();
      other.close();
      other.close();
      await synced;
      fails("EBADF", () => other.size());
    } finally {
      disk[Symbol.dispose]?.();
    }
  });
}

Deno.test("a file of a real disk is the owner's alone, and a failure names its path", () => {
  using _umask = {
    was: Deno.umask(0),
    [Symbol.dispose]: function () {
      Deno.umask(this.was);
    },
  };
  const root = Deno.makeTempDirSync();
  try {
    const disk = realDisk(`${root}/home`);
    disk.open("file", { create: true }).close();
    assert.equal(Deno.statSync(`${root}/home`).mode! & 0o777, 0o700);
    assert.equal(Deno.statSync(`${root}/home/file`).mode! & 0o777, 0o600);
    assert.throws(() => disk.open("no/file"), {
      code: "ENOENT",
      message: `Open ${root}/home/no/file: ENOENT`,
    });
    const full = realDisk("/dev").open("full");
    assert.throws(() => full.pwrite(bytes("x"), 0), { code: "ENOSPC" });
    full.close();
  } finally {
    Deno.removeSync(root, { recursive: true });
  }
});

Deno.test("a disk for reading shows what is there, and makes and changes nothing", () => {
  const root = Deno.makeTempDirSync();
  try {
    assert.deepEqual(readingDisk(`${root}/none`).list(""), []);
    assert.deepEqual([...Deno.readDirSync(root)], []);
    Deno.writeTextFileSync(`${root}/file`, "there");
    const disk = readingDisk(root);
    const file = disk.open("file", { create: true });
    assert.deepEqual([read(file), file.size()], ["there", 5]);
    fails("EROFS", () => file.pwrite(bytes("x"), 0));
    fails("EROFS", () => file.truncate(0));
    file.close();
    fails("EBADF", () => file.size());
    fails("ENOENT", () => disk.open("none", { create: true }));
    fails("EROFS", () => disk.open("none", { create: true, exclusive: true }));
    fails("EROFS", () => disk.rename("file", "other"));
    fails("EROFS", () => disk.remove("file"));
    fails("EROFS", () => disk.makeFolder("folder"));
    assert.deepEqual([...Deno.readDirSync(root)].map(({ name }) => name), ["file"]);
    assert.equal(Deno.readTextFileSync(`${root}/file`), "there");
  } finally {
    Deno.removeSync(root, { recursive: true });
  }
});
