/**
 * The languages that `lux9 translator new` has templates for, and what each needs: one row a tool.
 *
 * Any other language that compiles to WASI preview 1 will do as well; for these the templates are tested.
 */
export type LanguageName = "rust" | "go" | "c";

export interface Language {
  readonly title: string;
  /** In the order in which one that is missing explains the next. */
  readonly tools: readonly Tool[];
}

export interface Tool {
  readonly name: string;
  /** The command that says whether it is there. */
  readonly probe: readonly [string, ...string[]];
  /** What its output must fit, with the version as the first group; or that the output names a folder that is there. */
  readonly answer: RegExp | "folder";
  /** The version that the templates and the gallery are tested with. Others may do. */
  readonly tested: string;
  readonly install: string;
}

/** Also pinned in translators/gallery/rust-toolchain.toml. */
const RUST = "1.95.0";
const GO = "1.26.8";
const ZIGLANG = "0.17.1";
export const RUST_TARGET = "wasm32-wasip1";

export const LANGUAGES: Readonly<Record<LanguageName, Language>> = {
  rust: {
    title: "Rust",
    tools: [
      {
        name: "cargo",
        probe: ["cargo", "--version"],
        answer: /^cargo (\d+\.\d+\.\d+)/,
        tested: RUST,
        install: `rustup toolchain install ${RUST}`,
      },
      {
        name: `Rust's standard library for ${RUST_TARGET}`,
        probe: ["rustc", "--print", "target-libdir", "--target", RUST_TARGET],
        answer: "folder",
        tested: RUST,
        install: `rustup target add ${RUST_TARGET}`,
      },
    ],
  },
  go: {
    title: "Go",
    tools: [
      {
        name: "go",
        probe: ["go", "version"],
        // WASI came with 1.21.
        answer: /^go version go(1\.(?:2[1-9]|[3-9]\d)(?:\.\d+)?)/,
        tested: GO,
        install:
          `Go 1.21 or later; from there on, GOTOOLCHAIN=go${GO} go version brings ${GO} by the Go module proxy`,
      },
    ],
  },
  c: {
    title: "C",
    tools: [
      {
        name: "python3",
        probe: ["python3", "--version"],
        answer: /^Python (3\.\d+\.\d+)/,
        tested: "3.11",
        install: "Debian: apt-get install python3 python3-pip python3-venv",
      },
      {
        name: "ziglang",
        probe: ["python3", "-m", "ziglang", "version"],
        answer: /^(\d+\.\d+\.\d+)/,
        tested: ZIGLANG,
        install:
          `python3 -m pip install ziglang==${ZIGLANG} (PyPI; where pip refuses, first python3 -m venv DIR and . DIR/bin/activate)`,
      },
    ],
  },
};
