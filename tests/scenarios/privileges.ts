import type { Ability } from "./skip.ts";

/** Nobody in particular: files of root are others' to it. */
export const NOBODY = 65534;

/** Words that make what follows run as that user; they exec it. */
export function asUser(uid = NOBODY): string[] {
  return ["setpriv", "--reuid", String(uid), "--regid", String(uid), "--clear-groups"];
}

/** Files can be given to any user. */
export const ROOT: Ability = {
  reason: "giving files to other users needs root",
  isThere: () => Deno.uid() === 0,
};

/** A test can become another user, whom permission bits hold. */
export const UNPRIVILEGED: Ability = {
  reason: "becoming another user needs root and setpriv",
  isThere: () => runs(asUser(), "true"),
};

/** A test can mount a file system. */
export const MOUNTS: Ability = {
  reason: "mounting a tmpfs needs root",
  isThere() {
    const folder = Deno.makeTempDirSync({ prefix: "lux9-" });
    try {
      return runs([], "mount", "-t", "tmpfs", "-o", "size=64k", "lux9", folder) && runs([], "umount", folder);
    } finally {
      Deno.removeSync(folder);
    }
  },
};

function runs(before: readonly string[], ...words: readonly string[]): boolean {
  const [command, ...args] = [...before, ...words];
  try {
    return new Deno.Command(command, { args, stdin: "null", stdout: "null", stderr: "null" }).outputSync()
      .success;
  } catch {
    return false;
  }
}
