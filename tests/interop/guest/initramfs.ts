/**
 * The guest's file tree: busybox to come up with, and the real GNU tools of this machine with their libraries,
 * because the point is how the programs behave that people use.
 */
import { mustRun, which } from "../command.ts";
import { cacheFolder, madeOnce } from "./cache.ts";
import { cpio, type CpioEntry, parentDirectories } from "./cpio.ts";
import type { Kernel } from "./kernel.ts";

/** Tools copied into the guest, by the Debian package that brings each. */
const TOOLS_BY_PACKAGE: Record<string, string[]> = {
  attr: ["getfattr", "setfattr"],
  coreutils: [
    ..."cat chgrp chmod chown cksum comm cp cut date dd df du echo env expr head id ln ls mkdir mkfifo".split(
      " ",
    ),
    ..."mknod mktemp mv nproc od printf readlink realpath rm rmdir seq sha256sum sleep sort split".split(" "),
    ..."stat sync tail tee test timeout touch tr true false truncate uniq unlink link wc".split(" "),
  ],
  dash: ["sh"],
  diffutils: ["cmp", "diff"],
  findutils: ["find", "xargs"],
  git: ["git"],
  grep: ["grep"],
  gzip: ["gzip"],
  rsync: ["rsync"],
  sed: ["sed"],
  tar: ["tar"],
  "util-linux": ["flock", "setpriv"],
};

/**
 * Users that scripts and pjdfstest switch to. They are those that any Debian has, because some servers (diod)
 * refuse numbers that their own machine does not know.
 */
const USERS = [["root", 0], ["daemon", 1], ["bin", 2], ["sys", 3], ["nobody", 65534]] as const;

/** Which packages this machine lacks for building the guest's tree, or undefined. */
export function toolsMissing(): string | undefined {
  const packages = Object.entries(TOOLS_BY_PACKAGE)
    .filter(([, tools]) => tools.some((tool) => which(tool) === undefined))
    .map(([name]) => name);
  if (staticBusybox() === undefined) packages.push("busybox-static");
  return packages.length === 0 ? undefined : `needs the packages ${packages.join(", ")}`;
}

/** The archive that is the same for every run of this kernel and these tools; made once. */
export async function baseArchive(kernel: Kernel): Promise<string> {
  const programs = Object.values(TOOLS_BY_PACKAGE).flat().map(requiredPath);
  const ours = ["init.sh", "initramfs.ts"].map((name) => new URL(name, import.meta.url).pathname);
  const inputs = [...programs, requiredPath("busybox"), ...ours];
  const key = await fingerprint([kernel.name, ...inputs.map(describe)]);
  const path = `${cacheFolder("guest")}/base-${key}.cpio`;
  return await madeOnce(path, async (temporary) => {
    await Deno.writeFile(temporary, cpio(await baseEntries(kernel, programs)));
  });
}

/** A program or other file of this machine for the guest, at the same path, with the libraries it needs. */
export async function programEntries(programs: string[]): Promise<CpioEntry[]> {
  const files = new Map<string, string>();
  for (const program of programs) {
    files.set(guestPath(program), program);
    for (const library of await libraries(program)) files.set(guestPath(library), library);
  }
  const entries = [...files].map(([path, source]): CpioEntry => ({
    kind: "file",
    path,
    mode: 0o755,
    data: Deno.readFileSync(source),
  }));
  return [...parentDirectories(files.keys()), ...entries];
}

async function baseEntries(kernel: Kernel, programs: string[]): Promise<CpioEntry[]> {
  const folders = ["dev", "proc", "sys", "tmp", "mnt", "root", "etc", "run", "guest", "busybox", "modules"]
    .map((path): CpioEntry => ({ kind: "directory", path, mode: 0o755 }));
  const merged = ["bin", "sbin", "lib", "lib64"]
    .map((path): CpioEntry => ({ kind: "symlink", path, target: `usr/${path}` }));
  const busybox = requiredPath("busybox");
  const applets = (await mustRun(busybox, ["--list"])).trim().split("\n")
    .map((name): CpioEntry => ({ kind: "symlink", path: `busybox/${name}`, target: "busybox" }))
    .filter((entry) => entry.path !== "busybox/busybox");
  return [
    ...folders,
    ...merged,
    { kind: "device", path: "dev/console", mode: 0o600, major: 5, minor: 1 },
    { kind: "file", path: "init", mode: 0o755, data: Deno.readFileSync(new URL("init.sh", import.meta.url)) },
    text("etc/passwd", USERS.map(([name, id]) => `${name}:x:${id}:${id}::/root:/bin/sh\n`).join("")),
    text("etc/group", USERS.map(([name, id]) => `${name}:x:${id}:\n`).join("")),
    text(
      "root/.gitconfig",
      "[user]\n\tname = Guest\n\temail = guest@example.org\n[init]\n\tdefaultBranch = main\n",
    ),
    { kind: "file", path: "busybox/busybox", mode: 0o755, data: Deno.readFileSync(busybox) },
    ...applets,
    ...moduleEntries("modules", kernel.modules),
    { kind: "directory", path: "disk-modules", mode: 0o755 },
    ...moduleEntries("disk-modules", kernel.diskModules),
    ...await programEntries(programs),
    // git starts itself again from this folder, for example to pack, and under other names to clone.
    ...parentDirectories(["usr/lib/git-core/git", "usr/share/git-core/templates/none"]),
    ...["lib/git-core/git", "bin/git-upload-pack", "bin/git-receive-pack"]
      .map((path): CpioEntry => ({ kind: "symlink", path: `usr/${path}`, target: requiredPath("git") })),
  ];
}

function text(path: string, content: string): CpioEntry {
  return { kind: "file", path, mode: 0o644, data: new TextEncoder().encode(content) };
}

function moduleEntries(folder: string, paths: string[]): CpioEntry[] {
  return paths.map((path) => ({
    kind: "file",
    path: `${folder}/${path.slice(path.lastIndexOf("/") + 1)}`,
    mode: 0o644,
    data: Deno.readFileSync(path),
  }));
}

/** In the guest `/bin` and `/lib` are links into `/usr`, as on today's Debian. */
function guestPath(path: string): string {
  const relative = path.replace(/^\//, "");
  return /^(bin|sbin|lib|lib64)\//.test(relative) ? `usr/${relative}` : relative;
}

/** The libraries of a program as the dynamic linker finds them, itself included; none for a static program. */
async function libraries(program: string): Promise<string[]> {
  const listed = await mustRun("ldd", [program]).catch(() => "");
  return [...listed.matchAll(/(?:=> |^\s+)(\/\S+) \(0x/gm)].map((match) => match[1]);
}

function requiredPath(program: string): string {
  const path = which(program);
  if (path === undefined) throw new Error(`${program} is not on this machine`);
  return path;
}

/** The guest's first process runs before there is any library, so a busybox of another kind does not do. */
function staticBusybox(): string | undefined {
  const path = which("busybox");
  if (path === undefined) return undefined;
  const head = new TextDecoder("latin1").decode(Deno.readFileSync(path).subarray(0, 4096));
  return head.includes("/ld-linux") ? undefined : path;
}

function describe(path: string): string {
  const info = Deno.statSync(path);
  return `${path} ${info.size} ${info.mtime?.getTime()}`;
}

async function fingerprint(lines: string[]): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(lines.join("\n")));
  return [...new Uint8Array(digest, 0, 8)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
