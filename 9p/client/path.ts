import { NineError } from "../error.ts";

/** The names of a path from the root of a tree, without `.` and empty ones; `..` takes back the name before it. */
export function namesOf(path: string): string[] {
  const names: string[] = [];
  for (const name of path.split("/")) {
    if (name === "..") names.pop();
    else if (name !== "" && name !== ".") names.push(name);
  }
  return names;
}

export function pathOf(names: readonly string[]): string {
  return `/${names.join("/")}`;
}

/** The directory of a path and the name in it. EINVAL for the root, which is in none. */
export function splitPath(path: string): { dir: string; name: string } {
  const names = namesOf(path);
  const name = names.pop();
  if (name === undefined) throw new NineError("EINVAL", "The root of the tree is no name in a directory");
  return { dir: pathOf(names), name };
}
