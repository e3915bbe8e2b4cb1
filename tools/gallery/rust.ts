/** The Rust modules: one workspace, translators/gallery/Cargo.toml. */
import { basename, dirname, join } from "node:path";
import { RUST_TARGET } from "../../translators/sdk/mod.ts";
import type { Linked } from "./notice.ts";
import { licenceTexts, textOf } from "./notice.ts";
import { type Place, requireTools, run } from "./place.ts";

/** Every engine that Lux9 is used with has 128-bit vectors: memchr and zlib-rs are several times faster with them. */
const FEATURES = "-Ctarget-feature=+simd128";

export async function buildRust(names: readonly string[], place: Place): Promise<readonly string[]> {
  await requireTools("rust", place.gallery);
  const target = join(place.work, "cargo-target");
  await run(["cargo", "fetch", "--quiet", "--locked", "--target", RUST_TARGET], place.gallery);
  const flags = [FEATURES, ...await remaps(place)];
  // All of them always: which features a package has depends on who else is built with it.
  await run(
    ["cargo", "build", "--quiet", "--release", "--locked", "--workspace", "--target", RUST_TARGET],
    place.gallery,
    {
      CARGO_TARGET_DIR: target,
      // Takes precedence over all other places for flags.
      CARGO_ENCODED_RUSTFLAGS: flags.join("\x1f"),
      RUSTC_WRAPPER: "",
      CARGO_INCREMENTAL: "0",
    },
  );
  return names.map((name) => join(target, RUST_TARGET, "release", `${name}.wasm`));
}

/** Panics name source files. These give the same names on every machine. */
async function remaps({ gallery }: Place): Promise<string[]> {
  const sysroot = (await run(["rustc", "--print", "sysroot"], gallery)).trim();
  const commit = /^commit-hash: (.*)$/m.exec(await run(["rustc", "-vV"], gallery))?.[1];
  const folders = new Map([
    [gallery, "gallery"],
    // Where rust-src is installed, rustc finds the sources of the library there.
    [join(sysroot, "lib/rustlib/src/rust"), `/rustc/${commit}`],
  ]);
  for (const { manifest_path } of (await metadata(gallery)).packages) {
    const folder = dirname(manifest_path);
    if (!folder.startsWith(gallery)) folders.set(folder, join("crates", basename(folder)));
  }
  return [...folders].map(([from, to]) => `--remap-path-prefix=${from}=${to}`);
}

interface Metadata {
  packages: Package[];
  resolve: { nodes: { id: string; deps: { pkg: string; dep_kinds: { kind: string | null }[] }[] }[] };
}

interface Package {
  id: string;
  name: string;
  version: string;
  license: string | null;
  authors: string[];
  manifest_path: string;
  targets: { kind: string[] }[];
}

async function metadata(folder: string): Promise<Metadata> {
  const command = ["cargo", "metadata", "--format-version=1", "--locked", "--filter-platform", RUST_TARGET];
  // With the features, as some packages depend on others only where there are vectors.
  return JSON.parse(await run(command, folder, { CARGO_ENCODED_RUSTFLAGS: FEATURES }));
}

/** The packages whose code is in the module: no build scripts, no macros. */
export async function noticesOfRust(name: string, place: Place): Promise<readonly Linked[]> {
  const { packages, resolve } = await metadata(place.gallery);
  const found = new Map<string, Package>();
  const visit = (id: string) => {
    const one = packages.find((one) => one.id === id);
    if (!one || found.has(id) || one.targets.some(({ kind }) => kind.includes("proc-macro"))) return;
    found.set(id, one);
    for (const { pkg, dep_kinds } of resolve.nodes.find((node) => node.id === id)?.deps ?? []) {
      if (dep_kinds.some(({ kind }) => kind === null)) visit(pkg);
    }
  };
  visit(packages.find((one) => one.name === name)?.id ?? "");
  const crates = [...found.values()].filter(({ manifest_path }) => !manifest_path.startsWith(place.gallery));
  const linked = await Promise.all(crates.map(async (one) => ({
    name: one.name,
    version: one.version,
    licence: one.license ?? "unknown",
    texts: await licenceTexts(dirname(one.manifest_path), one.license ?? "", one.authors),
  })));
  return [...linked, await standardLibrary(place)];
}

async function standardLibrary({ gallery }: Place): Promise<Linked> {
  const version = /^release: (.*)$/m.exec(await run(["rustc", "-vV"], gallery))?.[1] ?? "";
  return {
    name: "The Rust standard library, with wasi-libc, compiler-builtins, dlmalloc and hashbrown",
    version,
    licence: "MIT OR Apache-2.0 (wasi-libc: MIT; parts of it BSD-2-Clause and CC0-1.0)",
    texts: [textOf("MIT", ["The Rust Project contributors", "The musl and wasi-libc authors"])],
  };
}
