/** The TypeScript files of the repository, sorted; paths relative to its folder. */
export async function sourceFiles(root: string): Promise<string[]> {
  const files: string[] = [];
  await list(root, "", files);
  return files.sort();
}

async function list(root: string, folder: string, files: string[]): Promise<void> {
  for await (const entry of Deno.readDir(`${root}/${folder}`)) {
    // .git, .lux9, and what editors leave.
    if (entry.name.startsWith(".") || entry.name === "node_modules") continue;
    const path = folder === "" ? entry.name : `${folder}/${entry.name}`;
    if (entry.isDirectory) await list(root, path, files);
    else if (entry.isFile && entry.name.endsWith(".ts")) files.push(path);
  }
}
