/** `rights` of the witx document. All of them fit 30 bits, so they are plain numbers here. */
export const Right = {
  FD_DATASYNC: 1 << 0,
  FD_READ: 1 << 1,
  FD_SEEK: 1 << 2,
  FD_FDSTAT_SET_FLAGS: 1 << 3,
  FD_SYNC: 1 << 4,
  FD_TELL: 1 << 5,
  FD_WRITE: 1 << 6,
  FD_ADVISE: 1 << 7,
  FD_ALLOCATE: 1 << 8,
  PATH_CREATE_DIRECTORY: 1 << 9,
  PATH_CREATE_FILE: 1 << 10,
  PATH_LINK_SOURCE: 1 << 11,
  PATH_LINK_TARGET: 1 << 12,
  PATH_OPEN: 1 << 13,
  FD_READDIR: 1 << 14,
  PATH_READLINK: 1 << 15,
  PATH_RENAME_SOURCE: 1 << 16,
  PATH_RENAME_TARGET: 1 << 17,
  PATH_FILESTAT_GET: 1 << 18,
  PATH_FILESTAT_SET_SIZE: 1 << 19,
  PATH_FILESTAT_SET_TIMES: 1 << 20,
  FD_FILESTAT_GET: 1 << 21,
  FD_FILESTAT_SET_SIZE: 1 << 22,
  FD_FILESTAT_SET_TIMES: 1 << 23,
  PATH_SYMLINK: 1 << 24,
  PATH_REMOVE_DIRECTORY: 1 << 25,
  PATH_UNLINK_FILE: 1 << 26,
  POLL_FD_READWRITE: 1 << 27,
  SOCK_SHUTDOWN: 1 << 28,
  SOCK_ACCEPT: 1 << 29,
} as const;

/** What can be done with a regular file. */
export const FILE_RIGHTS = Right.FD_DATASYNC | Right.FD_READ | Right.FD_SEEK | Right.FD_FDSTAT_SET_FLAGS |
  Right.FD_SYNC | Right.FD_TELL | Right.FD_WRITE | Right.FD_ADVISE | Right.FD_ALLOCATE |
  Right.FD_FILESTAT_GET |
  Right.FD_FILESTAT_SET_SIZE | Right.FD_FILESTAT_SET_TIMES | Right.POLL_FD_READWRITE;

/** What can be done with a directory. */
export const DIRECTORY_RIGHTS = Right.FD_FDSTAT_SET_FLAGS | Right.FD_SYNC | Right.FD_DATASYNC |
  Right.PATH_CREATE_DIRECTORY | Right.PATH_CREATE_FILE | Right.PATH_LINK_SOURCE | Right.PATH_LINK_TARGET |
  Right.PATH_OPEN | Right.FD_READDIR | Right.PATH_READLINK | Right.PATH_RENAME_SOURCE |
  Right.PATH_RENAME_TARGET | Right.PATH_FILESTAT_GET | Right.PATH_FILESTAT_SET_SIZE |
  Right.PATH_FILESTAT_SET_TIMES | Right.FD_FILESTAT_GET | Right.FD_FILESTAT_SET_TIMES | Right.PATH_SYMLINK |
  Right.PATH_REMOVE_DIRECTORY | Right.PATH_UNLINK_FILE;

/** What can be done below a preopened directory. */
export const TREE_RIGHTS = FILE_RIGHTS | DIRECTORY_RIGHTS;

const STREAM_RIGHTS = Right.FD_FDSTAT_SET_FLAGS | Right.FD_FILESTAT_GET | Right.POLL_FD_READWRITE;
export const INPUT_RIGHTS = STREAM_RIGHTS | Right.FD_READ;
export const OUTPUT_RIGHTS = STREAM_RIGHTS | Right.FD_WRITE;

const KNOWN_RIGHTS = (1 << 30) - 1;

/** The rights that a guest names. Bits that mean nothing are left out: Go and others ask for all that there may be. */
export function rightsOf(bits: bigint): number {
  return Number(bits & BigInt(KNOWN_RIGHTS));
}
