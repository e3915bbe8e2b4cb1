import { Errno, errnoName, NineError, type U64 } from "../../9p/mod.ts";

/**
 * The functions of libc that a real disk calls, each below its C prototype. Linux, LP64. ssize_t is taken as i32: no
 * call here asks for 2 GiB.
 */
const { symbols } = Deno.dlopen("libc.so.6", {
  /** `int *__errno_location(void);` */
  __errno_location: { parameters: [], result: "pointer" },
  /** `int open(const char *pathname, int flags, ... mode_t mode);` */
  open: { parameters: ["buffer", "i32", "u32"], result: "i32" },
  /** `int close(int fd);` */
  close: { parameters: ["i32"], result: "i32" },
  /** `off_t lseek(int fd, off_t offset, int whence);` */
  lseek: { parameters: ["i32", "i64", "i32"], result: "i64" },
  /** `ssize_t pread(int fd, void *buf, size_t count, off_t offset);` */
  pread: { parameters: ["i32", "buffer", "usize", "i64"], result: "i32" },
  /** `ssize_t pwrite(int fd, const void *buf, size_t count, off_t offset);` */
  pwrite: { parameters: ["i32", "buffer", "usize", "i64"], result: "i32" },
  /** `void *mmap(void *addr, size_t length, int prot, int flags, int fd, off_t offset);` */
  mmap: { parameters: ["usize", "usize", "i32", "i32", "i32", "i64"], result: "pointer" },
  /** `int munmap(void *addr, size_t length);` */
  munmap: { parameters: ["pointer", "usize"], result: "i32" },
  /** `int ftruncate(int fd, off_t length);` */
  ftruncate: { parameters: ["i32", "i64"], result: "i32" },
  /** `int fsync(int fd);` */
  fsync: { parameters: ["i32"], result: "i32" },
  /** `int fdatasync(int fd);` */
  fdatasync: { parameters: ["i32"], result: "i32" },
  /** `int fsync(int fd);` on a thread of its own; its errno stays there. */
  fsyncApart: { name: "fsync", parameters: ["i32"], result: "i32", nonblocking: true },
  /** `int fdatasync(int fd);` likewise. */
  fdatasyncApart: { name: "fdatasync", parameters: ["i32"], result: "i32", nonblocking: true },
});

/** Deno's types ask for a bigint wherever C has 64 bits; its calls take an exact number as well, and faster. */
type Wide<Call> = Call extends (...args: infer Args) => infer Result
  ? (...args: { [I in keyof Args]: Args[I] extends bigint ? U64 : Args[I] }) => Result
  : never;

/** Each call returns -1 for a failure, whose number is then in `errno()`. */
export const c = symbols as unknown as { [Name in keyof typeof symbols]: Wide<typeof symbols[Name]> };

/** The errno of this isolate's thread; servers/host/libc tells why a view of it can be trusted. */
const cell = new Int32Array(Deno.UnsafePointerView.getArrayBuffer(c.__errno_location()!, 4));

/** The number of the last failure. To be read first thing after the call that failed. */
export function errno(): number {
  return cell[0];
}

/** Whether the call that gave `result` was cut short by a signal and is to be made again. */
export function interrupted(result: number): boolean {
  return result < 0 && cell[0] === Errno.EINTR;
}

/** What to throw for a failed call: `tried` says what was tried on which path. */
export function failure(number: number, tried: string): NineError {
  return new NineError(number, `${tried}: ${errnoName(number)}`);
}
