import { NineError } from "../../9p/mod.ts";
import { mem } from "../../servers/mem/mod.ts";
import assert from "node:assert/strict";
import { Fdflag, Oflag } from "./abi.ts";
import { IO_BYTES_MAX } from "./descriptor.ts";
import { Guest, inputOf, preopen } from "./fixture.ts";
import { IOVECS_MAX } from "./iovecs.ts";
import { DIRECTORY_RIGHTS, FILE_RIGHTS, Right } from "./rights.ts";
import { WasiStop } from "./stop.ts";

const CREATE = { oflags: Oflag.CREAT };
const bytes = (text: string) => new TextEncoder().encode(text);

const withTree = () => new Guest({ preopens: [preopen(mem())] });

Deno.test("fd_write and fd_read move a list of buffers, and a file's position with them", () => {
  using guest = withTree();
  const fd = guest.mustOpen("file", CREATE);
  const result = guest.room(4);
  guest.must(
    "fd_write",
    fd,
    ...guest.iovecs(guest.put("ab"), [guest.memoryBytes, 0], guest.put("cdef")),
    result,
  );
  assert.equal(guest.u32(result), 6);
  assert.equal(guest.read(fd), "");
  guest.must("fd_seek", fd, -5n, 1, guest.room(8));
  const [first, second] = [guest.room(8), guest.room(8)];
  guest.must("fd_read", fd, ...guest.iovecs([first, 2], [second, 8]), result);
  assert.equal(guest.u32(result), 5);
  assert.equal(guest.text(first, 3) + guest.text(second, 4), "bc\0def\0");
});

Deno.test("fd_pread and fd_pwrite leave the position alone", () => {
  using guest = withTree();
  const fd = guest.mustOpen("file", CREATE);
  const [result, buffer] = [guest.room(4), guest.room(8)];
  guest.must("fd_pwrite", fd, ...guest.iovecs(guest.put("xyz")), 3n, result);
  assert.equal(guest.u32(result), 3);
  guest.must("fd_pread", fd, ...guest.iovecs([buffer, 8]), 2n, result);
  assert.equal(guest.text(buffer, guest.u32(result)), "\0xyz");
  assert.equal(guest.read(fd), "\0\0\0xyz");
  guest.must("fd_pread", fd, ...guest.iovecs([buffer, 8]), 2n ** 53n - 1n, result);
  assert.equal(guest.u32(result), 0);
  const list = guest.iovecs([buffer, 8]);
  assert.equal(guest.call("fd_pread", fd, ...list, 2n ** 53n, result), "INVAL");
  assert.equal(guest.call("fd_pread", fd, ...list, -1n, result), "INVAL");
  assert.equal(guest.call("fd_pwrite", fd, ...list, 2n ** 53n, result), "FBIG");
  assert.equal(guest.call("fd_pwrite", fd, ...list, 2n ** 53n - 4n, result), "FBIG");
});

Deno.test("fd_seek and fd_tell", () => {
  using guest = withTree();
  guest.file("file", "0123456789");
  const fd = guest.mustOpen("file");
  const at = guest.room(8);
  const seek = (offset: bigint, whence: number) => {
    const errno = guest.call("fd_seek", fd, offset, whence, at);
    return errno === "SUCCESS" ? guest.u64(at) : errno;
  };
  assert.equal(seek(4n, 0), 4n);
  assert.equal(seek(-1n, 1), 3n);
  assert.equal(seek(-3n, 2), 7n);
  assert.equal(guest.read(fd), "789");
  assert.equal(seek(90n, 1), 100n);
  guest.must("fd_tell", fd, at);
  assert.equal(guest.u64(at), 100n);
  assert.equal(guest.read(fd), "");
  assert.equal(seek(-101n, 1), "INVAL");
  assert.equal(seek(2n ** 53n, 0), "INVAL");
  assert.equal(seek(2n ** 63n, 0), "INVAL");
  assert.equal(seek(0n, 3), "INVAL");
  assert.equal(seek(0n, 1), 100n);
});

Deno.test("fd_seek and fd_tell need one of two rights for a look, and FD_SEEK to move", () => {
  using guest = withTree();
  guest.file("file");
  const at = guest.room(8);
  const teller = guest.mustOpen("file", { rights: Right.FD_TELL });
  assert.equal(guest.call("fd_tell", teller, at), "SUCCESS");
  assert.equal(guest.call("fd_seek", teller, 0n, 1, at), "SUCCESS");
  assert.equal(guest.call("fd_seek", teller, 0n, 0, at), "NOTCAPABLE");
  const seeker = guest.mustOpen("file", { rights: Right.FD_SEEK });
  assert.equal(guest.call("fd_tell", seeker, at), "SUCCESS");
  const neither = guest.mustOpen("file", { rights: 0 });
  assert.equal(guest.call("fd_tell", neither, at), "NOTCAPABLE");
});

Deno.test("an append goes to the end, whatever the position and whoever wrote meanwhile", () => {
  using guest = withTree();
  guest.file("log", "one ");
  const log = guest.mustOpen("log", { fdflags: Fdflag.APPEND });
  const other = guest.mustOpen("log", { fdflags: Fdflag.APPEND });
  guest.write(log, "two ");
  guest.write(other, "three ");
  guest.write(log, "four");
  const at = guest.room(8);
  guest.must("fd_tell", log, at);
  assert.equal(guest.u64(at), 18n);
  assert.equal(guest.read(guest.mustOpen("log")), "one two three four");
});

Deno.test("fd_fdstat_set_flags turns appending on and off, and keeps the position", () => {
  using guest = withTree();
  guest.file("file", "0123456789");
  const fd = guest.mustOpen("file");
  guest.must("fd_seek", fd, 2n, 0, guest.room(8));
  guest.must("fd_fdstat_set_flags", fd, Fdflag.APPEND | Fdflag.SYNC);
  assert.equal(guest.read(fd, 2), "23");
  guest.write(fd, "end");
  guest.must("fd_fdstat_set_flags", fd, 0);
  const at = guest.room(8);
  guest.must("fd_tell", fd, at);
  assert.equal(guest.u64(at), 13n);
  guest.must("fd_seek", fd, 0n, 0, at);
  guest.write(fd, "start");
  assert.equal(guest.read(guest.mustOpen("file")), "start56789end");
});

Deno.test("fd_read of stdin gives what is there and does not wait for more", () => {
  const reads: number[] = [];
  const stdin = {
    read(into: Uint8Array) {
      reads.push(into.length);
      into.fill(65);
      return into.length;
    },
  };
  using guest = new Guest({ stdin });
  const [buffer, result] = [guest.room(16), guest.room(4)];
  guest.must("fd_read", 0, ...guest.iovecs([buffer, 0], [buffer, 8], [buffer + 8, 8]), result);
  assert.equal(guest.u32(result), 8);
  assert.deepEqual(reads, [8]);
});

Deno.test("stdin, stdout and stderr: a program's bytes come and go", () => {
  using guest = new Guest({ stdin: inputOf(bytes("question")) });
  assert.equal(guest.read(0, 5), "quest");
  assert.equal(guest.read(0), "ion");
  assert.equal(guest.read(0), "");
  assert.equal(guest.write(1, "answer"), 6);
  assert.equal(guest.write(2, "doubt"), 5);
  assert.deepEqual([guest.stdout.text, guest.stderr.text], ["answer", "doubt"]);
});

Deno.test("streams have no place: SPIPE, and BADF the other way round", () => {
  using guest = new Guest();
  const [list, count] = guest.iovecs([guest.room(8), 8]);
  const result = guest.room(8);
  for (const fd of [0, 1, 2]) {
    assert.equal(guest.call("fd_pread", fd, list, count, 0n, result), "SPIPE");
    assert.equal(guest.call("fd_pwrite", fd, list, count, 0n, result), "SPIPE");
    assert.equal(guest.call("fd_seek", fd, 0n, 1, result), "SPIPE");
    assert.equal(guest.call("fd_tell", fd, result), "SPIPE");
  }
  assert.equal(guest.call("fd_write", 0, list, count, result), "BADF");
  assert.equal(guest.call("fd_read", 1, list, count, result), "BADF");
});

Deno.test("directories hold no bytes: ISDIR; numbers that are not open are BADF", () => {
  using guest = withTree();
  const [list, count] = guest.iovecs([guest.room(8), 8]);
  const result = guest.room(8);
  const answers = (fd: number) => [
    guest.call("fd_read", fd, list, count, result),
    guest.call("fd_write", fd, list, count, result),
    guest.call("fd_pread", fd, list, count, 0n, result),
    guest.call("fd_pwrite", fd, list, count, 0n, result),
    guest.call("fd_seek", fd, 0n, 1, result),
    guest.call("fd_tell", fd, result),
  ];
  assert.deepEqual(answers(3), new Array(6).fill("ISDIR"));
  for (const closed of [4, 1024, 0x7fffffff, 0xffffffff]) {
    assert.deepEqual(answers(closed), new Array(6).fill("BADF"));
  }
});

Deno.test("a file opened one way only is BADF the other way, and NOTCAPABLE without FD_SEEK", () => {
  using guest = withTree();
  guest.file("file", "text");
  const [list, count] = guest.iovecs([guest.room(8), 8]);
  const result = guest.room(8);
  const reader = guest.mustOpen("file", { rights: FILE_RIGHTS & ~Right.FD_WRITE });
  assert.equal(guest.write(reader, "x"), "BADF");
  assert.equal(guest.call("fd_pwrite", reader, list, count, 0n, result), "BADF");
  const writer = guest.mustOpen("file", { rights: FILE_RIGHTS & ~Right.FD_READ });
  assert.equal(guest.read(writer), "BADF");
  assert.equal(guest.call("fd_pread", writer, list, count, 0n, result), "BADF");
  const stream = guest.mustOpen("file", { rights: Right.FD_READ | Right.FD_WRITE });
  assert.equal(guest.call("fd_pread", stream, list, count, 0n, result), "NOTCAPABLE");
  assert.equal(guest.call("fd_pwrite", stream, list, count, 0n, result), "NOTCAPABLE");
  assert.equal(guest.read(stream), "text");
});

Deno.test("lists of buffers: FAULT outside the memory, INVAL beyond the bounds, and nothing happens", () => {
  using guest = new Guest({ stdin: inputOf(bytes("text")) });
  const end = guest.memoryBytes;
  const result = guest.room(4);
  const good = guest.iovecs([guest.room(8), 8]);
  for (const fd of [0, 1]) {
    const call = (list: number, count: number, result: number) =>
      guest.call(fd === 0 ? "fd_read" : "fd_write", fd, list, count, result);
    assert.equal(call(...good, end - 3), "FAULT");
    assert.equal(call(...good, 0xffffffff), "FAULT");
    assert.equal(call(end - 7, 1, result), "FAULT");
    assert.equal(call(0xfffffff8, 1, result), "FAULT");
    assert.equal(call(...guest.iovecs([end - 7, 8]), result), "FAULT");
    assert.equal(call(...guest.iovecs([0, 8], [0xffffffff, 1]), result), "FAULT");
    assert.equal(call(...guest.iovecs([0xffffffff, 0xffffffff]), result), "FAULT");
    assert.equal(call(0, IOVECS_MAX + 1, result), "INVAL");
    assert.equal(call(0, 0xffffffff, result), "INVAL");
    assert.equal(call(end, 0, result), "SUCCESS");
  }
  assert.equal(guest.stdout.text, "");
  assert.equal(guest.read(0), "text");
});

Deno.test("a call moves a bounded number of bytes, however many are asked for", () => {
  let taken = 0;
  const stdout = {
    write: (part: Uint8Array) => {
      taken += part.length;
      return part.length;
    },
  };
  using guest = new Guest({ stdout }, 2 * IO_BYTES_MAX);
  const result = guest.room(4);
  const whole = [0, 2 * IO_BYTES_MAX] as const;
  guest.must("fd_write", 1, ...guest.iovecs(whole, whole), result);
  assert.equal(guest.u32(result), IO_BYTES_MAX);
  assert.equal(taken, IO_BYTES_MAX);
  assert.equal(guest.call("fd_write", 1, ...guest.iovecs(...new Array(1000).fill(whole)), result), "INVAL");
});

Deno.test("a buffer over the list itself harms nobody", () => {
  using guest = new Guest({ stdin: { read: (into) => into.fill(0xff).length } });
  const list = guest.room(64);
  const put = (i: number, at: number, length: number) => {
    guest.memory.view.setUint32(list + 8 * i, at, true);
    guest.memory.view.setUint32(list + 8 * i + 4, length, true);
  };
  using tree = withTree();
  tree.file("ones", "\x7f".repeat(200));
  put(0, list, 64);
  for (let i = 1; i < 8; i++) put(i, list, 64);
  guest.must("fd_read", 0, list, 8, guest.room(4));

  const fd = tree.mustOpen("ones");
  const at = tree.room(64);
  for (let i = 0; i < 8; i++) {
    tree.memory.view.setUint32(at + 8 * i, at, true);
    tree.memory.view.setUint32(at + 8 * i + 4, 64, true);
  }
  const [before, result] = [tree.memory.bytes.slice(at + 64), tree.room(4)];
  tree.must("fd_read", fd, at, 8, result);
  assert.equal(tree.u32(result), 64);
  tree.memory.view.setUint32(result, 0, true);
  assert.deepEqual(tree.memory.bytes.slice(at + 64), before);
});

Deno.test("an error after the first bytes is told by the next call; what ends the run is told at once", () => {
  let room = 4;
  const stdout = {
    write(part: Uint8Array) {
      if (room === 0) throw new NineError("EFBIG", "The output may have 4 bytes");
      room -= part.length;
      return part.length;
    },
  };
  using guest = new Guest({ stdout });
  const result = guest.room(4);
  const list = guest.iovecs(guest.put("four"), guest.put("more"));
  guest.must("fd_write", 1, ...list, result);
  assert.equal(guest.u32(result), 4);
  assert.equal(guest.call("fd_write", 1, ...list, result), "FBIG");

  let writes = 0;
  const stopping = {
    write(part: Uint8Array) {
      if (++writes === 2) throw new WasiStop("The time is over");
      return part.length;
    },
  };
  using stopped = new Guest({ stdout: stopping });
  const both = stopped.iovecs(stopped.put("a"), stopped.put("b"));
  assert.throws(() => stopped.call("fd_write", 1, ...both, stopped.room(4)), WasiStop);
});

Deno.test("a count that cannot be from a stream or a file server is IO", () => {
  for (const count of [-1, 9, 0.5, NaN]) {
    using guest = new Guest({ stdin: { read: () => count }, stdout: { write: () => count } });
    assert.equal(guest.read(0, 8), "IO");
    assert.equal(guest.write(1, "12345678"), "IO");
  }
});

Deno.test("a file server that answers later is IO, and its failure is nobody's news", async () => {
  const later = Object.assign(mem(), {
    read: () => Promise.reject(new Error("as a test")),
    write: () => Promise.resolve(1),
    getattr: () => Promise.reject(new Error("as a test")),
  });
  using guest = new Guest({ preopens: [preopen(later)] });
  const fd = guest.mustOpen("file", CREATE);
  assert.equal(guest.read(fd), "IO");
  assert.equal(guest.write(fd, "x"), "IO");
  assert.equal(guest.call("fd_filestat_get", fd, guest.room(64)), "IO");
  await new Promise((done) => setTimeout(done));
});

Deno.test("DIRECTORY_RIGHTS hold nothing that moves bytes", () => {
  assert.equal(DIRECTORY_RIGHTS & (Right.FD_READ | Right.FD_WRITE | Right.FD_SEEK | Right.FD_TELL), 0);
});
