/**
 * The functions of libc that this server calls, each below its C prototype. Linux, LP64.
 *
 * Results of type ssize_t are taken as i32: no call here asks for 2 GiB, and an i32 costs no BigInt. A variadic mode
 * (openat) and the arguments of syscall(2) travel in registers like any other integer.
 */
export const SYMBOLS = {
  /** `int *__errno_location(void);` */
  __errno_location: { parameters: [], result: "pointer" },
  /** `char *strerror(int errnum);` */
  strerror: { parameters: ["i32"], result: "pointer" },
  /** `sighandler_t signal(int signum, sighandler_t handler);` SIG_IGN is 1. */
  signal: { parameters: ["i32", "usize"], result: "usize" },
  /** `int getrlimit(int resource, struct rlimit *rlim);` */
  getrlimit: { parameters: ["i32", "buffer"], result: "i32" },
  /** `uid_t geteuid(void);` */
  geteuid: { parameters: [], result: "u32" },

  /** `int openat(int dirfd, const char *pathname, int flags, ... mode_t mode);` */
  openat: { parameters: ["i32", "buffer", "i32", "u32"], result: "i32" },
  /** `int close(int fd);` */
  close: { parameters: ["i32"], result: "i32" },
  /** `int fcntl(int fd, int cmd, ... int arg);` */
  fcntl: { parameters: ["i32", "i32", "i32"], result: "i32" },

  /** `int statx(int dirfd, const char *pathname, int flags, unsigned mask, struct statx *statxbuf);` */
  statx: { parameters: ["i32", "buffer", "i32", "u32", "buffer"], result: "i32" },
  /** `int fstatfs(int fd, struct statfs *buf);` */
  fstatfs: { parameters: ["i32", "buffer"], result: "i32" },

  /** `ssize_t pread(int fd, void *buf, size_t count, off_t offset);` */
  pread: { parameters: ["i32", "buffer", "usize", "i64"], result: "i32" },
  /** `ssize_t pwrite(int fd, const void *buf, size_t count, off_t offset);` */
  pwrite: { parameters: ["i32", "buffer", "usize", "i64"], result: "i32" },
  /** `ssize_t read(int fd, void *buf, size_t count);` */
  read: { parameters: ["i32", "buffer", "usize"], result: "i32" },
  /** `ssize_t write(int fd, const void *buf, size_t count);` */
  write: { parameters: ["i32", "buffer", "usize"], result: "i32" },
  /** `void *mmap(void *addr, size_t length, int prot, int flags, int fd, off_t offset);` */
  mmap: { parameters: ["usize", "usize", "i32", "i32", "i32", "i64"], result: "pointer" },
  /** `int munmap(void *addr, size_t length);` */
  munmap: { parameters: ["pointer", "usize"], result: "i32" },
  /** `int fstat(int fd, struct stat *statbuf);` */
  fstat: { parameters: ["i32", "buffer"], result: "i32" },
  /** `int poll(struct pollfd *fds, nfds_t nfds, int timeout);` */
  poll: { parameters: ["buffer", "usize", "i32"], result: "i32" },
  /** `ssize_t getdents64(int fd, void *dirp, size_t count);` */
  getdents64: { parameters: ["i32", "buffer", "usize"], result: "i32" },
  /** `off_t lseek(int fd, off_t offset, int whence);` */
  lseek: { parameters: ["i32", "i64", "i32"], result: "i64" },

  /** `int fsync(int fd);` on a thread of its own; its errno stays there. */
  fsync: { parameters: ["i32"], result: "i32", nonblocking: true },
  /** `int fdatasync(int fd);` likewise. */
  fdatasync: { parameters: ["i32"], result: "i32", nonblocking: true },
  /** `int syncfs(int fd);` likewise. */
  syncfs: { parameters: ["i32"], result: "i32", nonblocking: true },

  /** `int ftruncate(int fd, off_t length);` */
  ftruncate: { parameters: ["i32", "i64"], result: "i32" },
  /** `int fchmod(int fd, mode_t mode);` */
  fchmod: { parameters: ["i32", "u32"], result: "i32" },
  /** `int fchmodat(int dirfd, const char *pathname, mode_t mode, int flags);` */
  fchmodat: { parameters: ["i32", "buffer", "u32", "i32"], result: "i32" },
  /** `int fchownat(int dirfd, const char *pathname, uid_t owner, gid_t group, int flags);` */
  fchownat: { parameters: ["i32", "buffer", "u32", "u32", "i32"], result: "i32" },
  /** `int utimensat(int dirfd, const char *pathname, const struct timespec times[2], int flags);` */
  utimensat: { parameters: ["i32", "buffer", "buffer", "i32"], result: "i32" },

  /** `int mkdirat(int dirfd, const char *pathname, mode_t mode);` */
  mkdirat: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  /** `int mknodat(int dirfd, const char *pathname, mode_t mode, dev_t dev);` */
  mknodat: { parameters: ["i32", "buffer", "u32", "u64"], result: "i32" },
  /** `int symlinkat(const char *target, int newdirfd, const char *linkpath);` */
  symlinkat: { parameters: ["buffer", "i32", "buffer"], result: "i32" },
  /** `int linkat(int olddirfd, const char *oldpath, int newdirfd, const char *newpath, int flags);` */
  linkat: { parameters: ["i32", "buffer", "i32", "buffer", "i32"], result: "i32" },
  /** `ssize_t readlinkat(int dirfd, const char *pathname, char *buf, size_t bufsiz);` */
  readlinkat: { parameters: ["i32", "buffer", "buffer", "usize"], result: "i32" },
  /** `int unlinkat(int dirfd, const char *pathname, int flags);` */
  unlinkat: { parameters: ["i32", "buffer", "i32"], result: "i32" },
  /** `int renameat2(int olddirfd, const char *oldpath, int newdirfd, const char *newpath, unsigned flags);` */
  renameat2: { parameters: ["i32", "buffer", "i32", "buffer", "u32"], result: "i32" },

  /** `ssize_t getxattr(const char *path, const char *name, void *value, size_t size);` */
  getxattr: { parameters: ["buffer", "buffer", "buffer", "usize"], result: "i32" },
  /** `ssize_t listxattr(const char *path, char *list, size_t size);` */
  listxattr: { parameters: ["buffer", "buffer", "usize"], result: "i32" },
  /** `int setxattr(const char *path, const char *name, const void *value, size_t size, int flags);` */
  setxattr: { parameters: ["buffer", "buffer", "buffer", "usize", "i32"], result: "i32" },
  /** `int removexattr(const char *path, const char *name);` */
  removexattr: { parameters: ["buffer", "buffer"], result: "i32" },
  /**
   * `long syscall(SYS_getxattrat, int dirfd, const char *pathname, unsigned at_flags, const char *name, struct
   * xattr_args *args, size_t size);` since Linux 6.13; it needs no path through /proc and takes half the time.
   */
  getxattrat: {
    name: "syscall",
    parameters: ["i64", "i32", "buffer", "u32", "buffer", "buffer", "usize"],
    result: "i32",
  },
} as const;
