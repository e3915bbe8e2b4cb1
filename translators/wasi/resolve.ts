/** From a path to a place, component by component, never above the directory that it starts from. */
import { checkName, Errno as LinuxErrno, NineError } from "../../9p/mod.ts";
import { isDirectory, isSymlink, type Mount, type OpenDirectory } from "./descriptor.ts";
import { WasiError } from "./errno.ts";
import { PATH_BYTES_MAX } from "./memory.ts";
import { now } from "./now.ts";

/** As on Linux. */
const SYMLINKS_MAX = 40;
/** What a path and the symlinks in it may have together: each costs a look at the server, and the guest waits. */
const COMPONENTS_MAX = 4096;

/** Where a path leads. */
export interface Place {
  readonly mount: Mount;
  /** The directory that the last component is in; for `.` and `..`, the directory meant. */
  readonly dir: unknown;
  /** The last component, `.` and `..` included. */
  readonly name: string;
  /** What is there; undefined where nothing is. */
  readonly node: unknown;
  /** The path ends with a slash. */
  readonly slash: boolean;
}

/**
 * What happens to a symlink in the last component: `follow` and `nofollow` are lookupflags, and as in POSIX a slash
 * behind it follows it in any case; `entry` means the name itself, for a call that makes, moves or removes it.
 */
export type Last = "follow" | "nofollow" | "entry";

/**
 * Walks the path from the directory. Symlinks are followed here, within the directory: one that leads out of it, by `..`
 * or by an absolute target, is NOTCAPABLE, as is such a path itself.
 */
export function resolve({ mount, node: start }: OpenDirectory, path: string, last: Last): Place {
  checkRelative(path);
  /** The directories on the way, so that `..` needs no server and stops at the start. */
  const above = [start];
  /** The components to come, the next one at the end. */
  const rest = components(path);
  let slash = path.endsWith("/");
  let links = 0;
  for (let steps = 0;; steps++) {
    if (steps === COMPONENTS_MAX) {
      throw new WasiError("LOOP", `${JSON.stringify(path)} leads through more than ${COMPONENTS_MAX} names`);
    }
    const name = rest.pop()!;
    const isLast = rest.length === 0;
    if (name === "..") {
      above.pop();
      if (above.length === 0) {
        throw new WasiError("NOTCAPABLE", `${JSON.stringify(path)} leads above its directory`);
      }
    }
    const dir = above[above.length - 1];
    if (name === "." || name === "..") {
      if (isLast) return { mount, dir, name, node: dir, slash };
      continue;
    }
    const node = child(mount, dir, name);
    if (node === undefined) {
      if (isLast) return { mount, dir, name, node, slash };
      throw new WasiError(
        "NOENT",
        `${JSON.stringify(path)} leads through ${JSON.stringify(name)}, which is not there`,
      );
    }
    if (isSymlink(mount, node) && (!isLast || last === "follow" || (last === "nofollow" && slash))) {
      if (++links > SYMLINKS_MAX) {
        throw new WasiError(
          "LOOP",
          `${JSON.stringify(path)} leads through more than ${SYMLINKS_MAX} symlinks`,
        );
      }
      const target = targetOf(mount, node);
      rest.push(...components(target));
      if (isLast && target.endsWith("/")) slash = true;
      continue;
    }
    const needsDirectory = !isLast || slash;
    if (needsDirectory && !isDirectory(mount, node)) {
      throw new WasiError(
        "NOTDIR",
        `${JSON.stringify(path)} needs ${JSON.stringify(name)} to be a directory`,
      );
    }
    if (isLast) return { mount, dir, name, node, slash };
    above.push(node);
  }
}

/** What is at the path, or NOENT. */
export function existing(directory: OpenDirectory, path: string, last: Last): Place {
  const place = resolve(directory, path, last);
  if (place.node === undefined) throw new WasiError("NOENT", `Nothing is at ${JSON.stringify(path)}`);
  return place;
}

/** A place for a new name, or EXIST. `slash` says what a slash behind it is. */
export function vacant(directory: OpenDirectory, path: string): Place {
  const place = resolve(directory, path, "entry");
  if (place.node !== undefined) {
    throw new WasiError("EXIST", `Something is at ${JSON.stringify(path)} already`);
  }
  return place;
}

/** Whether the path's last component is no name that could be removed or moved. */
export function isDots({ name }: Place): boolean {
  return name === "." || name === "..";
}

/** Where a symlink leads to; only targets that could be inside come back. */
function targetOf(mount: Mount, node: unknown): string {
  const { server, call } = mount;
  if (!server.readlink) throw new WasiError("NOTSUP", "The file server reads no symlinks");
  const target = now(server.readlink(node, call));
  if (target.length > PATH_BYTES_MAX) {
    throw new WasiError(
      "NAMETOOLONG",
      `A symlink of ${target.length} characters, allowed are ${PATH_BYTES_MAX}`,
    );
  }
  checkRelative(target);
  return target;
}

function checkRelative(path: string): void {
  if (path === "") throw new WasiError("NOENT", "An empty path: . is the directory itself");
  if (path.startsWith("/")) {
    throw new WasiError("NOTCAPABLE", `${JSON.stringify(path)} is absolute: paths start from a directory`);
  }
}

/** The components, the first one last. Slashes say nothing but where one ends. */
function components(path: string): string[] {
  return path.split("/").filter((name) => name !== "").reverse();
}

/** The child of that name, or undefined. */
function child({ server, call }: Mount, dir: unknown, name: string): unknown {
  checkName(name);
  try {
    return now(server.walk(dir, name, call));
  } catch (thrown) {
    if (thrown instanceof NineError && thrown.errno === LinuxErrno.ENOENT) return undefined;
    throw thrown;
  }
}
