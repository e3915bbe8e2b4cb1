import { NineError } from "../error.ts";
import { type Qid, Qt } from "../qid.ts";
import { MAXWELEM } from "../wire/messages.ts";
import type { Client } from "./client.ts";
import { RemoteFile } from "./file.ts";

/** A walk that met a symbolic link before its end: `names[at]` is it. */
export interface Stopped {
  readonly at: number;
}

/** The file at these names below `from`, by a new fid. ENOTDIR where a name on the way is no directory. */
export async function walk(
  from: RemoteFile,
  names: readonly string[],
  signal?: AbortSignal,
): Promise<RemoteFile> {
  const end = await walkUntilLink(from, names, signal);
  if (end instanceof RemoteFile) return end;
  throw new NineError("ENOTDIR", `${JSON.stringify(names[end.at])} on the way is a symbolic link`);
}

/** The same, stopping at a symbolic link on the way. */
export async function walkUntilLink(
  from: RemoteFile,
  names: readonly string[],
  signal?: AbortSignal,
): Promise<RemoteFile | Stopped> {
  const { client } = from;
  const newfid = client.fids.take();
  let fid = from.fid;
  let qid = from.qid;
  let done = 0;
  let most = MAXWELEM;
  try {
    do {
      const wname = names.slice(done, done + most);
      const { wqid } = await client.rpc("Twalk", { fid, newfid, wname }, signal);
      if (wqid.length > wname.length || (wqid.length === 0 && wname.length > 0)) {
        throw new NineError("EPROTO", `The server answered ${wqid.length} qids to ${wname.length} names`);
      }
      if (wqid.length === wname.length) {
        done += wname.length;
        qid = wqid.at(-1) ?? qid;
        fid = newfid;
        most = MAXWELEM;
      } else {
        const stopped = notDirectory(wqid, names, done);
        if (stopped) {
          abandon(client, newfid, fid === newfid);
          return stopped;
        }
        // Only a failing first name tells its errno: walk as far as it goes, then ask for the next name alone.
        most = wqid.length;
      }
    } while (done < names.length);
    return new RemoteFile(client, newfid, qid);
  } catch (thrown) {
    abandon(client, newfid, fid === newfid || signal?.aborted === true);
    throw thrown;
  }
}

/** Why a walk went no further: its last step led to a link, or to a file; undefined where it was a directory. */
function notDirectory(wqid: readonly Qid[], names: readonly string[], done: number): Stopped | undefined {
  const at = done + wqid.length - 1;
  const { type } = wqid.at(-1)!;
  if (type & Qt.SYMLINK) return { at };
  if (!(type & Qt.DIR)) {
    throw new NineError("ENOTDIR", `${JSON.stringify(names[at])} on the way is no directory`);
  }
  return undefined;
}

/**
 * Gives a number back. After a cancelled request nobody knows for sure whether the server has bound it: a clunk makes
 * it free either way. Nobody waits for that.
 */
export function abandon(client: Client, newfid: number, mayBeBound: boolean): void {
  if (mayBeBound) client.clunk(newfid).catch(() => {});
  else client.fids.give(newfid);
}
