import { findTool, type LanguageName, LANGUAGES } from "../../translators/sdk/mod.ts";

/** Where things are, as absolute paths. */
export interface Place {
  readonly root: string;
  readonly gallery: string;
  /** For compilers, caches and what they make. */
  readonly work: string;
}

/** Runs a command without a shell and gives what it printed; throws with its errors where it fails. */
export async function run(
  [program, ...args]: readonly string[],
  folder: string,
  env: Readonly<Record<string, string>> = {},
): Promise<string> {
  const { code, stdout, stderr } = await new Deno.Command(program, { args, cwd: folder, env, stdin: "null" })
    .output();
  if (code === 0) return new TextDecoder().decode(stdout);
  const command = [program, ...args].join(" ");
  throw new Error(`${command} in ${folder} failed with code ${code}:\n${new TextDecoder().decode(stderr)}`);
}

/** The hashes are those of one version of each compiler; another one is refused before it builds for minutes. */
export async function requireTools(language: Exclude<LanguageName, "c">, folder: string): Promise<void> {
  for (const tool of LANGUAGES[language].tools) {
    const { found, detail } = await findTool(tool, folder);
    if (!found) throw new Error(`${tool.name} is missing (${detail}): ${tool.install}`);
    if (tool.answer !== "folder" && detail !== tool.tested) {
      throw new Error(
        `${tool.name} is ${detail}, and the gallery is built with ${tool.tested}: ${tool.install}`,
      );
    }
  }
}
