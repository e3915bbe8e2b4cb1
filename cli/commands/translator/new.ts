import { type Command, Option } from "commander";
import { findTool, type LanguageName, LANGUAGES, newTranslator } from "../../../translators/sdk/mod.ts";
import { print, visible } from "../../output.ts";

export function defineNew(command: Command): void {
  command
    .argument("<name>", "what it is called, and its folder unless --dir says else")
    .addOption(
      new Option("--lang <language>", "what it is written in")
        .choices(Object.keys(LANGUAGES))
        .makeOptionMandatory(),
    )
    .option("--dir <folder>", "an empty or new folder")
    .addHelpText(
      "after",
      `
The folder has a small working translator: source, manifest.yaml, cases.yaml with what goes in and must come out, and
build.json with the command that builds it. Languages without a template do as well: have build.json run their compiler.

Examples:
  lux9 translator new shout --lang rust
  lux9 translator new tidy --lang go --dir ~/src/tidy`,
    )
    .action(make);
}

async function make(name: string, { lang, dir = name }: { lang: LanguageName; dir?: string }): Promise<void> {
  for (const file of await newTranslator(dir, name, lang)) print(visible(`${dir}/${file}`));
  const { title, tools } = LANGUAGES[lang];
  for (const tool of tools) {
    const { found, detail } = await findTool(tool, dir);
    if (found) continue;
    print(`\nBuilding ${title} needs ${tool.name} (${visible(detail)}):\n  ${tool.install}`);
    break;
  }
  print(`\nNext: cd ${visible(dir)} && lux9 translator build && lux9 translator test`);
}
