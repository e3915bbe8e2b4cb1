import type { Command } from "commander";
import { Exit } from "../exit.ts";
import { isFuse, isOurs, type Mounted, mountedAt, realFolder, waitForMount } from "../mounts.ts";
import { print, shellWord } from "../output.ts";
import { findProgram, run } from "../programs.ts";

/** How long a mount may take to go, ms. */
const UMOUNT_MS_MAX = 10_000;

export function define(command: Command): void {
  command
    .argument("<dir>", "the folder that was mounted")
    .option("-l, --lazy", "now, though somebody still uses it: it goes when the last one leaves")
    .addHelpText("after", "\nExamples:\n  lux9 umount ~/lux9\n  lux9 umount --lazy ~/lux9")
    .action(umount);
}

async function umount(dir: string, { lazy }: { lazy?: boolean }): Promise<void> {
  const folder = realFolder(dir);
  const mounted = mountedAt(folder);
  if (!mounted) throw new Exit("failed", `Nothing is mounted on ${folder}`);
  const { program, args } = wayOff(mounted, lazy ?? false);
  const { code, text } = await run(program, args);
  if (code !== 0) {
    if (Deno.uid() !== 0 && !isFuse(mounted)) {
      // Whatever umount(8) says to others, such as that there is no such file.
      const byHand = [program, ...args].map(shellWord).join(" ");
      throw new Exit(
        "failed",
        `${folder} was mounted by the kernel, and taking it off needs root: sudo ${byHand}`,
      );
    }
    const reason = text.replace(/\.$/, "") || `${program} ended with ${code}`;
    const advice = /busy/i.test(text) ? ": some program is in it; leave it, or use --lazy" : "";
    throw new Exit("failed", `${reason}${advice}`);
  }
  // Something else may have been mounted below this one.
  if (!lazy && !await waitForMount(folder, false, UMOUNT_MS_MAX)) {
    throw new Exit("failed", `${folder} is still a mount point after ${UMOUNT_MS_MAX / 1000} s`);
  }
  print(`${folder} is free`);
}

/** A FUSE mount is its user's to take off; the kernel's is root's. */
function wayOff(mounted: Mounted, lazy: boolean): { program: string; args: string[] } {
  const { path, type } = mounted;
  if (!isOurs(mounted)) {
    throw new Exit("failed", `${path} is a mount of ${type}, which is none of ours: use umount(8)`);
  }
  const fusermount = isFuse(mounted) ? findProgram("fusermount3") ?? findProgram("fusermount") : undefined;
  if (fusermount) return { program: fusermount, args: ["-u", ...(lazy ? ["-z"] : []), path] };
  return { program: findProgram("umount") ?? "umount", args: [...(lazy ? ["-l"] : []), path] };
}
