import { AT } from "./constants.ts";
import { EMPTY } from "./cstring.ts";
import { c } from "./libc.ts";

/** STATX_BASIC_STATS | STATX_BTIME. */
const MASK = 0xfff;
const TWO32 = 0x1_0000_0000;

/**
 * `struct statx` (256 bytes, one layout on every architecture) as words of 32 bits. There is one buffer: it holds the
 * last successful look, and whoever needs a value beyond the next look copies it.
 */
const bytes = new Uint8Array(new ArrayBuffer(256));
const word = new Uint32Array(bytes.buffer);
const signed = new Int32Array(bytes.buffer);

/** Looks at what a descriptor stands for. False on failure, with `errno()` set. */
export function statFd(fd: number): boolean {
  return c.statx(fd, EMPTY, AT.EMPTY_PATH, MASK, bytes) === 0;
}

/** Looks at a name in a directory, never through a symlink. `name` is a C string. */
export function statAt(dirfd: number, name: Uint8Array<ArrayBuffer>): boolean {
  return c.statx(dirfd, name, AT.SYMLINK_NOFOLLOW, MASK, bytes) === 0;
}

/** The words of a look at an absolute path, through symlinks; undefined on failure. They go with the next look. */
export function wordsOf(path: Uint8Array<ArrayBuffer>): Uint32Array | undefined {
  return c.statx(AT.FDCWD, path, 0, MASK, bytes) === 0 ? word : undefined;
}

/** The fields of the last look. Times in seconds and nanoseconds, `blocks` in units of 512 bytes. */
export const stat = {
  get blksize(): number {
    return word[1];
  },
  get nlink(): number {
    return word[4];
  },
  get uid(): number {
    return word[5];
  },
  get gid(): number {
    return word[6];
  },
  get mode(): number {
    return word[7] & 0xffff;
  },
  get inoLow(): number {
    return word[8];
  },
  get inoHigh(): number {
    return word[9];
  },
  get size(): number {
    return word[10] + word[11] * TWO32;
  },
  get blocks(): number {
    return word[12] + word[13] * TWO32;
  },
  get atimeSec(): number {
    return word[16] + signed[17] * TWO32;
  },
  get atimeNsec(): number {
    return word[18];
  },
  /** 0 where the filesystem keeps no time of birth, like the nanoseconds. */
  get btimeSec(): number {
    return word[20] + signed[21] * TWO32;
  },
  get btimeNsec(): number {
    return word[22];
  },
  get ctimeSec(): number {
    return word[24] + signed[25] * TWO32;
  },
  get ctimeNsec(): number {
    return word[26];
  },
  get mtimeSec(): number {
    return word[28] + signed[29] * TWO32;
  },
  get mtimeNsec(): number {
    return word[30];
  },
  /** As makedev(3) packs it. */
  get rdev(): number {
    return makedev(word[32], word[33]);
  },
  /** Major and minor in one number; not makedev's form, only good for comparing. */
  get dev(): number {
    return word[34] * TWO32 + word[35];
  },
};

/** makedev(3) of glibc: minor[7:0], major[11:0] << 8, minor[31:8] << 20, major[31:12] << 44; exact below 2^53. */
function makedev(major: number, minor: number): number {
  return (minor & 0xff) + (major & 0xfff) * 0x100 + Math.trunc(minor / 0x100) * 0x10_0000 +
    Math.trunc(major / 0x1000) * 2 ** 44;
}
