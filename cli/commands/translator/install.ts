import type { Command } from "commander";
import type { Tree } from "../../../9p/mod.ts";
import { GALLERY, galleryFolder } from "../../../translators/gallery/mod.ts";
import { Exit } from "../../exit.ts";
import { checkForInstall, checkName, install, statusOf } from "../../modules/installed.ts";
import { isGalleryName } from "../../modules/local_modules.ts";
import { type ModuleFiles, readModuleFiles } from "../../modules/module_files.ts";
import { print, visible } from "../../output.ts";
import { reach, type Where, withWhere } from "../../reach.ts";
import { bytesText } from "../../transfer.ts";

interface Options extends Where {
  name?: string;
  all?: boolean;
}

export function defineInstall(command: Command): void {
  withWhere(command)
    .argument("[what...]", "a translator's folder, a .wasm, or a name of the gallery (default: this folder)")
    .option("--name <name>", "install it under that name (default: the manifest's, else the file's)")
    .option("--all", "all of the gallery that comes with lux9")
    .addHelpText(
      "after",
      `
The gallery: ${GALLERY.join(", ")}.
Module and manifest are checked before anything is sent. What is installed under the name is replaced, and readers see the
old one or the new one. A word that is a name of the gallery means that; a folder of that name is ./NAME.

Examples:
  lux9 translator install
  lux9 translator install jq csv2json
  lux9 translator install ./build/tool.wasm --name tidy
  lux9 translator install --all`,
    )
    .action(installAll);
}

async function installAll(what: string[], { name, all, ...where }: Options): Promise<void> {
  const wanted = all ? [...what, ...GALLERY] : what.length === 0 ? ["."] : what;
  if (name !== undefined && wanted.length > 1) {
    throw new Exit("usage", `--name ${name} is for one module, and these are ${wanted.length}`);
  }
  if (name !== undefined) asUsage(() => checkName(name));
  // Everything is read and checked first: a list of which one is wrong installs nothing.
  const checked = [];
  for (const one of wanted) {
    const files = await readModuleFiles(isGalleryName(one) ? galleryFolder(one) : one);
    const as = name ?? files.name;
    checked.push({ files, as, manifest: await checkForInstall(files, as) });
  }
  await using tree = await reach(where);
  for (const { files, as, manifest } of checked) {
    await install(tree, as, files, manifest);
    await tell(tree, as, files);
  }
}

async function tell(tree: Tree, name: string, files: ModuleFiles): Promise<void> {
  // As the node sees it now: this is the proof that it is in place.
  const { version, hash, requests, grants } = await statusOf(tree, name);
  if (hash !== files.hash) {
    throw new Exit(
      "failed",
      `${name} was replaced by somebody else meanwhile: it is ${hash} now, not ${files.hash}`,
    );
  }
  print(`${name} ${visible(version)}: ${bytesText(files.bytes.byteLength)}, sha256 ${hash}`);
  if (requests.length > grants.length) {
    print(`  It asks for more than its input: lux9 translator allow ${name} shows for what`);
  }
}

function asUsage(check: () => void): void {
  try {
    check();
  } catch (thrown) {
    throw new Exit("usage", (thrown as Error).message);
  }
}
