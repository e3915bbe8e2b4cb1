/** Prose and source text: what people write line by line. Not data in a structure that a merged line would break. */
const EXTENSIONS = new Set(
  ("adoc asm bash c cc clj cpp cs css cxx dart el erl ex exs fish go gradle h hpp hs htm html java jl js jsx kt less lisp " +
    "lua m markdown md mjs ml nim nix org pas php pl pm proto ps1 py r rb rs rst scala scm scss sh sql svelte swift tcl tex " +
    "ts tsx txt typ v vim vue wat zig zsh").split(" "),
);
const NAMES = new Set([
  "Makefile",
  "Dockerfile",
  "README",
  "LICENSE",
  "TODO",
  "NOTES",
  "CHANGES",
  "AUTHORS",
  ".gitignore",
]);

/** Whether copies that change the file apart may have both changes merged, by its names from the root on. */
export function mayMerge(path: readonly string[]): boolean {
  const name = path[path.length - 1];
  if (path.includes(".git")) return false;
  const dot = name.lastIndexOf(".");
  return NAMES.has(name) || (dot > 0 && EXTENSIONS.has(name.slice(dot + 1).toLowerCase()));
}
