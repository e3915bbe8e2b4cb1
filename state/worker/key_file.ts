import { Buffer } from "node:buffer";
import {
  closeSync,
  constants,
  existsSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from "node:fs";
import { dirname } from "node:path";
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
  return secretAt(file) ?? make(file);
}

/** Undefined where there is none, and for what is none of this place. */
function secretAt(file: string): Uint8Array | undefined {
  if (!existsSync(file)) return undefined;
  const bytes = readFileSync(file);
  if (bytes.byteLength <= KEY_BYTES || bytes.byteLength > FILE_BYTES_MAX) return undefined;
  const place = bytes.subarray(KEY_BYTES).toString();
  return place === placeOf(file) ? new Uint8Array(bytes.subarray(0, KEY_BYTES)) : undefined;
}

function make(file: string): Uint8Array {
  const secret = newCopyKey();
  const next = `${file}.${Buffer.from(crypto.getRandomValues(new Uint8Array(4))).toString("hex")}`;
  const { O_WRONLY, O_CREAT, O_EXCL } = constants;
  const fd = openSync(next, O_WRONLY | O_CREAT | O_EXCL, 0o600);
  try {
    try {
      // It stays that of the file when that gets its name.
      writeSync(fd, Buffer.concat([secret, Buffer.from(placeOf(next))]));
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    renameSync(next, file);
  } catch (thrown) {
    rmSync(next, { force: true });
    throw thrown;
  }
  realDisk(dirname(file)).syncFolderBlocking("");
  return secret;
}
