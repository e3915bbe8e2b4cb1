/**
 * Linux errno numbers, and the one phrase each has in an Rerror.
 *
 * 9P2000 carries errors as text. 9pfuse looks for substrings in it (the first in its table that matches wins),
 * Linux looks the whole text up in a table of exact phrases (net/9p/error.c). A phrase here is chosen so that both
 * arrive at the right number. Where one of them has no way to say it, tests/conformance/phrases_test.ts lists what
 * it says instead.
 */

/** Linux errno numbers by name, the ones that 9P servers give. They are the same numbers on every host (rule R37). */
export const Errno = {
  EPERM: 1,
  ENOENT: 2,
  EINTR: 4,
  EIO: 5,
  ENXIO: 6,
  E2BIG: 7,
  EBADF: 9,
  EAGAIN: 11,
  ENOMEM: 12,
  EACCES: 13,
  EBUSY: 16,
  EEXIST: 17,
  EXDEV: 18,
  ENODEV: 19,
  ENOTDIR: 20,
  EISDIR: 21,
  EINVAL: 22,
  ENFILE: 23,
  EMFILE: 24,
  ENOTTY: 25,
  ETXTBSY: 26,
  EFBIG: 27,
  ENOSPC: 28,
  ESPIPE: 29,
  EROFS: 30,
  EMLINK: 31,
  EPIPE: 32,
  ERANGE: 34,
  EDEADLK: 35,
  ENAMETOOLONG: 36,
  ENOLCK: 37,
  ENOSYS: 38,
  ENOTEMPTY: 39,
  ELOOP: 40,
  ENODATA: 61,
  EPROTO: 71,
  EOVERFLOW: 75,
  EILSEQ: 84,
  EMSGSIZE: 90,
  EOPNOTSUPP: 95,
  ENOBUFS: 105,
  ECONNRESET: 104,
  ENOTCONN: 107,
  ETIMEDOUT: 110,
  ECONNREFUSED: 111,
  EHOSTUNREACH: 113,
  ESTALE: 116,
  EDQUOT: 122,
} as const;

export type ErrnoName = keyof typeof Errno;

const NAMES = new Map<number, ErrnoName>(
  (Object.entries(Errno) as [ErrnoName, number][]).map(([name, number]) => [number, name]),
);

/** `ENOENT` for 2; `errno 999` for a number that has no name here. */
export function errnoName(errno: number): string {
  return NAMES.get(errno) ?? `errno ${errno}`;
}

/** What a phrase does not say is an I/O error. */
const FALLBACK = "Input/output error";

/**
 * The one text that an Rerror has for an errno: never a name or a number in it (rule R47). Linux answers with
 * ESERVERFAULT and a line in its log for a text it does not know, so every one of these is in its table.
 */
const PHRASES: Partial<Record<number, string>> = {
  [Errno.EPERM]: "Operation not permitted",
  [Errno.ENOENT]: "No such file or directory",
  [Errno.EINTR]: "Interrupted system call",
  [Errno.EIO]: FALLBACK,
  [Errno.ENXIO]: "No such device or address",
  [Errno.E2BIG]: "Argument list too long",
  [Errno.EBADF]: "Bad file descriptor",
  [Errno.EAGAIN]: "Resource temporarily unavailable",
  [Errno.ENOMEM]: "Cannot allocate memory",
  [Errno.EACCES]: "Permission denied",
  [Errno.EBUSY]: "Device or resource busy",
  [Errno.EEXIST]: "File exists",
  [Errno.EXDEV]: "Invalid cross-device link",
  [Errno.ENODEV]: "No such device",
  [Errno.ENOTDIR]: "Not a directory",
  [Errno.EISDIR]: "Is a directory",
  [Errno.EINVAL]: "Invalid argument",
  [Errno.ENFILE]: "Too many open files in system",
  [Errno.EMFILE]: "Too many open files",
  [Errno.ENOTTY]: "Invalid argument",
  [Errno.ETXTBSY]: "Text file busy",
  [Errno.EFBIG]: "File too large",
  [Errno.ENOSPC]: "No space left on device",
  [Errno.ESPIPE]: "Illegal seek",
  [Errno.EROFS]: "Read-only file system",
  [Errno.EMLINK]: "Too many links",
  [Errno.EPIPE]: "Broken pipe",
  [Errno.ERANGE]: "Numerical result out of range",
  [Errno.EDEADLK]: "Resource deadlock avoided",
  [Errno.ENAMETOOLONG]: "File name too long",
  [Errno.ENOLCK]: "No locks available",
  [Errno.ENOSYS]: "Function not implemented",
  // 9pfuse reads "directory" in Linux's own phrase as ENOTDIR; POSIX allows EEXIST for a directory that is not empty.
  [Errno.ENOTEMPTY]: "File exists",
  [Errno.ELOOP]: "Too many levels of symbolic links",
  [Errno.ENODATA]: "No data available",
  [Errno.EPROTO]: "Protocol error",
  [Errno.EOVERFLOW]: "Numerical result out of range",
  [Errno.EILSEQ]: "Invalid argument",
  [Errno.EMSGSIZE]: "Message too long",
  [Errno.EOPNOTSUPP]: "Operation not supported",
  [Errno.ECONNRESET]: "Connection reset by peer",
  [Errno.ENOBUFS]: "No buffer space available",
  [Errno.ENOTCONN]: "Transport endpoint is not connected",
  [Errno.ETIMEDOUT]: "Connection timed out",
  [Errno.ECONNREFUSED]: "Connection refused",
  [Errno.EHOSTUNREACH]: "No route to host",
  // Linux has no text for ESTALE.
  [Errno.ESTALE]: "No such file or directory",
  [Errno.EDQUOT]: "Disk quota exceeded",
};

/** The text of an Rerror for that errno. */
export function phraseOf(errno: number): string {
  return PHRASES[errno] ?? FALLBACK;
}

const BY_PHRASE = new Map<string, number>();
for (const [errno, phrase] of Object.entries(PHRASES)) {
  if (!BY_PHRASE.has(phrase!)) BY_PHRASE.set(phrase!, Number(errno));
}

/** Words in the Rerror texts of other servers, for a client that has no number; the first that is contained wins. */
const WORDS: readonly [string, number][] = [
  ["permission", Errno.EACCES],
  ["permitted", Errno.EPERM],
  ["not empty", Errno.ENOTEMPTY],
  ["already exists", Errno.EEXIST],
  ["exists", Errno.EEXIST],
  ["not found", Errno.ENOENT],
  ["does not exist", Errno.ENOENT],
  ["no such", Errno.ENOENT],
  ["not a directory", Errno.ENOTDIR],
  ["is a directory", Errno.EISDIR],
  ["read-only", Errno.EROFS],
  ["read only", Errno.EROFS],
  ["fid", Errno.EBADF],
  ["in use", Errno.EBUSY],
  ["busy", Errno.EBUSY],
  ["interrupt", Errno.EINTR],
  ["space", Errno.ENOSPC],
  ["illegal", Errno.EINVAL],
  ["bad", Errno.EINVAL],
];

/** The errno that an Rerror text means. */
export function errnoOfPhrase(phrase: string): number {
  const exact = BY_PHRASE.get(phrase);
  if (exact !== undefined) return exact;
  const lower = phrase.toLowerCase();
  return WORDS.find(([word]) => lower.includes(word))?.[1] ?? Errno.EIO;
}
