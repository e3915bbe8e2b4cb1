import { NineError } from "../error.ts";
import { RemoteFile } from "./file.ts";
import { verbsOf } from "./dialects/verbs_of.ts";
import { abandon } from "./walk.ts";

/** Twice Linux's XATTR_LIST_MAX: what is larger is not asked for, bytes. */
const XATTR_BYTES_MAX = 128 * 1024;
const XATTR_REPLACE = 2;

/** ENODATA where there is none of that name. */
export function getxattr(file: RemoteFile, name: string, signal?: AbortSignal): Promise<Uint8Array> {
  if (name === "") throw new NineError("EINVAL", "An extended attribute without a name");
  return readXattr(file, name, signal);
}

export async function listxattr(file: RemoteFile, signal?: AbortSignal): Promise<string[]> {
  const names = new TextDecoder().decode(await readXattr(file, "", signal));
  return names.split("\0").filter((name) => name !== "");
}

async function readXattr(file: RemoteFile, name: string, signal?: AbortSignal): Promise<Uint8Array> {
  const { client } = file;
  const newfid = client.fids.take();
  let size: number;
  try {
    size = await verbsOf(client).xattrWalk(file.fid, newfid, name, signal);
  } catch (thrown) {
    abandon(client, newfid, signal?.aborted === true);
    throw thrown;
  }
  const attribute = new RemoteFile(client, newfid, file.qid);
  try {
    if (size > XATTR_BYTES_MAX) {
      throw new NineError("E2BIG", `An extended attribute of ${size} bytes, allowed are ${XATTR_BYTES_MAX}`);
    }
    const value = new Uint8Array(size);
    let done = 0;
    while (done < size) {
      const count = await attribute.read(done, value.subarray(done), signal);
      if (count === 0) break;
      done += count;
    }
    return value.subarray(0, done);
  } finally {
    attribute.letGo();
  }
}

/** The attribute is set when its fid is clunked, so that is where a refusal comes from. */
export async function setxattr(
  file: RemoteFile,
  name: string,
  value: Uint8Array | null,
  flags: number,
  signal?: AbortSignal,
): Promise<void> {
  const attribute = await file.clone(signal);
  const bytes = value ?? new Uint8Array();
  try {
    // A removal is a replacement by nothing.
    const how = value === null ? XATTR_REPLACE : flags;
    await verbsOf(file.client).xattrCreate(attribute.fid, name, bytes.byteLength, how, signal);
    for (let done = 0; done < bytes.byteLength;) {
      done += await attribute.write(done, bytes.subarray(done), signal);
    }
  } catch (thrown) {
    attribute.letGo();
    throw thrown;
  }
  await attribute.close(signal);
}
