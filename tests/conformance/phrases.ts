/**
 * How the clients that only see an Rerror's text read it, restated for the tests. A phrase that is in neither list is
 * ERANGE to 9pfuse, and ESERVERFAULT with a line in the log to Linux.
 */

/** plan9port src/cmd/9pfuse/errstr.c: the first substring in this order that the text contains, in any case. */
const SUBSTRINGS: readonly [string, string][] = [
  ["permitted", "EPERM"],
  ["permission", "EACCES"],
  ["access", "EACCES"],
  ["exists", "EEXIST"],
  ["exist", "ENOENT"],
  ["no such", "ENOENT"],
  ["not found", "ENOENT"],
  ["not implemented", "ENOSYS"],
  ["input/output", "EIO"],
  ["timeout", "ETIMEDOUT"],
  ["timed out", "ETIMEDOUT"],
  ["i/o", "EIO"],
  ["too long", "E2BIG"],
  ["interrupt", "EINTR"],
  ["no such", "ENODEV"],
  ["bad file", "EBADF"],
  [" fid ", "EBADF"],
  ["temporar", "EAGAIN"],
  ["memory", "ENOMEM"],
  ["is a directory", "EISDIR"],
  ["directory", "ENOTDIR"],
  ["argument", "EINVAL"],
  ["pipe", "EPIPE"],
  ["in use", "EBUSY"],
  ["busy", "EBUSY"],
  ["illegal", "EINVAL"],
  ["invalid", "EINVAL"],
  ["read-only", "EROFS"],
  ["read only", "EROFS"],
  ["stale ", "ESTALE"],
  ["proto", "EPROTO"],
  ["entry", "ENOENT"],
];

/** The name of the errno that 9pfuse takes from a text. */
export function readBy9pfuse(text: string): string {
  const lower = text.toLowerCase();
  return SUBSTRINGS.find(([part]) => lower.includes(part))?.[1] ?? "ERANGE";
}

/** What 9pfuse may make of an errno that it has no words for, nearest first. */
export const NINEPFUSE_WORDS: Readonly<Record<string, readonly string[]>> = {
  ENOTEMPTY: ["ENOTEMPTY", "EEXIST"],
  ENAMETOOLONG: ["ENAMETOOLONG", "E2BIG"],
};

/** Linux net/9p/error.c: the texts that it knows, for the errnos that servers of files give. */
export const LINUX_PHRASES: Readonly<Record<string, string>> = {
  "Operation not permitted": "EPERM",
  "No such file or directory": "ENOENT",
  "Interrupted system call": "EINTR",
  "Input/output error": "EIO",
  "No such device or address": "ENXIO",
  "Argument list too long": "E2BIG",
  "Bad file descriptor": "EBADF",
  "Resource temporarily unavailable": "EAGAIN",
  "Cannot allocate memory": "ENOMEM",
  "Permission denied": "EACCES",
  "Device or resource busy": "EBUSY",
  "File exists": "EEXIST",
  "Invalid cross-device link": "EXDEV",
  "No such device": "ENODEV",
  "Not a directory": "ENOTDIR",
  "Is a directory": "EISDIR",
  "Invalid argument": "EINVAL",
  "Too many open files in system": "ENFILE",
  "Too many open files": "EMFILE",
  "Text file busy": "ETXTBSY",
  "File too large": "EFBIG",
  "No space left on device": "ENOSPC",
  "Illegal seek": "ESPIPE",
  "Read-only file system": "EROFS",
  "Too many links": "EMLINK",
  "Broken pipe": "EPIPE",
  "Numerical argument out of domain": "EDOM",
  "Numerical result out of range": "ERANGE",
  "Resource deadlock avoided": "EDEADLK",
  "File name too long": "ENAMETOOLONG",
  "No locks available": "ENOLCK",
  "Function not implemented": "ENOSYS",
  "Directory not empty": "ENOTEMPTY",
  "Too many levels of symbolic links": "ELOOP",
  "No data available": "ENODATA",
  "Protocol error": "EPROTO",
  "Message too long": "EMSGSIZE",
  "Operation not supported": "EOPNOTSUPP",
  "Connection reset by peer": "ECONNRESET",
  "No buffer space available": "ENOBUFS",
  "Transport endpoint is not connected": "ENOTCONN",
  "Connection timed out": "ETIMEDOUT",
  "Connection refused": "ECONNREFUSED",
  "No route to host": "EHOSTUNREACH",
  "Disk quota exceeded": "EDQUOT",
};
