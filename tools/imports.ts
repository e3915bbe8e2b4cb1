/**
 * Checks that imports point one way, as import_rules.ts says: `deno task imports`.
 *
 * Deno itself reads the imports (`deno info`), so types, re-exports and dynamic imports count like any other.
 */
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { IMPORT_RULES, type ImportRule } from "./import_rules.ts";
import { sourceFiles } from "./source_files.ts";

/** One import as it stands in a file. Paths are relative to the repository's folder. */
export interface Import {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly specifier: string;
  /** The file that it names, or undefined for what is not in the repository. */
  readonly target?: string;
}

export interface Violation extends Import {
  readonly reason: string;
}

if (import.meta.main) {
  const root = dirname(dirname(fileURLToPath(import.meta.url)));
  const files = await sourceFiles(root);
  const imports = await importsOf(root, files).catch((thrown) => {
    console.error(thrown instanceof Error ? thrown.message : thrown);
    Deno.exit(1);
  });
  const violations = check(imports);
  for (const { file, line, column, specifier, reason } of violations) {
    console.error(`${file}:${line}:${column}: import of "${specifier}": ${reason}`);
  }
  console.error(`${files.length} files, ${violations.length} imports that point the wrong way`);
  Deno.exit(violations.length === 0 ? 0 : 1);
}

/** The imports that a rule forbids, each with the reason. */
export function check(imports: readonly Import[], rules: readonly ImportRule[] = IMPORT_RULES): Violation[] {
  return imports.flatMap((found) => {
    const reason = reasonAgainst(found, rules);
    return reason === undefined ? [] : [{ ...found, reason }];
  });
}

function reasonAgainst(
  { file, specifier, target }: Import,
  rules: readonly ImportRule[],
): string | undefined {
  if (target === undefined) return reasonAgainstForeign(specifier);
  if (isTest(file)) return undefined;
  const source = partOf(file, rules);
  if (!source) return `${file} is in no part that tools/import_rules.ts knows; add a row for its folder`;
  const wanted = partOf(target, rules);
  if (!wanted) return `${target} is in no part that tools/import_rules.ts knows; add a row for its folder`;
  if (wanted.name === source.name) return undefined;
  if (!source.rule.mayImport.some((pattern) => fits(pattern, wanted.name))) {
    const allowed = source.rule.mayImport.join(", ") || "nothing of ours";
    return `${source.name} may import ${allowed}: ${source.rule.reason}`;
  }
  const door = `${wanted.name}/mod.ts`;
  if (target === door || source.rule.pastDoors) return undefined;
  return `${wanted.name} is entered by ${door} only, so that what is behind it can change`;
}

/** A test beside the code may take what it tests with from anywhere: nobody who uses the part gets it along. */
function isTest(file: string): boolean {
  return /_(?:test|bench)\.ts$|\/_[a-z_]+\.ts$/.test(file);
}

/** Packages come by the names in deno.json, which pins each to one version. */
function reasonAgainstForeign(specifier: string): string | undefined {
  if (specifier.startsWith("node:")) return undefined;
  if (!/^[a-z]+:/.test(specifier)) return undefined;
  return "packages are named and pinned in deno.json, under imports, and imported by that name";
}

interface Part {
  readonly name: string;
  readonly rule: ImportRule;
}

/** `servers/mem` for `servers/mem/inode.ts`, by the row `servers/*`. */
function partOf(file: string, rules: readonly ImportRule[]): Part | undefined {
  const folders = file.split("/").slice(0, -1);
  for (const rule of rules) {
    const name = folders.slice(0, rule.part.split("/").length).join("/");
    if (fits(rule.part, name)) return { name, rule };
  }
}

function fits(pattern: string, name: string): boolean {
  if (pattern === "**") return true;
  const wanted = pattern.split("/");
  const given = name.split("/");
  return wanted.length === given.length && wanted.every((word, i) => word === "*" || word === given[i]);
}

/** Asks Deno what the files import. A file that does not parse, or an import of nothing, is an error here. */
export async function importsOf(root: string, files: readonly string[]): Promise<Import[]> {
  const folder = await Deno.makeTempDir({ prefix: "lux9-imports-" });
  try {
    const entry = join(folder, "all.ts");
    const base = pathToFileURL(root + "/").href;
    await Deno.writeTextFile(entry, files.map((file) => `import ${JSON.stringify(base + file)};\n`).join(""));
    const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["info", "--json", "--config", join(root, "deno.json"), entry],
      env: { NO_COLOR: "1" },
    }).output();
    if (!success) throw new Error(`deno info: ${new TextDecoder().decode(stderr)}`);
    return parseInfo(JSON.parse(new TextDecoder().decode(stdout)), base, new Set(files));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

interface Info {
  modules: { specifier: string; error?: string; dependencies?: Dependency[] }[];
}
interface Dependency {
  specifier: string;
  code?: Resolved;
  type?: Resolved;
}
interface Resolved {
  specifier?: string;
  error?: string;
  span: { start: { line: number; character: number } };
}

function parseInfo(info: Info, base: string, files: ReadonlySet<string>): Import[] {
  const imports: Import[] = [];
  for (const module of info.modules) {
    const file = module.specifier.startsWith(base) ? module.specifier.slice(base.length) : undefined;
    if (file === undefined) continue;
    if (module.error) throw new Error(`${file}: ${module.error}`);
    if (!files.has(file)) continue;
    for (const { specifier, code, type } of module.dependencies ?? []) {
      const resolved = code ?? type;
      if (!resolved) continue;
      const { line, character } = resolved.span.start;
      const target = resolved.specifier?.startsWith(base) ? resolved.specifier.slice(base.length) : undefined;
      imports.push({ file, line: line + 1, column: character + 1, specifier, target });
    }
  }
  return imports;
}
