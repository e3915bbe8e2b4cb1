import { basename, dirname, join, resolve } from "node:path";

/** What is mounted on a folder of this machine. */
export interface Mounted {
  readonly path: string;
  /** As `fuse` or `9p`. */
  readonly type: string;
  readonly source: string;
}

/**
 * The folder without symlinks in its path, as the kernel lists it. What is mounted on it is not looked at: asking a
 * file system whose server is gone would hang. A path that leads nowhere stays as it is.
 */
export function realFolder(folder: string): string {
  const path = resolve(folder);
  try {
    const inPlace = join(Deno.realPathSync(dirname(path)), basename(path));
    return mountedAt(inPlace) ? inPlace : Deno.realPathSync(inPlace);
  } catch {
    return path;
  }
}

/** What is mounted on that folder at last, undefined where it is no mount point. `folder` is a `realFolder`. */
export function mountedAt(folder: string): Mounted | undefined {
  return parseMountinfo(Deno.readTextFileSync("/proc/self/mountinfo")).findLast((mount) =>
    mount.path === folder
  );
}

/** Whether it is of a kind that `lux9 mount` makes and `lux9 umount` takes off. */
export function isOurs({ type }: Mounted): boolean {
  return isFuse({ type }) || type === "9p";
}

export function isFuse({ type }: Pick<Mounted, "type">): boolean {
  return type === "fuse" || type.startsWith("fuse.");
}

/** proc_pid_mountinfo(5): `36 35 98:0 /root /mount/point options … - type source options`. */
export function parseMountinfo(text: string): Mounted[] {
  return text.split("\n").flatMap((line) => {
    const [before, after] = line.split(" - ");
    const path = before?.split(" ")[4];
    const [type, source] = after?.split(" ") ?? [];
    return path && type ? [{ path: unescape(path), type, source: unescape(source ?? "") }] : [];
  });
}

/** Blanks and the like stand as `\040`. */
function unescape(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, octal) => String.fromCharCode(parseInt(octal, 8)));
}

/** Waits until the folder is mounted, or is not; false after `ms`. */
export async function waitForMount(folder: string, wanted: boolean, ms: number): Promise<boolean> {
  const until = performance.now() + ms;
  while ((mountedAt(folder) !== undefined) !== wanted) {
    if (performance.now() > until) return false;
    await new Promise((done) => setTimeout(done, 20));
  }
  return true;
}
