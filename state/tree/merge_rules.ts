import { isMergeable } from "./mergeable.ts";

/** Prose and source text, by what names end in. Structured data is not here: half of one side and half of the other is often no longer well formed. */
const TEXT_ENDINGS = [
  ..."md markdown txt text rst adoc asciidoc org tex bib typ textile mdx pod man".split(" "),
  ..."ts tsx js jsx mjs cjs mts cts vue svelte html htm css scss sass less".split(" "),
  ..."c h cc cpp cxx hh hpp hxx m mm go rs zig swift kt kts java scala groovy clj cljs ex exs erl hrl hs"
    .split(" "),
  ..."lhs ml mli fs fsx cs vb py pyi rb php pl pm lua r jl nim d dart v sv vhd vhdl s asm f f90 f95 pas"
    .split(" "),
  ..."sh bash zsh fish ksh awk sed ps1 bat cmd tcl el lisp scm rkt sql graphql proto cmake mk nix".split(" "),
];
const TEXT_NAMES = [
  "README",
  "LICENSE",
  "COPYING",
  "AUTHORS",
  "CHANGES",
  "NEWS",
  "TODO",
  "Makefile",
  "Dockerfile",
];

/** The rule of a volume that has none of its own. */
export const MERGE_DEFAULT: readonly string[] = [
  ...TEXT_ENDINGS.map((ending) => `*.${ending}`),
  ...TEXT_NAMES,
  "!*lock*.*",
  "!*.min.*",
];

/** Held to whatever a volume's own rule says: what git keeps is for git to merge, and recipes replicate whole. */
const NEVER = ["!.git/**", "!**/.git/**", "!*.fn"];
const GLOBS_MAX = 256;
const GLOB_LENGTH_MAX = 255;

/**
 * Which files merge as text: globs of paths within the volume, the last that fits holds, and `!` in front of one takes out what it fits. `*` and `?` stop at `/`,
 * `**` does not; a glob without `/` is about names in any directory.
 */
export class MergeRules {
  readonly #rules: readonly { readonly merges: boolean; readonly fits: (path: string) => boolean }[];

  /** Throws RangeError for more or longer globs than are allowed, or an empty one. */
  constructor(globs: readonly string[] = MERGE_DEFAULT) {
    if (globs.length > GLOBS_MAX) {
      throw new RangeError(`A rule has ${globs.length} globs, and at most ${GLOBS_MAX}`);
    }
    this.#rules = [...globs, ...NEVER].map((glob) => {
      const merges = !glob.startsWith("!");
      return { merges, fits: fitting(merges ? glob : glob.slice(1)) };
    });
  }

  /** Whether a file's content is to merge. `path` is the file's within the volume, without a leading slash, when this is decided: at its first close. */
  merges(path: string, bytes: Uint8Array): boolean {
    return this.allows(path) && isMergeable(bytes);
  }

  allows(path: string): boolean {
    return this.#rules.findLast(({ fits }) => fits(path))?.merges ?? false;
  }
}

/** A glob as a test of its own rather than a regular expression, which takes exponential time for some globs. */
function fitting(glob: string): (path: string) => boolean {
  if (glob === "" || glob.length > GLOB_LENGTH_MAX) {
    throw new RangeError(`A glob has ${glob.length} characters, and 1 to ${GLOB_LENGTH_MAX} are allowed`);
  }
  if (!glob.includes("/")) return (path) => fitsName(glob, path.slice(path.lastIndexOf("/") + 1));
  const wanted = glob.split("/");
  return (path) => fitsPath(wanted, path.split("/"));
}

/** `**` is any number of names. Only the last one met is gone back to, which is enough. */
function fitsPath(glob: readonly string[], path: readonly string[]): boolean {
  return fitsBy(glob, path, (word) => word === "**", fitsName);
}

function fitsName(glob: string, name: string): boolean {
  const same = (wanted: string, given: string) => wanted === "?" || wanted === given;
  return fitsBy([...glob], [...name], (character) => character === "*", same);
}

function fitsBy(
  glob: readonly string[],
  text: readonly string[],
  isStar: (part: string) => boolean,
  fits: (wanted: string, given: string) => boolean,
): boolean {
  let [i, j, star, after] = [0, 0, -1, 0];
  while (j < text.length) {
    if (i < glob.length && isStar(glob[i])) {
      star = i++;
      after = j;
    } else if (i < glob.length && fits(glob[i], text[j])) {
      i++;
      j++;
    } else if (star >= 0) {
      i = star + 1;
      j = ++after;
    } else return false;
  }
  while (i < glob.length && isStar(glob[i])) i++;
  return i === glob.length;
}
