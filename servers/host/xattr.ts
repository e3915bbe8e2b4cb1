import { type Call, Errno, NineError } from "../../9p/mod.ts";
import { FLAGS_XATTR } from "./flags.ts";
import { XATTR_LIST_MAX, XATTR_SIZE_MAX } from "./libc/constants.ts";
import { procfd, text } from "./libc/cstring.ts";
import { c, errno, failure } from "./libc/libc.ts";
import type { Place } from "./place.ts";
import type { Tree } from "./tree.ts";

const utf8 = new TextDecoder();
const buffer = new Uint8Array(new ArrayBuffer(Math.max(XATTR_SIZE_MAX, XATTR_LIST_MAX)));

/** The value of an extended attribute, at most 64 KiB. */
export function getxattr(tree: Tree, place: Place, name: string, call: Call): Uint8Array {
  const what = `Read attribute ${name} of ${tree.pathOf(place)}`;
  if (name === FLAGS_XATTR) throw new NineError("ENODATA", `${what}: the server keeps it for itself`);
  if (!isReadable(name, call)) throw new NineError("ENODATA", `${what}: hidden from ${call.user.name}`);
  const size = c.getxattr(procfd(tree.descriptors.of(place)), text(name), buffer, XATTR_SIZE_MAX);
  if (size < 0) throw failure(errno(), what);
  return buffer.slice(0, size);
}

/** The names of the extended attributes; none where the filesystem has no attributes. */
export function listxattr(tree: Tree, place: Place, call: Call): string[] {
  const size = c.listxattr(procfd(tree.descriptors.of(place)), buffer, XATTR_LIST_MAX);
  if (size < 0) {
    const number = errno();
    if (number === Errno.EOPNOTSUPP) return [];
    throw failure(number, `List the attributes of ${tree.pathOf(place)}`);
  }
  // Each name ends with NUL.
  const names = utf8.decode(buffer.subarray(0, size)).split("\0");
  return names.filter((name) => name !== "" && name !== FLAGS_XATTR && isReadable(name, call));
}

/**
 * Sets an extended attribute, or removes it where `value` is null. The kernel asks whether this process may set a name
 * outside `user.`; that is nobody's right but the owner's, as it may give a file capabilities.
 */
export function setxattr(
  tree: Tree,
  place: Place,
  name: string,
  value: Uint8Array | null,
  flags: number,
  call: Call,
): void {
  const what = `${value === null ? "Remove" : "Set"} attribute ${name} of ${tree.pathOf(place)}`;
  if (name === FLAGS_XATTR) throw new NineError("EPERM", `${what}: the server keeps it for itself`);
  if (call.user.standing !== "owner" && !name.startsWith("user.")) {
    throw new NineError("EPERM", `${what}: only names below user. are open to ${call.user.name}`);
  }
  if (value !== null && value.length > XATTR_SIZE_MAX) {
    throw new NineError("E2BIG", `${what}: ${value.length} bytes; at most ${XATTR_SIZE_MAX}`);
  }
  const path = procfd(tree.descriptors.of(place));
  const result = value === null
    ? c.removexattr(path, text(name))
    : c.setxattr(path, text(name), value as Uint8Array<ArrayBuffer>, value.length, flags);
  if (result < 0) throw failure(errno(), what);
}

/** trusted. attributes are for privileged processes: the node's may be one, its clients are not. */
function isReadable(name: string, call: Call): boolean {
  return call.user.standing === "owner" || !name.startsWith("trusted.");
}
