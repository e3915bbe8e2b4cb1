/** Unix permission bits, path_resolution(7) and the pages it names: pure rules about one file and one user. */
import { type Attr, type Change, type Creation, NineError, primaryGroup, S, type User } from "../9p/mod.ts";

/** Bits of what is wanted. */
export const Want = { READ: 4, WRITE: 2, EXEC: 1 } as const;

type Owned = Pick<Attr, "mode" | "uid" | "gid">;

/** Whether the bits give `user` all of `wanted`. Only the first class that fits counts: owner, group, others. */
export function permits(file: Owned, user: User, wanted: number): boolean {
  const shift = user.standing === "none" ? 0 : user.name === file.uid ? 6 : user.groups.has(file.gid) ? 3 : 0;
  return ((file.mode >> shift) & wanted) === wanted;
}

/**
 * A new file as `user` may make it, as Linux's inode_init_owner() has it: a setgid directory gives its own group, which is
 * left to the file server; else the group that was asked for is a wish, which those have who are in it. For a group that
 * the user is not in, no program becomes setgid.
 */
export function checkCreation(dir: Owned, user: User, what: Creation): Creation {
  const { gid: wanted, ...rest } = what;
  const inherits = (dir.mode & S.ISGID) !== 0;
  const keeps = !inherits && wanted !== undefined && user.groups.has(wanted);
  const group = inherits ? dir.gid : keeps ? wanted : primaryGroup(user);
  const setgid = S.ISGID | 0o010;
  const drops = (what.mode & S.IFMT) !== S.IFDIR && (what.mode & setgid) === setgid &&
    !user.groups.has(group);
  return {
    ...rest,
    ...(keeps ? { gid: wanted } : {}),
    mode: drops ? what.mode & ~S.ISGID : what.mode,
  };
}

/** mknod(2): what a device number means is the machine's affair, and so its making is the owner's alone. */
export function checkType(user: User, { mode }: Creation): void {
  const type = mode & S.IFMT;
  if ((type === S.IFCHR || type === S.IFBLK) && user.standing !== "owner") {
    throw new NineError("EPERM", `Only the owner of the node makes devices, not ${user.name}`);
  }
}

/**
 * Another name for a file, as Linux has it with `fs.protected_hardlinks`: by who owns the file or may read and write it. Who
 * could else not touch it would keep it alive, with its setuid bit, when its owner has removed or replaced it.
 */
export function checkLink(file: Owned, user: User): void {
  const setgid = S.ISGID | 0o010;
  const isSafe = (file.mode & S.IFMT) === S.IFREG && (file.mode & S.ISUID) === 0 &&
    (file.mode & setgid) !== setgid;
  if (user.name === file.uid || (isSafe && permits(file, user, Want.READ | Want.WRITE))) return;
  throw new NineError(
    "EPERM",
    `${user.name} may link to files of ${user.name}, and to regular ones without setuid and setgid to read and write: ` +
      `this is 0${file.mode.toString(8)} of ${file.uid} and ${file.gid}`,
  );
}

/** In a sticky directory only the owner of the file or of the directory takes a name away. */
export function checkSticky(dir: Owned, file: Owned, user: User): void {
  if (dir.mode & S.ISVTX && user.name !== file.uid && user.name !== dir.uid) {
    throw new NineError(
      "EPERM",
      `The directory is sticky: only ${file.uid} and ${dir.uid} may do this, not ${user.name}`,
    );
  }
}

/**
 * Whether `user` may make this change: chmod(2), chown(2), utimensat(2), truncate(2). `mayWrite` says whether the fid is
 * open for writing. Returns the change as it must be made: chmod drops setgid for a group that the user is not in.
 */
export function checkChange(file: Owned, user: User, change: Change, mayWrite: boolean): Change {
  const owns = user.standing === "claimed" && user.name === file.uid;
  const writes = mayWrite || permits(file, user, Want.WRITE);
  const only = (what: string) => new NineError("EPERM", `Only ${file.uid}, who owns the file, may ${what}`);
  if ((change.mode !== undefined || change.flags !== undefined) && !owns) throw only("change its mode");
  if (change.uid !== undefined && (change.uid !== file.uid || !owns)) {
    throw new NineError("EPERM", "Only the node's owner gives files away");
  }
  if (change.gid !== undefined && (!owns || !(user.groups.has(change.gid) || change.gid === file.gid))) {
    throw new NineError("EPERM", `${user.name} may not give the file to group ${change.gid}`);
  }
  if (change.size !== undefined && !writes) {
    throw new NineError("EACCES", `${user.name} may not write the file`);
  }
  for (const time of [change.atime, change.mtime]) {
    if (time === undefined || owns) continue;
    if (time !== "now") throw only("set its times");
    if (!writes) throw new NineError("EACCES", `${user.name} may not write the file, so not touch its times`);
  }
  const group = change.gid ?? file.gid;
  const dropsSetgid = change.mode !== undefined && change.mode & S.ISGID &&
    (file.mode & S.IFMT) !== S.IFDIR &&
    !user.groups.has(group);
  return dropsSetgid ? { ...change, mode: change.mode! & ~S.ISGID } : change;
}
