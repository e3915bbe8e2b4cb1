import { Buffer } from "node:buffer";
import {
  closeSync,
  constants,
  fsyncSync,
  linkSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from "node:fs";
import { dirname } from "node:path";
import { Errno, errnoOf, NineError, reasonOf } from "../../9p/mod.ts";
import { realDisk } from "../disk/mod.ts";
import { placeOf } from "../guard/mod.ts";
import { KEY_BYTES, newCopyKey } from "../record/mod.ts";

/** A key, and the place of its file: two homes must not have one key, and a file that was copied with its home is somewhere else. */
const FILE_BYTES_MAX = KEY_BYTES + 64;

/**
 * The 32 secret bytes of the key that the copies of a home write with, which a file keeps; made where there is none, and where the file is a copy. Without a file it is a new one
 * each time.
 */
export function secretIn(file: string | undefined): Uint8Array {
  if (file === undefined) return newCopyKey();
  const found = foundAt(file);
  return found instanceof Uint8Array ? found : make(file, found);
}

/** `foreign`: it is of another place, or nothing that was written here. */
function foundAt(file: string): Uint8Array | "none" | "foreign" {
  try {
    const stat = statSync(file);
    if (!stat.isFile()) throw new NineError("EINVAL", "it is no file");
    if (stat.size > FILE_BYTES_MAX) return "foreign";
    const bytes = readFileSync(file);
    const place = bytes.subarray(KEY_BYTES).toString();
    return place === placeOf(file) ? new Uint8Array(bytes.subarray(0, KEY_BYTES)) : "foreign";
  } catch (thrown) {
    if (errnoOf(thrown) === Errno.ENOENT) return "none";
    throw new NineError(
      errnoOf(thrown),
      `The key of the home, ${file}, cannot be read (${
        reasonOf(thrown)
      }): make it readable, or move it away, and the home takes another`,
    );
  }
}

function make(file: string, instead: "none" | "foreign"): Uint8Array {
  const secret = newCopyKey();
  const next = `${file}.${Buffer.from(crypto.getRandomValues(new Uint8Array(4))).toString("hex")}`;
  try {
    const fd = openSync(next, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600);
    try {
      // It stays that of the file when that gets its name.
      writeSync(fd, Buffer.concat([secret, Buffer.from(placeOf(next))]));
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    if (instead === "foreign") renameSync(next, file);
    else linkSync(next, file);
    realDisk(dirname(file)).syncFolderBlocking("");
    return secret;
  } catch (thrown) {
    // Somebody else was faster.
    if (errnoOf(thrown) === Errno.EEXIST && instead === "none") return secretIn(file);
    throw new NineError(
      errnoOf(thrown),
      `The key of the home, ${file}, cannot be made (${
        reasonOf(thrown)
      }): new copies of volumes sign with it`,
    );
  } finally {
    rmSync(next, { force: true });
  }
}
