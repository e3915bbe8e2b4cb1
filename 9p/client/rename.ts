import { Errno } from "../errno.ts";
import { errnoOf, NineError } from "../error.ts";
import { verbsOf } from "./dialects/verbs_of.ts";
import type { RemoteFile } from "./file.ts";

/**
 * Moves a name, replacing what is there where the server does so: by Trenameat, by Trename where the server lacks that,
 * and in 9P2000 and .u by a wstat of the name, which cannot leave the directory (EXDEV).
 */
export async function rename(
  from: RemoteFile,
  oldName: string,
  to: RemoteFile,
  newName: string,
  signal?: AbortSignal,
): Promise<void> {
  const verbs = verbsOf(from.client);
  if (from.client.dialect === "9P2000.L") {
    try {
      return await verbs.renameAt(from.fid, oldName, to.fid, newName, signal);
    } catch (thrown) {
      if (errnoOf(thrown) !== Errno.EOPNOTSUPP) throw thrown;
    }
  } else if (from.qid.path !== to.qid.path) {
    throw new NineError(
      "EXDEV",
      `${from.client.dialect} renames within a directory only: copy ${
        JSON.stringify(oldName)
      } and remove it instead`,
    );
  }
  await using file = await from.walk([oldName], signal);
  await verbs.renameHere(file.fid, to.fid, newName, signal);
}

/**
 * Moves the file behind a fid, whatever its name is by now. 9P2000 and .u cannot leave the directory that the file is
 * in, and see nothing of `dir`: the caller knows that it is the same.
 */
export async function move(
  file: RemoteFile,
  dir: RemoteFile,
  name: string,
  signal?: AbortSignal,
): Promise<void> {
  await verbsOf(file.client).renameHere(file.fid, dir.fid, name, signal);
}
