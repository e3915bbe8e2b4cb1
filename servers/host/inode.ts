import { type Qid, qidType, S } from "../../9p/mod.ts";
import type { Device } from "./device.ts";
import { readDevice } from "./device.ts";
import { readFlags } from "./flags.ts";
import { stat } from "./libc/statx.ts";

/**
 * One file of the machine, whatever its names. It is known by (device, inode number, time of birth): an inode number
 * alone is given out again as soon as a file is gone.
 */
export class Inode {
  /** qid.path: the same for as long as the file lives, unlike that of any other file that is known. */
  readonly path: number;
  readonly device: Device;
  /** `S` type bits. */
  readonly type: number;
  readonly #inoLow = stat.inoLow;
  readonly #inoHigh = stat.inoHigh;
  readonly #btimeSec = stat.btimeSec;
  readonly #btimeNsec = stat.btimeNsec;
  #ctimeSec = stat.ctimeSec;
  #ctimeNsec = stat.ctimeNsec;
  /** Not yet folded to 32 bits. */
  #version: number;
  /** Qt.APPEND, Qt.EXCL, Qt.TMP. */
  flags: number;
  /** How many places of the table this file has. */
  places = 0;

  /** Of the file last looked at. `versionMin` is what its version must not fall below. */
  constructor(path: number, device: Device, flags: number, versionMin: number) {
    this.path = path;
    this.device = device;
    this.type = stat.mode & S.IFMT;
    this.flags = flags;
    this.#version = Math.max(versionMin, ticks(this.#ctimeSec, this.#ctimeNsec));
  }

  get isDir(): boolean {
    return this.type === S.IFDIR;
  }
  get isRegular(): boolean {
    return this.type === S.IFREG;
  }
  get isSymlink(): boolean {
    return this.type === S.IFLNK;
  }

  qid(): Qid {
    const version = isStream(this.type) ? 0 : fold(this.#version);
    return { type: qidType(this.type) | this.flags, version, path: this.path };
  }

  /** Whether the last look was at this file. */
  isLastStat(): boolean {
    return stat.inoLow === this.#inoLow && stat.inoHigh === this.#inoHigh &&
      stat.dev === this.device.number &&
      (!this.device.hasBirth || (stat.btimeNsec === this.#btimeNsec && stat.btimeSec === this.#btimeSec));
  }

  /** Takes the version on if the last look, which was at this file, shows another time of change. */
  observe(): void {
    const nsec = stat.ctimeNsec;
    const sec = stat.ctimeSec;
    if (nsec === this.#ctimeNsec && sec === this.#ctimeSec) return;
    this.#ctimeSec = sec;
    this.#ctimeNsec = nsec;
    this.#version = Math.max(this.#version + 1, ticks(sec, nsec));
  }

  /** We changed the content: a new version, even within one tick of the clock. */
  changed(): void {
    this.#version++;
  }

  /** The version with its time of change, if the time alone would not give it again; else undefined. */
  ahead(): Ahead | undefined {
    if (this.#version <= ticks(this.#ctimeSec, this.#ctimeNsec)) return undefined;
    return { version: this.#version, ctimeSec: this.#ctimeSec, ctimeNsec: this.#ctimeNsec };
  }
}

interface Ahead {
  version: number;
  ctimeSec: number;
  ctimeNsec: number;
}

/** Which inodes are known, each once, and what must be remembered of those that no longer are. */
export class Inodes {
  readonly #known = new Map<number, Inode>();
  readonly #devices = new Map<number, Device>();
  #lastDevice: Device | undefined;
  /** By unsalted path: the salt of a file whose unsalted path belongs, or belonged, to another. */
  readonly #salts = new Bounded<number>(65536);
  /** By path: versions that ran ahead of the time of change when the inode was forgotten. */
  readonly #versions = new Bounded<Ahead>(16384);

  /**
   * The inode of the last look, which was at `name` (a C string) in `dirfd`. `newFlags` are those of a new file.
   * It is remembered from its first `use` on.
   */
  intern(dirfd: number, name: Uint8Array<ArrayBuffer>, newFlags?: number): Inode {
    const device = this.#device(dirfd, name);
    const path = this.#path(device);
    const known = this.#known.get(path);
    if (known !== undefined) {
      known.observe();
      return known;
    }
    const flags = newFlags ?? readFlags(dirfd, name, device, stat.mode);
    return new Inode(path, device, flags, this.#versionMin(path));
  }

  /**
   * The qid of the last look, likewise, without making the inode known. Its type has the APPEND, EXCL and TMP bits only
   * if the inode is known already or `withFlags` asks for a second call.
   */
  qid(dirfd: number, name: Uint8Array<ArrayBuffer>, withFlags: boolean): Qid {
    const device = this.#device(dirfd, name);
    const path = this.#path(device);
    const known = this.#known.get(path);
    if (known !== undefined) {
      known.observe();
      return known.qid();
    }
    const version = Math.max(this.#versionMin(path), ticks(stat.ctimeSec, stat.ctimeNsec));
    const type = qidType(stat.mode) | (withFlags ? readFlags(dirfd, name, device, stat.mode) : 0);
    return { type, version: isStream(stat.mode & S.IFMT) ? 0 : fold(version), path };
  }

  /** A qid for a name whose file may not be looked at. */
  guess(inoLow: number, inoHigh: number, dev: number, type: number): Qid {
    return { type: qidType(type), version: 1, path: mix(inoLow, inoHigh, dev, 0, 0, 0) };
  }

  /** One more place has the inode. */
  use(inode: Inode): void {
    inode.places++;
    if (!this.#known.has(inode.path)) this.#known.set(inode.path, inode);
  }

  /** One fewer; without any it is forgotten. */
  unuse(inode: Inode): void {
    inode.places--;
    if (inode.places > 0 || this.#known.get(inode.path) !== inode) return;
    this.#known.delete(inode.path);
    const ahead = inode.ahead();
    if (ahead !== undefined) this.#versions.set(inode.path, ahead);
  }

  /**
   * The file of the last look has lost its last name: whatever file has the same inode number and time of birth from
   * now on is another one (rule R19), also if it was made within the same tick of the filesystem's clock.
   */
  retire(): void {
    const birth = this.#devices.get(stat.dev)?.hasBirth === true ? stat.btimeSec : 0;
    // Only a file born now can be taken for one that is born next.
    if (birth !== 0 && Math.abs(Date.now() / 1000 - birth) > 10) return;
    const base = this.#mixed(birth !== 0, 0);
    this.#salts.set(base, (this.#salts.get(base) ?? 0) + 1);
  }

  #device(dirfd: number, name: Uint8Array<ArrayBuffer>): Device {
    const number = stat.dev;
    if (this.#lastDevice?.number === number) return this.#lastDevice;
    let device = this.#devices.get(number);
    if (device === undefined) {
      device = readDevice(number, dirfd, name);
      this.#devices.set(number, device);
    }
    this.#lastDevice = device;
    return device;
  }

  #path(device: Device): number {
    const base = this.#mixed(device.hasBirth, 0);
    const first = this.#salts.size === 0 ? 0 : this.#salts.get(base) ?? 0;
    for (let salt = first;; salt++) {
      const path = salt === 0 ? base : this.#mixed(device.hasBirth, salt);
      const known = this.#known.get(path);
      if (known !== undefined && !known.isLastStat()) continue;
      if (salt !== first) this.#salts.set(base, salt);
      return path;
    }
  }

  #mixed(hasBirth: boolean, salt: number): number {
    return mix(
      stat.inoLow,
      stat.inoHigh,
      stat.dev,
      hasBirth ? stat.btimeSec : 0,
      hasBirth ? stat.btimeNsec : 0,
      salt,
    );
  }

  #versionMin(path: number): number {
    if (this.#versions.size === 0) return 0;
    const ahead = this.#versions.get(path);
    if (ahead === undefined) return 0;
    const same = ahead.ctimeNsec === stat.ctimeNsec && ahead.ctimeSec === stat.ctimeSec;
    return same ? ahead.version : ahead.version + 1;
  }
}

/** A map that forgets its oldest entries. */
class Bounded<V> extends Map<number, V> {
  readonly #sizeMax: number;

  constructor(sizeMax: number) {
    super();
    this.#sizeMax = sizeMax;
  }

  override set(key: number, value: V): this {
    this.delete(key);
    super.set(key, value);
    if (this.size > this.#sizeMax) this.delete(this.keys().next().value!);
    return this;
  }
}

/** Rule R20: what is read here was never stored. */
function isStream(type: number): boolean {
  return type === S.IFIFO || type === S.IFCHR || type === S.IFSOCK;
}

/** A time in units of 100 µs: a version that starts there grows over restarts, and wraps after five days. */
function ticks(sec: number, nsec: number): number {
  return sec * 10_000 + Math.trunc(nsec / 100_000);
}

/** qid.version: 32 bits, never 0 (rule R20). */
function fold(version: number): number {
  return version % 0xffff_ffff + 1;
}

/** Bit 52: what is stored has it, so that what is computed from it can have a lower number. */
const STORED = 0x10_0000;

/** 52 bits out of an identity, and `STORED`: two rounds of 32 bits in the manner of MurmurHash3, whose last step spreads each bit. */
function mix(
  inoLow: number,
  inoHigh: number,
  dev: number,
  btimeSec: number,
  btimeNsec: number,
  salt: number,
): number {
  let a = 0x9e3779b9;
  let b = 0x85ebca6b;
  const devHigh = Math.trunc(dev / 0x1_0000_0000);
  a = step(a, inoLow), b = step(b, inoHigh ^ inoLow);
  a = step(a, inoHigh), b = step(b, btimeNsec);
  a = step(a, dev | 0), b = step(b, devHigh);
  a = step(a, btimeSec | 0), b = step(b, btimeSec | 0);
  a = step(a, btimeNsec), b = step(b, salt);
  a = step(a, salt ^ b), b = step(b, a);
  return (last(a) & 0x0f_ffff | STORED) * 0x1_0000_0000 + (last(b) >>> 0);
}

function step(hash: number, value: number): number {
  value = Math.imul(value, 0xcc9e2d51);
  value = value << 15 | value >>> 17;
  hash ^= Math.imul(value, 0x1b873593);
  return Math.imul(hash << 13 | hash >>> 19, 5) + 0xe6546b64 | 0;
}

function last(hash: number): number {
  hash = Math.imul(hash ^ hash >>> 16, 0x85ebca6b);
  hash = Math.imul(hash ^ hash >>> 13, 0xc2b2ae35);
  return hash ^ hash >>> 16;
}
