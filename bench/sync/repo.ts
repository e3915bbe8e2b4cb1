import { join } from "node:path";

const PACKAGES = {
  "@automerge/automerge-repo": "2.5.6",
  "@automerge/automerge-repo-network-messagechannel": "2.5.6",
};

/**
 * How long, ms, until a change of so many entries of a document is in another repo of automerge-repo that is connected by a MessageChannel; undefined where npm cannot install
 * it. It runs in a folder of its own, as in this project's lock file everybody would fetch it.
 */
export async function measureRepo(
  work: string,
  entries: number,
  changed: number,
): Promise<number | undefined> {
  const folder = join(work, "automerge-repo-sync");
  await Deno.mkdir(folder, { recursive: true });
  await Deno.copyFile(new URL("repo_child.ts", import.meta.url), join(folder, "repo_child.ts"));
  const wanted = JSON.stringify({ private: true, type: "module", dependencies: PACKAGES });
  if (await Deno.readTextFile(join(folder, "installed")).catch(() => "") !== wanted) {
    await Deno.writeTextFile(join(folder, "package.json"), wanted);
    const args = ["install", "--omit=optional", "--no-audit", "--no-fund"];
    const npm = await new Deno.Command("npm", { args, cwd: folder }).output().catch(() => undefined);
    if (!npm?.success) {
      console.error("npm could not install automerge-repo, so there is nothing to compare with");
      return undefined;
    }
    await Deno.writeTextFile(join(folder, "installed"), wanted);
  }
  const { stdout, stderr, success } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--no-config",
      "--node-modules-dir=manual",
      "-A",
      "--no-check",
      "repo_child.ts",
      `${entries}`,
      `${changed}`,
    ],
    cwd: folder,
  }).output();
  if (!success) throw new Error(`automerge-repo: ${new TextDecoder().decode(stderr)}`);
  return Number(new TextDecoder().decode(stdout));
}
