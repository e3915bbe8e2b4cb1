/**
 * The functions of libc that this folder calls, each below its C prototype. Linux, LP64. Results of type ssize_t are
 * taken as i32: no call here moves 2 GiB, and an i32 costs no BigInt.
 */
const SOCKET_SYMBOLS = {
  /** `int *__errno_location(void);` */
  __errno_location: { parameters: [], result: "pointer" },
  /** `int getsockname(int sockfd, struct sockaddr *addr, socklen_t *addrlen);` */
  getsockname: { parameters: ["i32", "buffer", "buffer"], result: "i32" },
  /** `int getpeername(int sockfd, struct sockaddr *addr, socklen_t *addrlen);` */
  getpeername: { parameters: ["i32", "buffer", "buffer"], result: "i32" },
  /** `int fcntl(int fd, int cmd, ... int arg);` */
  fcntl: { parameters: ["i32", "i32", "i32"], result: "i32" },
  /** `int close(int fd);` */
  close: { parameters: ["i32"], result: "i32" },
  /** `ssize_t recv(int sockfd, void *buf, size_t len, int flags);` */
  recv: { parameters: ["i32", "buffer", "usize", "i32"], result: "i32" },
  /** `ssize_t send(int sockfd, const void *buf, size_t len, int flags);` */
  send: { parameters: ["i32", "buffer", "usize", "i32"], result: "i32" },
  /** `ssize_t sendmsg(int sockfd, const struct msghdr *msg, int flags);` */
  sendmsg: { parameters: ["i32", "buffer", "i32"], result: "i32" },
  /** `int sched_yield(void);` */
  sched_yield: { parameters: [], result: "i32" },
} as const;

export const F_DUPFD_CLOEXEC = 1030;
export const AF_INET = 2;
export const AF_INET6 = 10;
export const MSG_DONTWAIT = 0x40;
export const MSG_NOSIGNAL = 0x4000;
export const EINTR = 4;
export const EAGAIN = 11;
export const ECONNRESET = 104;

export interface Libc {
  sched_yield(): number;
  errno(): number;
  fcntl(fd: number, command: number, argument: number): number;
  close(fd: number): number;
  getsockname(fd: number, address: Uint8Array<ArrayBuffer>, length: Uint32Array<ArrayBuffer>): number;
  getpeername(fd: number, address: Uint8Array<ArrayBuffer>, length: Uint32Array<ArrayBuffer>): number;
  recv(fd: number, into: Uint8Array<ArrayBuffer>, length: number, flags: number): number;
  send(fd: number, from: Uint8Array<ArrayBuffer>, length: number, flags: number): number;
  sendmsg(fd: number, message: Uint8Array<ArrayBuffer>, flags: number): number;
}

/** Undefined wherever it is not to be had; nobody is asked for a permission. */
export const libc = openLibc();

function openLibc(): Libc | undefined {
  try {
    if (Deno.build.os !== "linux") return undefined;
    if (Deno.permissions.querySync({ name: "ffi" }).state !== "granted") return undefined;
    const { symbols } = Deno.dlopen("libc.so.6", SOCKET_SYMBOLS);
    // errno belongs to the thread, and an isolate stays on its thread (servers/host/libc/libc.ts).
    const cell = new Int32Array(Deno.UnsafePointerView.getArrayBuffer(symbols.__errno_location()!, 4));
    // Deno's types ask for a bigint as a size; its calls take a number as well, and faster.
    return { ...symbols, errno: () => cell[0] } as unknown as Libc;
  } catch {
    return undefined;
  }
}
