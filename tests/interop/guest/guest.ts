/** Runs a shell script in a Linux guest that has mounted a 9P server of this machine with the kernel's client. */
import { mustRun, which } from "../command.ts";
import { guard } from "../guard.ts";
import { cpio, type CpioEntry, parentDirectories } from "./cpio.ts";
import { baseArchive, programEntries, toolsMissing } from "./initramfs.ts";
import { kernel, kernelMissing } from "./kernel.ts";

export type Version = "9p2000" | "9p2000.u" | "9p2000.L";

export interface GuestMount {
  /** TCP port of the server on this machine's loopback, which the guest reaches as 10.0.2.2. */
  port: number;
  version: Version;
  /** Further mount options, such as `access=user`, `cache=none`, `msize=65536`, `aname=/srv`. */
  options?: string[];
  /** Where it is mounted in the guest; `/mnt` unless told. */
  directory?: string;
}

export interface GuestRun {
  mounts: GuestMount[];
  /** A POSIX shell script; its standard output and error become `output`, its exit code `exitCode`. */
  script: string;
  /** Environment of the script. */
  environment?: Record<string, string>;
  /** Files put into the guest before the script starts, by their path there. */
  extraFiles?: Record<string, Uint8Array | string>;
  /** Programs of this machine put into the guest at the same path, with their libraries. */
  extraPrograms?: string[];
  /** An empty ext4 disk of so many MiB at `/disk`, to compare with a local file system. */
  diskMiB?: number;
  /** More for scripts that unpack much: the guest's files are in memory. */
  memoryMiB?: number;
  processors?: number;
  timeoutMs: number;
  /** Called with each line as it appears on the console, for runs that take minutes. */
  onLine?: (line: string) => void;
}

export interface GuestResult {
  output: string;
  /** The script's code; 125 when a mount or unmount failed. */
  exitCode: number;
  /** Everything that was on the console, for reports of failures. */
  console: string;
}

const MEMORY_MIB_DEFAULT = 1024;

/** Why no guest can be run on this machine, or undefined. */
export async function guestMissing(): Promise<string | undefined> {
  if (Deno.build.arch !== "x86_64") return "the guest is for x86_64";
  if (which("qemu-system-x86_64") === undefined) return "needs the package qemu-system-x86";
  return toolsMissing() ?? await kernelMissing();
}

/** Boots, mounts, runs the script and powers off. Throws when the guest never came to the script's end. */
export async function guest(request: GuestRun): Promise<GuestResult> {
  const folder = await Deno.makeTempDir({ prefix: "lux9-guest-" });
  await using _guarded = guard('rm -rf "$1"', folder);
  try {
    const machine = await kernel();
    const token = `@${crypto.randomUUID()}`;
    const initrd = `${folder}/initrd`;
    await Deno.copyFile(await baseArchive(machine), initrd);
    await Deno.writeFile(initrd, cpio(await runEntries(request, token)), { append: true });
    const disk = request.diskMiB === undefined ? [] : await makeDisk(`${folder}/disk`, request.diskMiB);
    const text = await boot([
      ...["-kernel", machine.image, "-initrd", initrd, ...disk],
      // No KVM: it is not to be had everywhere. `quiet` keeps the kernel's own messages from the console.
      // Emulated code is translated again for each new address: without random ones a program starts five times
      // as fast, and a plain processor has less to emulate. On a busy machine the emulated timer may come too late for
      // the kernel's check, which panics.
      ...[
        "-append",
        "console=ttyS0 quiet panic=-1 mitigations=off random.trust_cpu=on norandmaps no_timer_check",
      ],
      ...["-M", "q35,accel=tcg", "-cpu", "Nehalem", "-smp", `${request.processors ?? 1}`],
      ...["-m", `${request.memoryMiB ?? MEMORY_MIB_DEFAULT}`],
      ...["-netdev", "user,id=net0", "-device", "virtio-net-pci,netdev=net0,romfile="],
      ...["-nographic", "-nodefaults", "-serial", "stdio", "-no-reboot"],
    ], request);
    return resultOf(text, token);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function runEntries(request: GuestRun, token: string): Promise<CpioEntry[]> {
  const mounts = request.mounts.map((mount) => `${mount.directory ?? "/mnt"} ${mountOptions(mount)}`);
  const environment = Object.entries(request.environment ?? {})
    .map(([name, value]) => `export ${name}=${quoted(value)}`);
  const plan = [
    `TOKEN=${quoted(token)}`,
    `DISK=${request.diskMiB === undefined ? "no" : "yes"}`,
    `MOUNTS=${quoted(mounts.join("\n"))}`,
    ...environment,
  ];
  const files: Record<string, Uint8Array | string> = {
    ...request.extraFiles,
    "guest/plan": plan.join("\n") + "\n",
    "guest/script": request.script,
  };
  const encoder = new TextEncoder();
  const entries = Object.entries(files).map(([path, data]): CpioEntry => ({
    kind: "file",
    path,
    mode: 0o755,
    data: typeof data === "string" ? encoder.encode(data) : data,
  }));
  const parents = parentDirectories(Object.keys(files).map((path) => path.replace(/^\/+/, "")));
  return [...parents, ...entries, ...await programEntries(request.extraPrograms ?? [])];
}

function mountOptions(mount: GuestMount): string {
  return ["trans=tcp", `port=${mount.port}`, `version=${mount.version}`, ...mount.options ?? []].join(",");
}

function quoted(value: string): string {
  return `'${value.replaceAll("'", `'\\''`)}'`;
}

async function makeDisk(path: string, sizeMiB: number): Promise<string[]> {
  await mustRun(which("mke2fs") ?? "mke2fs", ["-q", "-F", "-t", "ext4", path, `${sizeMiB}M`]);
  return ["-drive", `file=${path},format=raw,if=virtio,cache=unsafe`];
}

async function boot(args: string[], request: GuestRun): Promise<string> {
  const child = new Deno.Command("qemu-system-x86_64", {
    args,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  await using _guarded = guard('kill -9 "$1"', `${child.pid}`);
  let timedOut = false;
  const timer = setTimeout(() => {
    timedOut = true;
    child.kill("SIGKILL");
  }, request.timeoutMs);
  try {
    const complaints = new Response(child.stderr).text();
    let text = "";
    let unreported = "";
    for await (const chunk of child.stdout.pipeThrough(new TextDecoderStream())) {
      // The serial line ends lines with both characters.
      const piece = chunk.replaceAll("\r", "");
      text += piece;
      const lines = (unreported + piece).split("\n");
      unreported = lines.pop() ?? "";
      lines.forEach((line) => request.onLine?.(line));
    }
    await child.status;
    if (timedOut) {
      throw new Error(`The guest was killed after ${request.timeoutMs} ms:\n${text.slice(-4000)}`);
    }
    return text + await complaints;
  } finally {
    clearTimeout(timer);
    // Whatever went wrong above, no machine is left running.
    try {
      child.kill("SIGKILL");
    } catch {
      // It had ended, as it should.
    }
  }
}

function resultOf(text: string, token: string): GuestResult {
  const begin = text.indexOf(`${token} begin\n`);
  const end = text.lastIndexOf(`${token} end `);
  if (begin < 0 || end < begin) {
    throw new Error(`The guest never came to the end of its script:\n${text.slice(-4000)}`);
  }
  return {
    output: text.slice(begin + `${token} begin\n`.length, end),
    exitCode: parseInt(text.slice(end + `${token} end `.length)),
    console: text,
  };
}
