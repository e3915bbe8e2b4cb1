import { dirname } from "node:path";
import { formatAddress, reasonOf } from "../9p/mod.ts";
import { findLibrary, WasmEngine, WASMTIME_VERSION } from "../translators/engine/mod.ts";
import { galleryFolder } from "../translators/gallery/mod.ts";
import { findTool, type Language, LANGUAGES } from "../translators/sdk/mod.ts";
import { Exit } from "./exit.ts";
import { homeOf } from "./home.ts";
import { readModuleFiles } from "./modules/module_files.ts";
import { visible } from "./output.ts";
import { findProgram, kernelHas9p } from "./programs.ts";
import { addressOf, reach, type Where } from "./reach.ts";
import { bytesText } from "./transfer.ts";

/** One line of `lux9 doctor`. */
export interface Check {
  readonly name: string;
  readonly state: "ok" | "warn" | "fail";
  readonly found: string;
  /** What to do; absent where all is well. */
  readonly advice?: string;
}

/** The Deno that everything is tested with. */
const DENO_TESTED = "2.9.6";
const PACKAGES = ["commander", "yaml", "zod"];
const DISK_BYTES_LOW = 1024 ** 3;
/** Each open host file, and each connection, takes one. */
const FILES_LOW = 1024;
const LIBC = "libc.so.6";

function ok(name: string, found: string): Check {
  return { name, state: "ok", found };
}

/** All checks, in the order in which one that fails explains the next. */
export const CHECKS: readonly ((where: Where) => Check | Promise<Check>)[] = [
  deno,
  packages,
  libc,
  openFiles,
  home,
  disk,
  fuse,
  mounting,
  wasmtime,
  ...Object.values(LANGUAGES).map((language) => () => tools(language)),
  node,
];

function deno(): Check {
  const { deno } = Deno.version;
  const [major, minor] = deno.split(".").map(Number);
  const [wantMajor, wantMinor] = DENO_TESTED.split(".").map(Number);
  if (major === wantMajor && minor >= wantMinor) return ok("deno", `${deno} on ${Deno.build.target}`);
  const advice = `Start by ./lux9, which installs ${DENO_TESTED} beside the program, or unset LUX9_DENO`;
  return {
    name: "deno",
    state: "fail",
    found: `${deno}, and ${DENO_TESTED} or a later 2.x is needed`,
    advice,
  };
}

async function packages(): Promise<Check> {
  const missing: string[] = [];
  const loads = [() => import("commander"), () => import("yaml"), () => import("zod")];
  for (const [i, load] of loads.entries()) await load().catch(() => missing.push(PACKAGES[i]));
  if (missing.length === 0) return ok("packages", PACKAGES.join(", "));
  const advice = "With a network: rm -r .lux9/deno-dir && ./lux9 version";
  return { name: "packages", state: "fail", found: `${missing.join(", ")} missing`, advice };
}

function libc(): Check {
  try {
    using library = openLibc();
    return ok("libc", `${LIBC} by FFI, process ${library.symbols.getpid()}`);
  } catch (thrown) {
    const advice = "Host folders cannot be served. Run on Linux with glibc, with deno run -A or --allow-ffi";
    return { name: "libc", state: "fail", found: reasonOf(thrown), advice };
  }
}

function openLibc() {
  const library = Deno.dlopen(LIBC, { getpid: { parameters: [], result: "i32" } });
  return Object.assign(library, { [Symbol.dispose]: () => library.close() });
}

function openFiles(): Check {
  const line = /^Max open files\s+(\d+|unlimited)/m.exec(Deno.readTextFileSync("/proc/self/limits"));
  const limit = line?.[1] === "unlimited" ? Infinity : Number(line?.[1] ?? 0);
  if (limit >= FILES_LOW) return ok("open files", `at most ${limit}`);
  const advice = `Raise the limit before lux9 up: ulimit -n 20000`;
  return { name: "open files", state: "warn", found: `at most ${limit}`, advice };
}

function home(where: Where): Check {
  let path: string;
  try {
    path = homeOf(where.home);
  } catch (thrown) {
    return { name: "home", state: "fail", found: reasonOf(thrown), advice: "Give --home DIR" };
  }
  try {
    const { isDirectory, mode, uid } = Deno.statSync(path);
    if (!isDirectory) {
      return { name: "home", state: "fail", found: `${path} is no folder`, advice: "Give another by --home" };
    }
    if (uid !== null && uid !== Deno.uid() && Deno.uid() !== 0) {
      return {
        name: "home",
        state: "fail",
        found: `${path} belongs to user ${uid}`,
        advice: "Give another by --home",
      };
    }
    if ((mode ?? 0) & 0o077) {
      const advice = `Others may look into it: chmod 700 ${path}`;
      return {
        name: "home",
        state: "warn",
        found: `${path}, mode 0${((mode ?? 0) & 0o777).toString(8)}`,
        advice,
      };
    }
    return ok("home", path);
  } catch (thrown) {
    if (!(thrown instanceof Deno.errors.NotFound)) {
      return { name: "home", state: "fail", found: reasonOf(thrown), advice: "Give another by --home" };
    }
    return ok("home", `${path} is made by the first lux9 up`);
  }
}

async function disk(where: Where): Promise<Check> {
  const { statfs } = await import("node:fs/promises");
  let folder = homeOf(where.home);
  while (folder !== "/" && !exists(folder)) folder = dirname(folder);
  const { bavail, bsize } = await statfs(folder);
  const free = bavail * bsize;
  const found = `${bytesText(free)} free in ${folder}`;
  if (free >= DISK_BYTES_LOW) return ok("disk", found);
  return { name: "disk", state: "warn", found, advice: "Make room, or move the home by --home" };
}

function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch {
    return false;
  }
}

function fuse(): Check {
  const name = "/dev/fuse";
  try {
    using _file = Deno.openSync("/dev/fuse", { read: true, write: true });
    const helper = findProgram("fusermount3") ?? findProgram("fusermount");
    if (helper || Deno.uid() === 0) return ok(name, helper ? `with ${helper}` : "as root");
    return {
      name,
      state: "warn",
      found: "there, but no fusermount3",
      advice: "Debian: apt-get install fuse3",
    };
  } catch (thrown) {
    const advice =
      "9pfuse cannot mount here: load the module by modprobe fuse, or check the permissions of /dev/fuse";
    return { name, state: "warn", found: reasonOf(thrown), advice };
  }
}

async function mounting(): Promise<Check> {
  const name = "mounting";
  const program = findProgram("9pfuse");
  const { has, why } = await kernelHas9p();
  if (program) return ok(name, `${program}${has ? `; v9fs: ${why}` : ""}`);
  if (has) {
    if (Deno.uid() === 0) return ok(name, `v9fs: ${why}`);
    return {
      name,
      state: "warn",
      found: `v9fs: ${why}, which takes root`,
      advice: "lux9 mount says what to run",
    };
  }
  const advice = "Everything else works; lux9 mount says what to install";
  return { name, state: "warn", found: `no 9pfuse on PATH; ${why}`, advice };
}

/** Whether translators can run: an engine is started for that, and tests itself. */
async function wasmtime(): Promise<Check> {
  const name = "wasmtime";
  const folder = await Deno.makeTempDir({ prefix: "lux9-doctor-" });
  try {
    await using engine = new WasmEngine({ folder, workersMax: 1 });
    const { path, hash } = await readModuleFiles(galleryFolder("head"));
    await engine.prepare({ path, hash }, false, "doctor");
    return ok(name, `${WASMTIME_VERSION}, ${findLibrary()}, passes its self-test`);
  } catch (thrown) {
    const advice = "Everything but computed files works without it";
    return { name, state: "warn", found: reasonOf(thrown), advice };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** What writing translators in a language needs; nothing else does. */
async function tools({ title, tools }: Language): Promise<Check> {
  const name = `translators in ${title}`;
  const found: string[] = [];
  for (const tool of tools) {
    const { found: isThere, detail } = await findTool(tool);
    if (!isThere) {
      const advice = `Only needed to build them: ${tool.install}`;
      return { name, state: "warn", found: `${tool.name} is missing: ${visible(detail)}`, advice };
    }
    found.push(tool.answer === "folder" ? tool.name : `${tool.name} ${detail}`);
  }
  return ok(name, found.join(", "));
}

async function node(where: Where): Promise<Check> {
  const name = "node";
  const at = formatAddress(addressOf(where));
  try {
    const started = performance.now();
    await using tree = await reach(where);
    await tree.stat("/");
    const ms = (performance.now() - started).toFixed(1);
    return ok(name, `${at} answers in ${ms} ms (${tree.client.dialect}, msize ${tree.client.msize})`);
  } catch (thrown) {
    if (!(thrown instanceof Exit)) {
      return { name, state: "fail", found: reasonOf(thrown), advice: "See lux9 why /" };
    }
    return { name, state: "warn", found: thrown.message, advice: "Start one by: lux9 up" };
  }
}
