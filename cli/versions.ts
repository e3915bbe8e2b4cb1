import { Errno, errnoOf, NineError, type Tree } from "../9p/mod.ts";
import { type FileVersion, HISTORY_XATTR } from "../servers/volume/mod.ts";

export interface History {
  readonly volume: string;
  /** Newest first. */
  readonly versions: readonly FileVersion[];
}

/** The versions of a file in a volume. */
export async function versionsOf(tree: Tree, path: string): Promise<History> {
  await using file = await tree.walk(path, { follow: true });
  try {
    return JSON.parse(new TextDecoder().decode(await file.getxattr(HISTORY_XATTR)));
  } catch (thrown) {
    if (errnoOf(thrown) !== Errno.ENODATA && errnoOf(thrown) !== Errno.EOPNOTSUPP) throw thrown;
    throw new NineError(errnoOf(thrown), "It has no history: it is in no volume");
  }
}

/** Where the version is that `PATH@VERSION` asks for; undefined for a path that says no version. */
export async function versionPath(tree: Tree, path: string): Promise<string | undefined> {
  const [, file, number] = /^(.+)@(\d{1,15})$/.exec(path) ?? [];
  if (file === undefined) return undefined;
  const { volume, versions } = await versionsOf(tree, file);
  const found = versions.find(({ version }) => version === Number(number));
  if (found !== undefined) return `/snap/${volume}/${found.at}`;
  throw new NineError(
    "ENOENT",
    `It has no version ${number}: lux9 history ${file} lists those that are kept`,
  );
}
