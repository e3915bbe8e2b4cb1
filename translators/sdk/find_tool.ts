import { reasonOf } from "../../9p/mod.ts";
import { type LanguageName, LANGUAGES, type Tool } from "./languages.ts";

export interface ToolFound {
  readonly found: boolean;
  /** Its version where it says one; what came instead where it is not there. */
  readonly detail: string;
}

/** Long enough for a first start that unpacks itself. */
const PROBE_MS_MAX = 30_000;
const DETAIL_CHARS_MAX = 200;

/** Whether a tool is here, by running its probe in `folder`, where a version may be pinned. */
export async function findTool({ probe, answer }: Tool, folder?: string): Promise<ToolFound> {
  const [program, ...args] = probe;
  let text: string;
  try {
    const { success, stdout, stderr } = await new Deno.Command(program, {
      args,
      cwd: folder,
      stdin: "null",
      signal: AbortSignal.timeout(PROBE_MS_MAX),
    }).output();
    text = new TextDecoder().decode(success ? stdout : stderr).trim();
    if (!success) return { found: false, detail: text.slice(0, DETAIL_CHARS_MAX) };
  } catch (thrown) {
    if (thrown instanceof Deno.errors.NotFound) return { found: false, detail: `no ${program} on PATH` };
    return { found: false, detail: reasonOf(thrown) };
  }
  if (answer === "folder") {
    const found = await isFolder(text);
    return { found, detail: found ? text : `${text.slice(0, DETAIL_CHARS_MAX)} is not there` };
  }
  const version = answer.exec(text)?.[1];
  return { found: version !== undefined, detail: version ?? text.slice(0, DETAIL_CHARS_MAX) };
}

/** The first tool of a language that is not here, and how to install it; undefined where all are. */
export async function missingTool(language: LanguageName): Promise<string | undefined> {
  for (const tool of LANGUAGES[language].tools) {
    const { found, detail } = await findTool(tool);
    if (!found) return `${tool.name} is missing (${detail.split("\n")[0]}): ${tool.install}`;
  }
}

async function isFolder(path: string): Promise<boolean> {
  try {
    return (await Deno.stat(path)).isDirectory;
  } catch {
    return false;
  }
}
