import { lookup } from "node:dns/promises";
import { resolve } from "node:path";
import type { Command } from "commander";
import { type Address, formatAddress } from "../../9p/mod.ts";
import { Exit } from "../exit.ts";
import { isOurs, mountedAt, realFolder, waitForMount } from "../mounts.ts";
import { print, shellWord } from "../output.ts";
import { findProgram, kernelHas9p, runDaemon } from "../programs.ts";
import { addressOf, reach, userName, type Where, withWhere } from "../reach.ts";

interface Options extends Where {
  with?: string;
  dryRun?: boolean;
}

/** A way to mount: a program and its arguments. */
interface Way {
  readonly name: string;
  readonly program: string;
  readonly args: readonly string[];
}

/** How long a mount may take to appear, ms. */
const MOUNT_MS_MAX = 10_000;

export function define(command: Command): void {
  withWhere(command)
    .argument("<dir>", "an empty folder of this machine")
    .option("--with <way>", "9pfuse or v9fs (default: 9pfuse where it is installed, else v9fs)")
    .option("--dry-run", "print the command instead of running it")
    .addHelpText(
      "after",
      `
9pfuse needs no root. The kernel's v9fs needs root, and shows links, attributes and times in full.

Examples:
  mkdir -p ~/lux9 && lux9 mount ~/lux9
  sudo lux9 mount --with v9fs --home ~me/.local/share/lux9 /mnt/lux9
  lux9 mount -a 'tcp!127.0.0.1!5640' /mnt/lux9`,
    )
    .action(mount);
}

async function mount(dir: string, options: Options): Promise<void> {
  const folder = realFolder(dir);
  checkFolder(folder);
  const address = addressOf(options);
  const way = await chooseWay(address, folder, options);
  if (options.dryRun) return print([way.program, ...way.args].map(shellWord).join(" "));
  // A mount of a node that does not answer would hang whoever looks at the folder.
  await (await reach(options))[Symbol.asyncDispose]();
  const { code, text } = await runDaemon(way.program, way.args);
  if (code !== 0) {
    throw new Exit("failed", `${way.name} could not mount ${folder}: ${text || `it ended with ${code}`}`);
  }
  if (!await waitForMount(folder, true, MOUNT_MS_MAX)) {
    const said = text === "" ? "" : `: ${text}`;
    throw new Exit(
      "failed",
      `${way.name} ended well, but ${folder} is not mounted after ${MOUNT_MS_MAX / 1000} s${said}`,
    );
  }
  print(
    `${formatAddress(address)} is mounted on ${folder} by ${way.name}; take it off by: lux9 umount ${
      shellWord(folder)
    }`,
  );
}

function checkFolder(folder: string): void {
  const there = mountedAt(folder);
  if (there) {
    const advice = isOurs(there) ? "lux9 umount it first" : "take another folder";
    throw new Exit("failed", `${folder} is a mount point already (${there.type}): ${advice}`);
  }
  try {
    if (!Deno.statSync(folder).isDirectory) throw new Exit("failed", `${folder} is no folder`);
  } catch (thrown) {
    if (thrown instanceof Deno.errors.NotFound) {
      throw new Exit("failed", `There is no folder ${folder}: make it by mkdir -p ${shellWord(folder)}`);
    }
    throw thrown;
  }
}

async function chooseWay(address: Address, folder: string, options: Options): Promise<Way> {
  if (options.with !== undefined && options.with !== "9pfuse" && options.with !== "v9fs") {
    throw new Exit("usage", `--with ${options.with}: there are 9pfuse and v9fs`);
  }
  const fuse = findProgram("9pfuse");
  if (fuse && options.with !== "v9fs") {
    const aname = options.aname === undefined ? [] : ["-a", options.aname];
    return { name: "9pfuse", program: fuse, args: [...aname, formatAddress(address), folder] };
  }
  const v9fs: Way = {
    name: "v9fs",
    program: findProgram("mount") ?? "mount",
    args: await v9fsArgs(address, folder, options),
  };
  const { has, why } = await kernelHas9p();
  const byHand = `sudo ${[v9fs.program, ...v9fs.args].map(shellWord).join(" ")}`;
  if (options.with !== "9pfuse" && has && Deno.uid() === 0) return v9fs;
  if (options.with === "9pfuse") throw new Exit("failed", INSTALL_9PFUSE);
  const rootless = fuse ? "Leave out --with v9fs: 9pfuse is here" : INSTALL_9PFUSE;
  if (has) {
    throw new Exit("failed", `Mounting by the kernel needs root: ${byHand}\nWithout root: ${rootless}`);
  }
  const cannot = fuse
    ? `v9fs cannot mount here: ${why}`
    : `Nothing here can mount 9P: ${why}, and 9pfuse is not on PATH`;
  throw new Exit(
    "failed",
    `${cannot}.\n${rootless}\n` +
      `Or take a kernel with 9p (Debian: apt-get install linux-image-amd64), then: ${byHand}`,
  );
}

const INSTALL_9PFUSE =
  "9pfuse is a part of plan9port (https://9fans.github.io/plan9port/): build it, put its bin/ on PATH, and install " +
  "fuse3 (Debian: apt-get install fuse3)";

/** The options of mount(8) for v9fs. `access=any`: the session's user does everything, as with 9pfuse. */
async function v9fsArgs(address: Address, folder: string, { aname }: Options): Promise<string[]> {
  const [source, transport] = address.net === "unix"
    ? [resolve(address.path), ["trans=unix"]]
    : [await numeric(address.host), ["trans=tcp", `port=${address.port}`]];
  const user = userName();
  for (const [what, word] of [["--aname", aname], ["USER", user]] as const) {
    // mount(8) splits its options at commas, and v9fs knows no way to write one.
    if (word?.includes(",")) throw new Exit("usage", `${what} ${word}: v9fs takes no name with a comma`);
  }
  const tree = aname === undefined ? [] : [`aname=${aname}`];
  const all = [
    ...transport,
    "version=9p2000.L",
    `uname=${user}`,
    "access=any",
    "msize=131096",
    ...tree,
  ];
  return ["-t", "9p", "-o", all.join(","), source, folder];
}

/** The kernel takes no names of hosts, and before 6.13 IPv4 alone. */
async function numeric(host: string): Promise<string> {
  try {
    return (await lookup(host, { family: 4 })).address;
  } catch {
    return host;
  }
}
