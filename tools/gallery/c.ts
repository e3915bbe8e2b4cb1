/** The C modules: one file each, compiled by Zig's clang against its WASI libc. */
import { join } from "node:path";
import { findTool, LANGUAGES } from "../../translators/sdk/mod.ts";
import { licenceTexts, type Linked } from "./notice.ts";
import { type Place, run } from "./place.ts";

const FLAGS = [
  "-target",
  "wasm32-wasi",
  "-std=c17",
  "-O2",
  "-s",
  "-Wall",
  "-Wextra",
  "-Werror",
  "-Wl,-z,stack-size=65536",
];

export async function buildC(names: readonly string[], place: Place): Promise<readonly string[]> {
  const environment = await zig(place);
  const modules: string[] = [];
  for (const name of names) {
    const module = join(place.work, `${name}.wasm`);
    // From its folder, so that no other path comes in.
    await run(
      ["python3", "-m", "ziglang", "cc", ...FLAGS, "-o", module, `${name}.c`],
      join(place.gallery, name),
      environment,
    );
    modules.push(module);
  }
  return modules;
}

/** The pinned Zig, by pip and into a folder of its own: another version may be installed for other work. */
async function zig({ work }: Place): Promise<Record<string, string>> {
  const [python, ziglang] = LANGUAGES.c.tools;
  const { found, detail } = await findTool(python, work);
  if (!found) throw new Error(`${python.name} is missing (${detail}): ${python.install}`);
  const version = ziglang.tested;
  const folder = join(work, `ziglang-${version}`);
  const environment = {
    PYTHONPATH: folder,
    ZIG_GLOBAL_CACHE_DIR: join(work, "zig-cache"),
    ZIG_LOCAL_CACHE_DIR: join(work, "zig-cache"),
  };
  if (!await Deno.stat(join(folder, "ziglang/zig")).then(() => true, () => false)) {
    const temporary = `${folder}.${Deno.pid}`;
    await run(
      [
        "python3",
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--target",
        temporary,
        `ziglang==${version}`,
      ],
      work,
      { PIP_USER: "0", PIP_ROOT_USER_ACTION: "ignore", PIP_DISABLE_PIP_VERSION_CHECK: "1" },
    );
    await Deno.rename(temporary, folder);
  }
  const came = (await run(["python3", "-m", "ziglang", "version"], work, environment)).trim();
  if (came !== version) throw new Error(`ziglang is ${came}, and the gallery is built with ${version}`);
  return environment;
}

export async function noticesOfC(_name: string, place: Place): Promise<readonly Linked[]> {
  const environment = await zig(place);
  const version = (await run(["python3", "-m", "ziglang", "version"], place.work, environment)).trim();
  const library = join(environment.PYTHONPATH, "ziglang/lib/libc");
  return [
    {
      name: "wasi-libc, as in Zig",
      version,
      licence: "MIT (parts of it BSD-2-Clause and CC0-1.0)",
      texts: [await Deno.readTextFile(join(library, "wasi/LICENSE-MIT"))],
    },
    {
      name: "musl, as in wasi-libc",
      version,
      licence: "MIT",
      texts: await licenceTexts(join(library, "musl"), "MIT", []),
    },
    {
      name: "Zig's compiler runtime",
      version,
      licence: "MIT",
      texts: await licenceTexts(join(environment.PYTHONPATH, "ziglang"), "MIT", []),
    },
  ];
}
