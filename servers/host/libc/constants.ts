/** Numbers of Linux that the calls in `symbols.ts` take, from <fcntl.h>, <linux/stat.h>, <linux/fs.h> and others. */

/** openat(2) flags for x86_64. Several differ on other architectures; `O` in 9p/ has those that the wire carries. */
export const OPEN = {
  CREAT: 0o100,
  EXCL: 0o200,
  NOCTTY: 0o400,
  TRUNC: 0o1000,
  APPEND: 0o2000,
  NONBLOCK: 0o4000,
  DSYNC: 0o10000,
  DIRECTORY: 0o200000,
  NOFOLLOW: 0o400000,
  CLOEXEC: 0o2000000,
  SYNC: 0o4010000,
  PATH: 0o10000000,
} as const;

/** Flags of the *at calls. */
export const AT = {
  FDCWD: -100,
  SYMLINK_NOFOLLOW: 0x100,
  REMOVEDIR: 0x200,
  SYMLINK_FOLLOW: 0x400,
  EMPTY_PATH: 0x1000,
} as const;

export const RENAME_NOREPLACE = 1;
export const F_DUPFD_CLOEXEC = 1030;
export const SEEK_SET = 0;
export const RLIMIT_NOFILE = 7;
export const SIGXFSZ = 25;
export const SIG_IGN = 1;
export const SYS_getxattrat = 464;
export const PROT_READ = 1;
export const MAP_SHARED = 1;
export const POLLHUP = 0x10;
/** utimensat(2): tv_nsec for "now" and for "leave it". */
export const UTIME_NOW = 0x3fffffff;
export const UTIME_OMIT = 0x3ffffffe;
/** statfs(2) f_type of overlayfs. */
export const OVERLAYFS_SUPER_MAGIC = 0x794c7630;
/** Longest path or symlink target that the kernel takes, with its NUL. */
export const PATH_MAX = 4096;
/** Bounds of the kernel on one extended attribute and on the list of their names, in bytes. */
export const XATTR_SIZE_MAX = 65536;
export const XATTR_LIST_MAX = 65536;
