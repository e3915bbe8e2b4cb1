/**
 * Debian's kernel for the guest: downloaded by apt, unpacked into the cache, never installed on this machine.
 *
 * The cloud kernel would be smaller, but is built without 9P.
 */
import { mustRun, run, which } from "../command.ts";
import { cacheFolder, exists, madeOnce } from "./cache.ts";

const META_PACKAGE_DEFAULT = "linux-image-amd64";

/** What the guest loads to reach the network, 9P and a disk; their dependencies come from the modules. */
const MODULES_WANTED = ["virtio_pci", "virtio_net", "9p", "9pnet_fd"];
const MODULES_WANTED_FOR_DISK = ["virtio_blk", "crc32c_generic", "ext4"];

export interface Kernel {
  /** Its release, such as `6.1.0-56-amd64`. */
  name: string;
  image: string;
  /** Paths of the modules, each after those that it depends on. */
  modules: string[];
  /** The further ones for an ext4 disk, in order too. */
  diskModules: string[];
}

/** The meta package that names the kernel; another one by LUX9_GUEST_KERNEL, such as `linux-image-6.12-amd64`. */
function metaPackage(): string {
  return Deno.env.get("LUX9_GUEST_KERNEL") ?? META_PACKAGE_DEFAULT;
}

/** Why there is no kernel to be had, or undefined. Asks apt, but downloads nothing. */
export async function kernelMissing(): Promise<string | undefined> {
  if (exists(unpackedFolder())) return undefined;
  if (!which("apt-get") || !which("dpkg")) return "needs Debian's apt-get and dpkg to bring a kernel";
  if (await packageName() === undefined) return `apt knows no ${metaPackage()} (apt-get update first)`;
  return undefined;
}

/** The kernel, brought and unpacked when this is the first time. */
export async function kernel(): Promise<Kernel> {
  const folder = await madeOnce(unpackedFolder(), unpack);
  return {
    name: Deno.readTextFileSync(`${folder}/release`),
    image: `${folder}/kernel`,
    modules: filesBelow(`${folder}/modules`).sort(),
    diskModules: filesBelow(`${folder}/disk-modules`).sort(),
  };
}

function unpackedFolder(): string {
  return `${cacheFolder("guest")}/${metaPackage()}`;
}

/** The package with the kernel itself, on which the meta package depends. */
async function packageName(): Promise<string | undefined> {
  const { stdout } = await run("apt-cache", ["depends", metaPackage()]);
  return /Depends: (linux-image-\S+)/.exec(stdout)?.[1];
}

/** Leaves `kernel`, `release` and the modules, numbered in the order of loading; the rest is 400 MB. */
async function unpack(folder: string): Promise<void> {
  const name = await packageName();
  if (name === undefined) throw new Error(`apt knows no ${metaPackage()}`);
  const all = `${folder}/all`;
  await Deno.mkdir(all, { recursive: true });
  await mustRun("apt-get", ["download", "-q", name], { cwd: all, timeoutMs: 300_000 });
  const archive = filesBelow(all).find((path) => path.endsWith(".deb"));
  if (archive === undefined) throw new Error(`apt-get download ${name} left no package`);
  await mustRun("dpkg", ["-x", archive, all], { timeoutMs: 300_000 });

  const image = filesBelow(`${all}/boot`).find((path) => path.includes("/vmlinuz-"));
  if (image === undefined) throw new Error(`${name} has no kernel image`);
  await Deno.writeFile(`${folder}/kernel`, await unpackedImage(await Deno.readFile(image)));
  await Deno.writeTextFile(`${folder}/release`, image.slice(image.indexOf("/vmlinuz-") + "/vmlinuz-".length));

  const paths = await modulePaths(`${all}/lib/modules`);
  const modules = inDependencyOrder(MODULES_WANTED, paths);
  const diskModules = inDependencyOrder(MODULES_WANTED_FOR_DISK, paths)
    .filter((path) => !modules.includes(path));
  await moveNumbered(modules, `${folder}/modules`);
  await moveNumbered(diskModules, `${folder}/disk-modules`);
  await Deno.remove(all, { recursive: true });
}

/**
 * The kernel inside a compressed image. Emulated, the image takes 3 s to unpack itself, longer than all else up
 * to the mount; QEMU starts the unpacked one directly (PVH). The offsets are from Linux's boot protocol.
 */
async function unpackedImage(image: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  const SETUP_SECTORS = 0x1f1;
  const PAYLOAD_OFFSET = 0x248;
  const PAYLOAD_LENGTH = 0x24c;
  const SECTOR_BYTES = 512;
  const TRAILING_SIZE_BYTES = 4;
  const view = new DataView(image.buffer);
  const start = (view.getUint8(SETUP_SECTORS) + 1) * SECTOR_BYTES + view.getUint32(PAYLOAD_OFFSET, true);
  const length = view.getUint32(PAYLOAD_LENGTH, true) - TRAILING_SIZE_BYTES;
  const payload = image.subarray(start, start + length);
  const magic = view.getUint32(start, false);
  const program = magic === 0xfd377a58 ? "xz" : magic === 0x28b52ffd ? "zstd" : undefined;
  // A kernel packed in some other way boots as well, only slower.
  if (program === undefined || which(program) === undefined) return image;
  const child = new Deno.Command(program, { args: ["-dc"], stdin: "piped", stdout: "piped" }).spawn();
  const output = child.output();
  await new Blob([payload]).stream().pipeTo(child.stdin);
  const { success, stdout } = await output;
  return success ? stdout : image;
}

async function moveNumbered(paths: string[], folder: string): Promise<void> {
  await Deno.mkdir(folder);
  for (const [index, path] of paths.entries()) {
    const name = path.slice(path.lastIndexOf("/") + 1);
    await Deno.rename(path, `${folder}/${String(index).padStart(2, "0")}-${name}`);
  }
}

function filesBelow(folder: string): string[] {
  const paths: string[] = [];
  for (const entry of Deno.readDirSync(folder)) {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory) paths.push(...filesBelow(path));
    else if (entry.isFile) paths.push(path);
  }
  return paths;
}

/** Every module by its name. Those of newer kernels are compressed, which the guest's insmod may not know. */
async function modulePaths(folder: string): Promise<Map<string, string>> {
  const compressed = filesBelow(folder).filter((path) => path.endsWith(".ko.xz"));
  if (compressed.length > 0) await mustRun("xz", ["-d", ...compressed], { timeoutMs: 300_000 });
  const paths = new Map<string, string>();
  for (const path of filesBelow(folder)) {
    const name = /([^/]+)\.ko$/.exec(path)?.[1];
    if (name !== undefined) paths.set(moduleName(name), path);
  }
  return paths;
}

/** The kernel takes `-` and `_` in the name of a module for the same. */
function moduleName(name: string): string {
  return name.replaceAll("-", "_");
}

/** A package that was not installed has no modules.dep, but every module names what it depends on. */
function dependencies(path: string): string[] {
  const text = new TextDecoder("latin1").decode(Deno.readFileSync(path));
  const list = /\0depends=([^\0]*)\0/.exec(text)?.[1] ?? "";
  return list.split(",").filter((name) => name !== "").map(moduleName);
}

function inDependencyOrder(wanted: string[], paths: Map<string, string>): string[] {
  const ordered: string[] = [];
  const visit = (name: string) => {
    const path = paths.get(name);
    // What is built into this kernel has no file.
    if (path === undefined || ordered.includes(path)) return;
    dependencies(path).forEach(visit);
    ordered.push(path);
  };
  wanted.map(moduleName).forEach(visit);
  return ordered;
}
