import { NineError } from "../error.ts";
import { Qt } from "../qid.ts";
import { RemoteFile } from "./file.ts";
import { namesOf } from "./path.ts";
import { walkUntilLink } from "./walk.ts";

/** path_resolution(7): more symbolic links than this on one way are a loop. */
const LINKS_MAX = 40;

/**
 * Walks to a path and follows symbolic links, which is the client's work in 9P; an absolute target starts at the tree's
 * root. The last name is followed only where `follow` says so. ELOOP after 40 links.
 */
export async function resolve(
  root: RemoteFile,
  path: string,
  follow: boolean,
  signal?: AbortSignal,
): Promise<RemoteFile> {
  let names = namesOf(path);
  for (let links = 0; links <= LINKS_MAX; links++) {
    const end = await walkUntilLink(root, names, signal);
    const at = end instanceof RemoteFile ? names.length - 1 : end.at;
    if (end instanceof RemoteFile) {
      const isLink = (end.qid.type & Qt.SYMLINK) !== 0 && root.client.dialect !== "9P2000";
      if (!isLink || !follow) return end;
    }
    await using link = end instanceof RemoteFile ? end : await root.walk(names.slice(0, at + 1), signal);
    const target = await link.readlink(signal);
    const start = target.startsWith("/") ? [] : names.slice(0, at);
    names = namesOf([...start, target, ...names.slice(at + 1)].join("/"));
  }
  throw new NineError("ELOOP", `More than ${LINKS_MAX} symbolic links on the way to ${JSON.stringify(path)}`);
}
