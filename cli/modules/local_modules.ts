import { NineError } from "../../9p/mod.ts";
import { GALLERY, galleryFolder, type GalleryName } from "../../translators/gallery/mod.ts";
import { join } from "node:path";
import { modulesFolder } from "../node/translators.ts";
import { type ModuleFiles, readModuleFiles, WASM } from "./module_files.ts";

/**
 * The module that a stage names, without a node: one of the home's, else one that comes with the program, else, where
 * the name has a slash, the file or folder itself.
 */
export async function findLocal(name: string, home: string): Promise<ModuleFiles> {
  if (name.includes("/")) return await readModuleFiles(name);
  const installed = join(modulesFolder(home), name);
  if (isFile(join(installed, WASM))) return await readModuleFiles(installed);
  if (isGalleryName(name)) return await readModuleFiles(galleryFolder(name));
  throw new NineError(
    "ENOENT",
    `No translator ${name} is in ${modulesFolder(home)}, and none comes with lux9 (${GALLERY.join(", ")}): ` +
      `install it, or write the path of its module, as ./${name}/${WASM}`,
  );
}

export function isGalleryName(name: string): name is GalleryName {
  return (GALLERY as readonly string[]).includes(name);
}

function isFile(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}
