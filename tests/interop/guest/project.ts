/** This project inside the guest: as a clone that was started once, at `/lux9`. */
import { PROJECT_ROOT } from "./cache.ts";
import { which } from "../command.ts";

export const GUEST_PROJECT = "/lux9";

/** What a node and the commands are made of; neither tests nor documents. */
const PARTS = [
  "lux9",
  "deno.json",
  "deno.lock",
  "9p",
  "cli",
  "namespace",
  "policies",
  "servers",
  "state",
  "translators",
  "yaml",
];

const PACKAGES = `${PROJECT_ROOT}/.lux9/deno-dir/npm`;

export interface GuestProject {
  /** For `extraFiles` of a guest. */
  files: Record<string, Uint8Array>;
  /** For its `extraPrograms`: Deno, for its libraries, and the real mount(8). */
  programs: string[];
}

/** Why the project cannot be put into a guest, or undefined. */
export function projectMissing(): string | undefined {
  if (!isFolder(PACKAGES)) return "needs the packages in .lux9/deno-dir, which ./lux9 version brings";
  const lacking = ["mount", "umount"].filter((name) => which(name) === undefined);
  return lacking.length > 0 ? `needs ${lacking.join(" and ")} of the package mount` : undefined;
}

export async function guestProject(): Promise<GuestProject> {
  const files: Record<string, Uint8Array> = {};
  for (const part of PARTS) addAll(files, `${PROJECT_ROOT}/${part}`, `${GUEST_PROJECT}/${part}`);
  const cache = `${GUEST_PROJECT}/.lux9/deno-dir`;
  addAll(files, PACKAGES, `${cache}/npm`);
  // What was translated from TypeScript before, so that an emulated processor need not. It may be missing.
  for (const part of PARTS) {
    const from = `${PROJECT_ROOT}/.lux9/deno-dir/gen/file${PROJECT_ROOT}/${part}`;
    if (isFolder(from)) addAll(files, from, `${cache}/gen/file${GUEST_PROJECT}/${part}`);
  }

  // The launcher takes this stamp for its own, and so neither looks for another Deno nor for the network.
  const launcher = await Deno.readTextFile(`${PROJECT_ROOT}/lux9`);
  const pinned = /^DENO_VERSION=(\S+)$/m.exec(launcher)?.[1];
  if (pinned === undefined) throw new Error("The launcher names no DENO_VERSION");
  const deno = `${GUEST_PROJECT}/.lux9/deno-${pinned}/deno`;
  files[deno] = await Deno.readFile(Deno.execPath());
  const lock = hex(await crypto.subtle.digest("SHA-256", await Deno.readFile(`${PROJECT_ROOT}/deno.lock`)));
  const stamp = [`${lock}  -`, "", deno, "not asked for the pinned one", ""].join("\n");
  files[`${cache}/lux9-ready`] = new TextEncoder().encode(stamp);
  const programs = [Deno.execPath(), which("mount"), which("umount")].filter((path) => path !== undefined);
  return { files, programs };
}

function addAll(files: Record<string, Uint8Array>, from: string, to: string): void {
  if (!isFolder(from)) {
    files[to] = Deno.readFileSync(from);
    return;
  }
  for (const { name } of Deno.readDirSync(from)) addAll(files, `${from}/${name}`, `${to}/${name}`);
}

function isFolder(path: string): boolean {
  try {
    return Deno.statSync(path).isDirectory;
  } catch {
    return false;
  }
}

function hex(bytes: ArrayBuffer): string {
  return [...new Uint8Array(bytes)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
