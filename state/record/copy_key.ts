import { Buffer } from "node:buffer";
import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
  verify,
} from "node:crypto";

/** The key of a copy: who writes in a home is known by it. Ed25519, https://www.rfc-editor.org/rfc/rfc8032 */
export interface CopyKey {
  /** 32 bytes. */
  readonly publicKey: Uint8Array;
  /** A signature of 64 bytes. */
  sign(bytes: Uint8Array): Uint8Array;
}

export const KEY_BYTES = 32;
export const SIGNATURE_BYTES = 64;
/** What DER puts before the 32 bytes of a public key, and before those of a private one (RFC 8410). */
const PUBLIC_PREFIX = Buffer.from("302a300506032b6570032100", "hex");
const PRIVATE_PREFIX = Buffer.from("302e020100300506032b657004220420", "hex");

/** A new key's 32 secret bytes. */
export function newCopyKey(): Uint8Array {
  const { privateKey } = generateKeyPairSync("ed25519");
  const der = privateKey.export({ format: "der", type: "pkcs8" });
  return new Uint8Array(der.subarray(PRIVATE_PREFIX.length));
}

/** The key of these 32 secret bytes. */
export function copyKey(secret: Uint8Array): CopyKey {
  if (secret.length !== KEY_BYTES) throw new RangeError(`A key has ${KEY_BYTES} bytes, not ${secret.length}`);
  const key = createPrivateKey({
    key: Buffer.concat([PRIVATE_PREFIX, secret]),
    format: "der",
    type: "pkcs8",
  });
  const der = createPublicKey(key).export({ format: "der", type: "spki" });
  return {
    publicKey: new Uint8Array(der.subarray(PUBLIC_PREFIX.length)),
    sign: (bytes) => new Uint8Array(sign(null, bytes, key)),
  };
}

const known = new Map<string, KeyObject>();
const KNOWN_MAX = 256;

/** Whether the holder of the key signed these bytes; also false for what is no key and no signature. */
export function verifySignature(publicKey: Uint8Array, bytes: Uint8Array, signature: Uint8Array): boolean {
  if (publicKey.length !== KEY_BYTES || signature.length !== SIGNATURE_BYTES) return false;
  try {
    return verify(null, bytes, keyObject(publicKey), signature);
  } catch {
    // 32 bytes that are no point of the curve.
    return false;
  }
}

/** Making one takes longer than verifying with it. */
function keyObject(publicKey: Uint8Array): KeyObject {
  const name = String.fromCharCode(...publicKey);
  let key = known.get(name);
  if (key === undefined) {
    key = createPublicKey({ key: Buffer.concat([PUBLIC_PREFIX, publicKey]), format: "der", type: "spki" });
    if (known.size >= KNOWN_MAX) known.clear();
    known.set(name, key);
  }
  return key;
}
