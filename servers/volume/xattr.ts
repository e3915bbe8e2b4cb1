import { type Call, type Later, NineError } from "../../9p/mod.ts";
import { historyAsked, historyBelow, historyOf } from "./history.ts";
import type { Inode } from "./inode.ts";
import type { Place } from "./place.ts";
import type { Tree } from "./tree.ts";

/** Attributes that the volume has for itself: what it says of files, and what their documents hold. */
const RESERVED = "lux9.";
/** What a program may do beyond its user, which Linux heeds. */
const CAPABILITY = "security.capability";
const XATTR_CREATE = 1;
const XATTR_REPLACE = 2;
/** Of one name, of one value, and of all names and values of a file, bytes. */
const NAME_BYTES_MAX = 255;
const VALUE_BYTES_MAX = 64 * 1024;
const XATTRS_BYTES_MAX = 256 * 1024;

export function getxattr(tree: Tree, place: Place, name: string, call: Call): Later<Uint8Array> {
  const asked = historyAsked(name);
  if (asked !== undefined) {
    const { before, path } = asked;
    if (path === undefined) return historyOf(tree, place, before, call);
    return historyBelow(tree, place, path, before, call);
  }
  const value = isShown(name, call) ? find(tree, place.inode, name) : undefined;
  if (!value) throw new NineError("ENODATA", `No attribute ${JSON.stringify(name)}`);
  return value;
}

export function listxattr(tree: Tree, inode: Inode, call: Call): string[] {
  return namesOf(tree, inode).filter((name) => isShown(name, call));
}

/** Attributes in trusted. are for privileged processes, as the owner's are. */
function isShown(name: string, { user }: Call): boolean {
  return user.standing === "owner" || !name.startsWith("trusted.");
}

function namesOf(tree: Tree, inode: Inode): string[] {
  const names = new Set(tree.store.index.xattrNames(inode.ino));
  for (const [name, { value }] of inode.xattrs) {
    if (value === null) names.delete(name);
    else names.add(name);
  }
  return [...names];
}

export function setxattr(
  tree: Tree,
  place: Place,
  name: string,
  value: Uint8Array | null,
  flags: number,
  { user }: Call,
): void {
  const { inode } = place;
  const nameBytes = new TextEncoder().encode(name).byteLength;
  if (nameBytes === 0 || nameBytes > NAME_BYTES_MAX) {
    throw new NineError(
      "ERANGE",
      `An attribute with a name of ${nameBytes} bytes, allowed are 1 to ${NAME_BYTES_MAX}`,
    );
  }
  // xattr(7): on others, permissions do not say who may write.
  if (name.startsWith("user.") && !inode.contents && !inode.isDirectory) {
    throw new NineError(
      "EPERM",
      `${place.path} is neither a file nor a directory, which have user. attributes`,
    );
  }
  if (name.startsWith(RESERVED)) {
    throw new NineError(
      "EPERM",
      `Attribute ${
        JSON.stringify(name)
      }: names that begin with ${RESERVED} are the volume's own, take user.${name}`,
    );
  }
  const present = find(tree, inode, name) !== undefined;
  if (flags & XATTR_CREATE && present) {
    throw new NineError("EEXIST", `Attribute ${JSON.stringify(name)} is there`);
  }
  if ((flags & XATTR_REPLACE || value === null) && !present) {
    throw new NineError("ENODATA", `No attribute ${JSON.stringify(name)}`);
  }
  if (value !== null) checkRoom(tree, inode, name, value);
  const now = tree.now();
  const { number } = tree.log("xattr", user.name, now, { ino: inode.ino, name, value });
  inode.xattrs.set(name, { value, number });
  if (name === CAPABILITY) inode.isCapable = value !== null;
  inode.ctime = now;
  tree.pend(number, place, { xattr: name });
}

/** As Linux has it: what is about to change, or to change hands, is no longer the program that was given capabilities. */
export function dropCapability(tree: Tree, place: Place, call: Call): void {
  const { inode } = place;
  inode.isCapable ??= find(tree, inode, CAPABILITY) !== undefined;
  if (inode.isCapable) setxattr(tree, place, CAPABILITY, null, 0, call);
}

function checkRoom(tree: Tree, inode: Inode, name: string, value: Uint8Array): void {
  if (value.byteLength > VALUE_BYTES_MAX) {
    throw new NineError("E2BIG", `An attribute of ${value.byteLength} bytes, allowed are ${VALUE_BYTES_MAX}`);
  }
  let held = name.length + value.byteLength;
  for (const other of namesOf(tree, inode)) {
    if (other !== name) held += other.length + (find(tree, inode, other)?.byteLength ?? 0);
  }
  if (held > XATTRS_BYTES_MAX) {
    throw new NineError("ENOSPC", `Attributes of ${held} bytes, a file may have ${XATTRS_BYTES_MAX}`);
  }
}

function find(tree: Tree, inode: Inode, name: string): Uint8Array | undefined {
  const pending = inode.xattrs.get(name);
  return pending === undefined ? tree.store.index.xattr(inode.ino, name) : pending.value ?? undefined;
}
