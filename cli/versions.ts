import { Errno, errnoOf, namesOf, NineError, pathOf, type RemoteFile, type Tree } from "../9p/mod.ts";
import { type FileVersion, type FileVersions, HISTORY_XATTR } from "../servers/volume/mod.ts";

/** Of older ones the number must be known. */
const VERSIONS_MAX = 10_000;

/**
 * The versions of a file in a volume, or of what was at that path where nothing is any more, newest first; whether there are
 * more than these.
 */
export async function versionsOf(tree: Tree, path: string): Promise<FileVersions> {
  const versions: FileVersion[] = [];
  for (;;) {
    const page = await pageOf(tree, path, versions.at(-1)?.version);
    versions.push(...page.versions);
    if (!page.more || versions.length >= VERSIONS_MAX) return { ...page, versions };
  }
}

/** Those before a version, as many as fit. */
async function pageOf(tree: Tree, path: string, before?: number): Promise<FileVersions> {
  let file: RemoteFile;
  try {
    file = await tree.walk(path, { follow: true });
  } catch (thrown) {
    const versions = isNothing(thrown) ? await versionsOfGone(tree, path, before) : undefined;
    if (versions === undefined) throw thrown;
    return versions;
  }
  await using _closed = file;
  try {
    return await told(file, attributeOf(before));
  } catch (thrown) {
    if (!isWithout(thrown)) throw thrown;
    throw new NineError(
      errnoOf(thrown),
      "It has no history: it is in no volume, or is no file of which versions are kept",
    );
  }
}

/** The folder above it that is there knows what was below it; undefined where nothing was. */
async function versionsOfGone(
  tree: Tree,
  path: string,
  before: number | undefined,
): Promise<FileVersions | undefined> {
  const names = namesOf(path);
  for (let depth = names.length - 1; depth >= 0; depth--) {
    try {
      await using above = await tree.walk(pathOf(names.slice(0, depth)), { follow: true });
      return await told(above, `${attributeOf(before)}/${names.slice(depth).join("/")}`);
    } catch (thrown) {
      if (isNothing(thrown)) continue;
      // Others than the owner are told that nothing is there.
      if (isWithout(thrown) || isRefusal(thrown)) return undefined;
      throw thrown;
    }
  }
  return undefined;
}

function attributeOf(before: number | undefined): string {
  return before === undefined ? HISTORY_XATTR : `${HISTORY_XATTR}@${before}`;
}

async function told(file: RemoteFile, name: string): Promise<FileVersions> {
  return JSON.parse(new TextDecoder().decode(await file.getxattr(name)));
}

function isNothing(thrown: unknown): boolean {
  return errnoOf(thrown) === Errno.ENOENT || errnoOf(thrown) === Errno.ENOTDIR;
}

function isRefusal(thrown: unknown): boolean {
  return errnoOf(thrown) === Errno.EPERM || errnoOf(thrown) === Errno.EACCES;
}

function isWithout(thrown: unknown): boolean {
  return errnoOf(thrown) === Errno.ENODATA || errnoOf(thrown) === Errno.EOPNOTSUPP;
}

/** Where the version is that `PATH@VERSION` asks for; undefined for a path that says no version. */
export async function versionPath(tree: Tree, path: string): Promise<string | undefined> {
  const [, file, number] = /^(.+)@(\d{1,15})$/.exec(path) ?? [];
  if (file === undefined) return undefined;
  const { volume, versions: [found] } = await pageOf(tree, file, Number(number) + 1);
  if (found?.version === Number(number)) return `/snap/${volume}/${found.at}`;
  throw new NineError(
    "ENOENT",
    `It has no version ${number}: lux9 history ${file} lists those that are kept`,
  );
}
